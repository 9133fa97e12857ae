"""The arguments and options that several verbs share."""

import os
from typing import Annotated, Any

import typer

from loader.basics.errors import HotswapError
from loader.basics.quantities import parse_duration
from loader.cli.session import Session

DEFAULT_CONFIG = "hotswap.yaml"


def seconds(text: Any) -> float:
    """A duration on the command line."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _tables(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell's completion: the tables of the configuration. Silent where it cannot be read."""
    from loader.config.document import read_document  # noqa: PLC0415 - only for completion

    path = context.params.get("config") or os.environ.get("HOTSWAP_CONFIG") or DEFAULT_CONFIG
    try:
        tables = read_document(path, os.environ).data.get("tables", {})
    except (HotswapError, AttributeError):
        return []
    return [name for name in tables if name.startswith(incomplete)]


Table = Annotated[
    str | None,
    typer.Argument(
        metavar="TABLE",
        autocompletion=_tables,
        help="Its name in the configuration, or its Hive table; may be left out if it is the only one.",
    ),
]
NamedTable = Annotated[
    str,
    typer.Argument(metavar="TABLE", autocompletion=_tables, help="Its name in the configuration, or its Hive table."),
]
Config = Annotated[
    str, typer.Option("--config", "-c", metavar="FILE", envvar="HOTSWAP_CONFIG", help="The configuration file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; errors too, on standard error.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking: for scripts.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

PARTITION: Any = typer.Option(
    "--partition",
    "-p",
    metavar="KEY=VALUE[/…]",
    help="Only this partition, as SHOW PARTITIONS prints it; may be given several times.",
)


def session_of(context: typer.Context) -> Session:
    """The session that `main` put there."""
    session = context.obj
    assert isinstance(session, Session)
    return session
