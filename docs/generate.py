"""Writes docs/cli.md from `--help` and docs/configuration.md from the settings and their example.

python docs/generate.py            write both
python docs/generate.py --check    exit with 1 if one is not current
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic import BaseModel

from loader.cli.main import app
from loader.config import settings, source_settings
from loader.config.document import Document, KeyPath, read_document

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "conf" / "hotswap.example.yaml"
WIDTH = 100
EVENTS: KeyPath = ("tables", "ads.impressions")
OF_EVENTS = settings.OF_EVENTS | {"source"}
"""Settings that the example shows on its table of events."""
SECTIONS: tuple[tuple[str, str, type[BaseModel], KeyPath], ...] = (
    ("The file", "", settings.Settings, ()),
    ("metastore", "metastore.", settings.MetastoreSettings, ("metastore",)),
    ("hbase", "hbase.", settings.HBaseSettings, ("hbase",)),
    ("metrics", "metrics.", settings.Metrics, ("metrics",)),
    ("tables", "tables.NAME.", settings.TableSettings, ("tables", "ads.performance")),
    (
        "tables.NAME.source.kafka",
        "tables.NAME.source.kafka.",
        source_settings.KafkaSource,
        (*EVENTS, "source", "kafka"),
    ),
    ("tables.NAME.alarms", "tables.NAME.alarms.", settings.Alarms, ("tables", "ads.performance", "alarms")),
)


def cli() -> str:
    """docs/cli.md: the help of every verb, as it is printed."""
    group = typer.main.get_group(app)
    top = typer.Context(group, info_name="hotswap", terminal_width=WIDTH, max_content_width=WIDTH)
    parts = [
        "# The command `hotswap`\n",
        "Written by `make docs` from `hotswap --help`.\n",
        _block(group.get_help(top)),
    ]
    for name in group.list_commands(top):
        command = group.get_command(top, name)
        assert command is not None
        context = typer.Context(
            command, info_name=name, parent=top, terminal_width=WIDTH, max_content_width=WIDTH, show_default=True
        )
        parts += [f"## hotswap {name}\n", _block(command.get_help(context))]
        parts += _below(command, context)
    return "\n".join(parts)


def _below(command: object, context: typer.Context) -> list[str]:
    """The verbs of a family, such as `quarantine list`."""
    parts = []
    for name, verb in getattr(command, "commands", {}).items():
        inner = typer.Context(
            verb, info_name=name, parent=context, terminal_width=WIDTH, max_content_width=WIDTH, show_default=True
        )
        parts += [f"### hotswap {context.info_name} {name}\n", _block(verb.get_help(inner))]
    return parts


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"```text\n{lines}\n```\n"


def configuration() -> str:
    """docs/configuration.md: every setting with its default and its explanation, then the example itself."""
    document = read_document(EXAMPLE, {})
    parts = ["# Configuration\n", "Written by `make docs` from the settings and conf/hotswap.example.yaml.\n"]
    for title, prefix, model, path in SECTIONS:
        parts += [f"## {title}\n", f"{model.__doc__}\n", "\n".join(_table(document, prefix, model, path)) + "\n"]
    parts += ["## An example of everything\n", f"```yaml\n{EXAMPLE.read_text()}```\n"]
    return "\n".join(parts)


def _table(document: Document, prefix: str, model: type[BaseModel], path: KeyPath) -> Iterator[str]:
    lines = EXAMPLE.read_text().splitlines()
    yield "| setting | default | what it means |"
    yield "|-|-|-|"
    for name, field in model.model_fields.items():
        line = document.lines[(*(EVENTS if name in OF_EVENTS and model is settings.TableSettings else path), name)]
        default = "required" if field.is_required() else f"`{_shown(lines[line - 1], field.default)}`"
        yield f"| `{prefix}{name}` | {default} | {_comment(lines, line - 1)} |"


def _shown(line: str, default: object) -> str:
    """A default as the example writes it; where that is only an example, it is none."""
    written = line.partition(":")[2].strip()
    if default is None:
        return "none"
    return written or "see the example"


def _comment(lines: list[str], index: int) -> str:
    """The comment right above a line of the file, as one line of Markdown."""
    comment: list[str] = []
    while index > 0 and (text := lines[index - 1].strip()).startswith("#"):
        comment.insert(0, text.removeprefix("#").strip())
        index -= 1
    return re.sub(r"\s+", " ", " ".join(comment)).replace("|", "\\|").replace("<", "&lt;")


PAGES = {DOCS / "cli.md": cli, DOCS / "configuration.md": configuration}


def main(check: bool) -> int:
    stale = [path for path, page in PAGES.items() if not path.exists() or path.read_text() != page()]
    if check:
        for path in stale:
            print(f"docs/{path.name} is not current: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(PAGES[path]())
        print(f"wrote docs/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
