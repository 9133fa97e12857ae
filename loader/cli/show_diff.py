"""The verbs that look closely: `show` one batch, `diff` two. They need neither Java nor Spark."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.errors import ConfigError
from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.output import Output
from loader.cli.show_key import parse_key, show_key
from loader.cli.times import moment_text

if TYPE_CHECKING:
    from loader.cli.session import Session
    from loader.config.settings import Settings
    from loader.ops.show import BatchDetail, Change, Difference

MOST_SHOWN = 30
CHANGES = ("partition", "rows before", "rows after", "change", "bytes before", "bytes after", "files")


def show(
    context: typer.Context,
    table: options.NamedTable,
    batch: Annotated[
        int | None, typer.Argument(metavar="[BATCH]", min=1, help="The number of a batch, as `history` lists it.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="A row key instead, as HBase's shell prints it: text with \\xNN."),
    ] = None,
    as_hex: Annotated[bool, typer.Option("--hex", help="KEY is in hex digits, two a byte.")] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """One batch: what it read, what it changed in each partition, and what became of it. Or, with --key, one row.

    Of a batch it reads the state folder only: what it did, not what is live now (see `verify` for that).

    Of a key it tells where the row lives, which batch wrote it, what HBase says now, and why they differ if they do:
    not yet seen by a window, held, in quarantine, expired, or missed by every window.

    \b
    Examples:
      hotswap show ads.performance 41
      hotswap show ads.performance --key 'ad-17'
      hotswap show ads.performance --key 8000002a --hex --json
    """
    if (batch is None) == (key is None):
        raise ConfigError("give either a BATCH or --key KEY", "`hotswap history` lists the batches.")
    session = options.session_of(context)
    settings = session.backend.load(config)
    if key is not None:
        _one_key(session, settings, table, parse_key(key, as_hex), json)
        return
    detail = session.backend.open_table(settings, settings.table(table)).show_batch(batch or 0)
    if json:
        session.out.json(detail)
    else:
        _show(session.out, detail)


def _one_key(session: "Session", settings: "Settings", table: str, key: bytes, json: bool) -> None:
    found = session.backend.show_key(settings, settings.table(table), key)
    if json:
        session.out.json(found)
    else:
        show_key(session.out, found)


def _show(out: Output, detail: "BatchDetail") -> None:
    out.line(f"{detail.table} batch {detail.batch}: {detail.kind}, {detail.outcome}", style="bold")
    facts = [("attempt", detail.attempt), ("run", detail.run), ("started", moment_text(detail.started_ms))]
    facts += [("manifest", moment_text(detail.recorded_ms) if detail.recorded_ms else "none: it sent no swap")]
    if detail.concluded_ms:
        facts.append((detail.outcome, moment_text(detail.concluded_ms)))
    if detail.reason:
        facts.append(("why", detail.reason))
    if detail.window:
        facts.append(("window", f"{moment_text(detail.window[0])} to {moment_text(detail.window[1])}"))
    if detail.target is not None:
        facts.append(("went back to", f"batch {detail.target}, taking back {', '.join(map(str, detail.undone))}"))
    kinds = (("upsert", detail.upserts), ("delete", detail.deletes), ("move", detail.moves))
    facts.append(("changes", ", ".join(counted(count, kind) for kind, count in kinds)))
    if detail.rejected or detail.healed:
        facts.append(("quarantine", f"{counted(detail.rejected, 'row')} put in, {detail.healed:,} healed"))
    if detail.fence:
        facts.append(("fence", detail.fence))
    out.facts(facts)
    _changes(out, detail.partitions)


def diff(
    context: typer.Context,
    table: options.NamedTable,
    older: Annotated[int, typer.Argument(metavar="BATCH", min=1, help="The table as it was after this batch …")],
    newer: Annotated[int, typer.Argument(metavar="BATCH", min=1, help="… against what it was after this one.")],
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Two batches compared: which partitions differ, in rows, bytes and files.

    Each as the whole table was after that batch, so everything between them counts. This is what `rollback` from one to
    the other would move.

    \b
    Examples:
      hotswap diff ads.performance 38 41
      hotswap diff ads.performance 38 41 --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    found = session.backend.open_table(settings, settings.table(table)).diff(older, newer)
    if json:
        session.out.json(found)
    else:
        _difference(session.out, found)


def _difference(out: Output, found: "Difference") -> None:
    out.line(f"{found.table}: batch {found.older} against batch {found.newer}", style="bold")
    out.facts(
        [
            ("rows", _step(f"{found.rows_before:,}", f"{found.rows_after:,}", found.rows_after - found.rows_before)),
            ("bytes", f"{size_text(found.bytes_before)} → {size_text(found.bytes_after)}"),
            ("partitions", f"{len(found.partitions):,} differ, {found.unchanged:,} are the same"),
        ]
    )
    _changes(out, found.partitions)


def _step(before: str, after: str, change: int) -> str:
    return f"{before} → {after} ({change:+,})"


def _changes(out: Output, changes: "Sequence[Change]") -> None:
    rows = [
        (
            item.partition,
            f"{item.rows_before:,}",
            f"{item.rows_after:,}",
            f"{item.rows_after - item.rows_before:+,}",
            size_text(item.bytes_before),
            size_text(item.bytes_after),
            str(item.files_after),
        )
        for item in changes[:MOST_SHOWN]
    ]
    if rows:
        out.table(CHANGES, rows, right=set(CHANGES[1:]))
    if len(changes) > len(rows):
        out.line(f"… and {len(changes) - len(rows):,} more partitions (--json lists all)")
