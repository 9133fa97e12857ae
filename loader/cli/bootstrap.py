"""The verb for a first load: `bootstrap`."""

from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.output import Output
from loader.cli.progress import progress, rows_note

if TYPE_CHECKING:
    from loader.config.settings import TableSettings
    from loader.ops.bootstrap.run import BootstrapRules, Loaded
    from loader.ops.bootstrap.sample import Sample


def bootstrap(
    context: typer.Context,
    table: options.NamedTable,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Regions and files worked on at a time.")] = 2,
    sample_for: Annotated[
        float,
        typer.Option("--sample-for", parser=options.seconds, metavar="TIME", help="The deadline of the sample."),
    ] = "1m",  # type: ignore[assignment]
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Load a big existing HBase table in one go, where the first batch of `run` would hold all of it in memory.

    First a sample of the regions tells how much there is, and how sure that is. Then every region is read to disk,
    every file is written, and one swap publishes all of it: until then readers see nothing. Killed at any moment, it
    goes on where it was when it is started again. Needs about twice the table's space while it works.

    Afterwards start `hotswap run`: it begins where the bootstrap began, so nothing is missed and nothing doubled.

    \b
    Examples:
      hotswap bootstrap ads.performance
      hotswap bootstrap ads.performance --threads 8 --json
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    rules = rules_of(chosen, threads, sample_for)
    upkeep = session.backend.upkeep(settings, chosen)
    with progress(session.err) as bar:

        def told(phase: str, done: int, of: int, rows: int) -> None:
            bar(phase, done, of, rows_note(rows))

        report = upkeep.bootstrap(rules, told, lambda sample: None if json else show_sample(session.err, sample))
    if json:
        session.out.json({"table": str(chosen.hive_table), **plain(report)})
    else:
        show(session.out, str(chosen.hive_table), report)


def rules_of(table: "TableSettings", threads: int, sample_s: float) -> "BootstrapRules":
    """How a table is read and written at once."""
    from loader.ops.bootstrap.run import BootstrapRules  # noqa: PLC0415 - brings pyarrow
    from loader.wiring.source import window_rules  # noqa: PLC0415 - likewise
    from partitioner.planning.sizing import SizingRules  # noqa: PLC0415

    windows = window_rules(table)
    return BootstrapRules(
        sizing=SizingRules(bytes_per_file=table.bytes_per_file),
        threads=threads,
        sample_s=sample_s,
        lag_ms=windows.lag_ms,
        overlap_ms=windows.deep_overlap_ms,
    )


def plain(report: "Loaded") -> dict[str, object]:
    from loader.report.reports import as_json  # noqa: PLC0415

    found: dict[str, object] = as_json(report)
    return found


def show_sample(out: Output, sample: "Sample") -> None:
    rows = f"about {round(sample.rows.value):,} rows {_error(sample.rows.error)}"
    out.line(f"Sampled {sample.regions} of {counted(sample.of, 'region')}: {rows}", style="bold")
    if sample.bytes_per_row is not None:
        size = size_text(sample.bytes_per_row.value * sample.rows.value)
        each = f"{sample.bytes_per_row.value:.0f} bytes a row {_error(sample.bytes_per_row.error)}"
        out.line(f"  {each}, {size} in all; {counted(sample.partitions, 'partition')} seen")
    if sample.late:
        out.line("  ! the deadline came before all chosen regions were read", style="yellow")


def _error(share: float) -> str:
    return "(nobody knows how sure)" if share == float("inf") else f"(± {share * 100:.0f} %)"


def show(out: Output, table: str, report: "Loaded") -> None:
    what = f"{counted(report.rows, 'row')} in {counted(report.partitions, 'partition')}"
    files = f"{counted(report.files, 'file')}, {size_text(report.bytes)}"
    out.line(f"{table}: {what}, {files}, published as batch {report.batch}.", style="green")
    if report.rejected:
        out.line(f"  ! {counted(report.rejected, 'row')} in quarantine: `hotswap quarantine list`", style="yellow")
    out.line(f"Next: hotswap run {table}")
