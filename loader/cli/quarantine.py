"""The verbs that work off the quarantine: `quarantine list`, `quarantine show`, `quarantine retry`."""

from typing import Annotated

import typer

from loader.basics.errors import ConfigError
from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.show_key import parse_key
from loader.cli.times import moment_text, utc_text

MOST_SHOWN = 50
REASON_SHOWN = 80

app = typer.Typer(help="Rows that could not be decoded: list them, look at one, try again.", rich_markup_mode=None)

Hex = Annotated[bool, typer.Option("--hex", help="KEY is given in hex digits.")]


@app.command("list", short_help="All rows in quarantine, the oldest first.")
def list_(
    context: typer.Context,
    table: options.Table = None,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """All rows in quarantine, the oldest first: key, column, why, since when.

    In Hive each keeps the last image that could be read, or is missing if there was none.

    \b
    Examples:
      hotswap quarantine list ads.performance
      hotswap quarantine list ads.performance --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    rows = session.backend.upkeep(settings, chosen).in_quarantine()
    if json:
        session.out.json({"table": str(chosen.hive_table), "rows": rows})
        return
    if not rows:
        session.out.line(f"{chosen.hive_table}: no row is in quarantine.", style="green")
        return
    lines = [
        (
            row.key,
            row.column or "-",
            utc_text(row.since_ms),
            str(row.batch),
            "next batch" if row.is_asked else "-",
            row.reason[:REASON_SHOWN],
        )
        for row in rows[:MOST_SHOWN]
    ]
    session.out.table(("key", "column", "since (UTC)", "batch", "tried again", "reason"), lines, right={"batch"})
    if len(rows) > MOST_SHOWN:
        session.out.line(f"… and {len(rows) - MOST_SHOWN:,} more rows (--json lists all)")


@app.command("show", short_help="One row with all its cells, byte by byte.")
def show(
    context: typer.Context,
    table: options.NamedTable,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The row key, as HBase's shell prints it: text with \\xNN.")
    ],
    as_hex: Hex = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """One row in quarantine: why, and every mapped cell as HBase gave it.

    \b
    Examples:
      hotswap quarantine show ads.performance ad-0042
      hotswap quarantine show ads.performance 61640001 --hex --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    upkeep = session.backend.upkeep(settings, settings.table(table))
    row = upkeep.one_in_quarantine(parse_key(key, as_hex))
    if json:
        session.out.json(row)
        return
    out = session.out
    out.line(f"row {row.key}", style="bold")
    out.facts(
        [
            ("column", row.column or "the whole row"),
            ("reason", row.reason),
            ("since", moment_text(row.since_ms)),
            ("batch", str(row.batch)),
            ("tried again", "by the next batch" if row.is_asked else "when it changes, or by `quarantine retry`"),
        ]
    )
    out.table(
        ("cell", "put (UTC)", "bytes"), [(cell.cell, utc_text(cell.timestamp_ms), cell.bytes) for cell in row.cells]
    )


@app.command("retry", short_help="Let the next batch try rows again.")
def retry(
    context: typer.Context,
    table: options.NamedTable,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Row keys, as `list` prints them.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All rows in quarantine.")] = False,
    as_hex: Hex = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Let the next batch read rows again, when the mapping was corrected, or the bytes under an old timestamp.

    Nothing is changed here: the loader, or `hotswap run --once`, reads each row as it is then. One that still cannot be
    decoded stays in quarantine.

    \b
    Examples:
      hotswap quarantine retry ads.performance ad-0042
      hotswap quarantine retry ads.performance --all
    """
    if bool(keys) == all_:
        raise ConfigError("give either keys or --all", "`hotswap quarantine list` shows the keys.")
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    done = session.backend.upkeep(settings, chosen).retry([parse_key(key, as_hex) for key in keys or ()])
    if json:
        session.out.json({"table": str(chosen.hive_table), "asked": done})
    else:
        session.out.line(f"The next batch of {chosen.hive_table} tries {counted(done, 'row')} again.")
