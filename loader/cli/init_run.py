"""The verbs that load: `init` once, `run` for ever after."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.errors import ConfigError
from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output

if TYPE_CHECKING:
    from loader.report.reports import InitReport, SampledRow, SampleReport


SAMPLE = 20
"""Rows that a dry run looks at if it is not told how many."""


def init(
    context: typer.Context,
    table: options.Table = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Show N rows: raw bytes beside what they become.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the rows (20 without --sample): asks no Hive, writes nothing.")
    ] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Check HBase, create the Hive table or check that it fits, and claim its location.

    Loads nothing. Run it once for each table; running it again checks again. The rows of --sample come from all
    regions; if most of them cannot be decoded, nothing is created, and the exit code is 2. --dry-run ends after them:
    the way to see whether the mapping is right. What a failed init has created is undone.

    \b
    Examples:
      hotswap init ads.performance --dry-run
      hotswap init ads.performance --sample 20
      hotswap init ads.performance --json
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    count = sample or (SAMPLE if dry_run else 0)
    sampled = session.backend.sample(settings, chosen, count) if count else None
    if sampled and not json:
        show_sample(session.out, sampled)
    if sampled and (dry_run or sampled.most_fail):
        if json:
            session.out.json(sampled)
        _check_sample(sampled)
        return
    report = session.backend.initialise(settings, chosen)
    if json:
        session.out.json(replace(report, sample=sampled.rows if sampled else ()))
    else:
        _show_init(session.out, report)


def _check_sample(sampled: "SampleReport") -> None:
    """Raises ConfigError if the mapping cannot be meant so."""
    if not sampled.most_fail:
        return
    guesses = " ".join(f"Perhaps {guess}" for guess in sampled.guesses)
    raise ConfigError(
        f"{sampled.failed} of {counted(len(sampled.rows), 'sampled row')} of HBase table {sampled.hbase_table}"
        f" cannot be decoded by the mapping of {sampled.table}, so nothing was created or claimed",
        guesses or "Correct `columns` or `mapping`, and try again.",
    )


def show_sample(out: Output, sampled: "SampleReport") -> None:
    for row in sampled.rows:
        _show_row(out, row)
    where = f"{sampled.hbase_table}, {counted(sampled.regions, 'region')}"
    out.line(f"{counted(len(sampled.rows), 'row')} of HBase table {where}: {sampled.failed} would be quarantined")
    for guess in sampled.guesses:
        out.line(f"  ! {guess}", style="yellow")
    out.line()


def _show_init(out: Output, report: "InitReport") -> None:
    out.line(f"{report.table} is {'created' if report.created else 'fit'} and claimed", style="bold")
    columns = ", ".join(f"{name} {kind}" for name, kind in report.columns)
    keys = ", ".join(f"{name} {kind}" for name, kind in report.partition_keys)
    out.facts(
        [
            _source(report),
            ("location", report.location),
            ("columns", columns),
            ("partitioned by", keys),
        ]
    )
    for warning in report.warnings:
        out.line(f"  ! {warning}", style="yellow")
    if not report.hbase_table:
        out.line(f"Next: hotswap run {report.table}")
        return
    out.line(f"Next: hotswap run {report.table}; for many millions of rows hotswap bootstrap {report.table} before it")


def _source(report: "InitReport") -> tuple[str, str]:
    if not report.hbase_table:
        return "source", report.source
    return "HBase table", f"{report.hbase_table}, {counted(report.regions, 'region')}"


def _show_row(out: Output, row: "SampledRow") -> None:
    goes = row.partition or ("quarantine" if row.problem else "nowhere: the transform's where leaves it out")
    out.line(f"row {row.key} → {goes}", style="bold")
    cells = [
        (cell.column, cell.cell, "-" if cell.raw is None else cell.raw, cell.error or str(cell.value))
        for cell in row.cells
    ]
    out.table(("column", "cell", "bytes", "becomes"), cells)
    if row.problem and not any(cell.error for cell in row.cells):
        out.line(f"  {row.problem}")
    out.line()


def run(
    context: typer.Context,
    table: options.Table = None,
    once: Annotated[bool, typer.Option("--once", help="Load what there is now, then end.")] = False,
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Publish a batch even if it deletes more than max_delete_share.")
    ] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Keep the Hive table equal to the HBase table until stopped.

    Waits for a server that is away, and says so; with --once that is an error. Stopping it at any moment, even with
    kill -9, loses nothing: the next start settles what was under way. Each batch is one line on standard output: JSON,
    unless that is a terminal. Spark's own messages go to standard error.

    \b
    Examples:
      hotswap run ads.performance
      hotswap run ads.performance --once
      hotswap run ads.performance >> batches.jsonl
    """
    from loader.report import log  # noqa: PLC0415

    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    log.configure(session.stdout, json_lines=json or not session.out.for_a_person)
    log.ended(session.backend.run(settings, chosen, once, confirm_deletes))
