"""The verbs that tidy: `clean` deletes what --yes lets go, `analyze` tells the metastore what columns hold."""

from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output
from loader.cli.times import moment_text, span_text

if TYPE_CHECKING:
    from loader.ops.analyze import AnalyzeReport
    from loader.report.reports import CleanReport

MOST_SHOWN = 30


def clean(
    context: typer.Context,
    table: options.NamedTable,
    empty_partitions: Annotated[
        bool, typer.Option("--empty-partitions", help="Drop the partitions that hold no row, too.")
    ] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show which old versions may be deleted; with --yes delete them.

    What is live, what a rollback may still want (the setting `history`) and what a running query may still read (the
    setting `reader_grace`) stays. A running loader does the same by itself every ten minutes.

    A partition whose rows have all gone stays, empty. --empty-partitions drops such partitions from the metastore; when
    rows come again, they are added again. A loader never does that by itself.

    \b
    Examples:
      hotswap clean ads.performance
      hotswap clean ads.performance --yes
      hotswap clean ads.performance --empty-partitions --yes
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    service = session.backend.open_table(settings, chosen)
    report = service.clean(chosen, dry=not yes, empty_partitions=empty_partitions)
    if json:
        session.out.json(report)
    else:
        _show(session.out, report)


def _show(out: Output, report: "CleanReport") -> None:
    shown = report.directories[:MOST_SHOWN]
    rows = [(item.location, str(item.batch), moment_text(item.since_ms), item.why) for item in shown]
    if rows:
        out.table(("directory", "batch", "unused since", "why"), rows, right={"batch"})
    if len(report.directories) > len(shown):
        out.line(f"… and {len(report.directories) - len(shown):,} more (--json lists all)")
    for location in report.failed:
        out.line(f"  ! {location} could not be deleted; the next clean tries again", style="yellow")
    for location in report.foreign:
        out.line(f"  ! {location} is not this table's, though its log names it: left alone", style="yellow")
    for name in report.empty[:MOST_SHOWN]:
        out.line(f"  {name} holds no row{': dropped' if report.deleted else ''}")
    if len(report.empty) > MOST_SHOWN:
        out.line(f"… and {len(report.empty) - MOST_SHOWN:,} more without rows (--json lists all)")
    directories = counted(len(report.directories), "directory", "directories")
    what = (
        f"{directories}, {counted(report.change_sets, 'change set')}, {counted(report.objects, 'other state object')}"
    )
    if report.folded:
        when = "folded into one" if report.deleted else "would be folded into one, with what only they need"
        out.line(f"{counted(report.folded, 'attempt')} older than all of history {when}")
    if report.unsettled:
        out.line(f"{report.table}: an attempt is not settled, so nothing is deleted: run `hotswap recover`")
    elif report.deleted:
        out.line(f"{report.table}: {what} deleted")
    else:
        out.line(f"{report.table}: {what} may go; nothing was deleted (--yes deletes)")


def analyze(
    context: typer.Context,
    table: options.NamedTable,
    partition: Annotated[list[str] | None, options.PARTITION] = None,
    column: Annotated[list[str] | None, typer.Option("--column", metavar="NAME", help="Only this column.")] = None,
    again: Annotated[bool, typer.Option("--all", help="Also partitions whose statistics are current.")] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Compute column statistics from the files, and tell the metastore, without ever moving a partition.

    In place of ANALYZE TABLE … FOR COLUMNS, which writes whole partitions back and can undo a swap. By default only
    partitions that were published since their last analyze. The loader may run: it waits only while numbers are stored.
    Row counts need no analyze: every swap writes them exactly.

    \b
    Examples:
      hotswap analyze ads.performance
      hotswap analyze ads.performance --partition day=2026-07-01 --column clicks
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    service = session.backend.open_table(settings, settings.table(table))
    report = service.analyze(partition or (), column or (), again)
    if json:
        session.out.json(report)
    else:
        _show_analyzed(session.out, report)


def _show_analyzed(out: Output, report: "AnalyzeReport") -> None:
    what = f"{counted(len(report.analyzed), 'partition')}, {counted(report.rows, 'row')}"
    columns = counted(len(report.columns), "column")
    out.line(f"{report.table}: {what}, {columns} analyzed in {span_text(report.seconds)}")
    if report.current:
        out.line(f"  {counted(report.current, 'partition')} had current statistics (--all does them again)")
    for name in report.moved:
        out.line(f"  ! {name} was published meanwhile: run analyze again", style="yellow")
