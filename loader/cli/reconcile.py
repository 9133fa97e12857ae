"""The verb that compares: `reconcile`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.errors import NeedsConfirmation
from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output
from loader.cli.progress import progress, rows_note
from loader.cli.times import moment_text, span_text
from loader.report.findings import SOMETHING_TO_DO

if TYPE_CHECKING:
    from loader.cli.session import Session
    from loader.ops.reconcile.report import ReconcileReport, SampleKey
    from loader.ops.reconcile.tally import Progress

MOST_SHOWN = 30
SAMPLES_SHOWN = 20
PHASES = {"hive": "reading Hive", "hbase": "comparing with HBase", "settling": "waiting for what just changed"}
IN_A_PARTITION = ("missing", "extra", "different", "doubled")
KINDS = (*IN_A_PARTITION, "unnoticed")


def reconcile(
    context: typer.Context,
    table: options.Table = None,
    repair: Annotated[bool, typer.Option("--repair", help="Hand the keys that differ to the next batch.")] = False,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="ROWS", min=0, help="Rows a second read from HBase; 0: no limit."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option("--wait", parser=options.seconds, metavar="TIME", help="How long to wait for what just changed."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write every key that differs as a line of JSON.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, though a comparison was left in the middle.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 6 if anything differs.")] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Compare all of HBase with all of Hive, by key and row digest, and show what differs.

    Finds what no window sees: bulk loads, timestamps of the client's own, expiry, markers that a compaction removed.
    Both may change meanwhile: a difference counts only if no coming window would bring it. Region by region, no faster
    than the rate; a comparison that was killed goes on where it was.

    --repair changes nothing itself: the loader (or `hotswap run --once`) reads the keys again and publishes them. Many
    deletes want a yes.

    \b
    Examples:
      hotswap reconcile ads.performance
      hotswap reconcile ads.performance --repair --rate 50000
      hotswap reconcile ads.performance --check --export drift.jsonl
    """
    from loader.ops.reconcile.run import Rules  # noqa: PLC0415 - brings pyarrow

    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    given = chosen.reconcile
    rules = Rules(
        rate=given.rate if rate is None else rate,
        wait_s=given.wait if wait is None else wait,
        repair=repair,
        max_delete_share=chosen.max_delete_share,
        fresh=fresh,
    )
    upkeep = session.backend.upkeep(settings, chosen)
    with progress(session.err) as bar:

        def told(found: "Progress") -> None:
            note = rows_note(found.rows, f", {found.drift:,} differ" if found.drift else "")
            bar(PHASES[found.phase], found.ranges, found.of, note)

        def confirm(question: str) -> None:
            bar.stop()
            _confirm(session, question, yes, json)

        report = upkeep.reconcile(rules, confirm, told, export)
    if json:
        session.out.json(report)
    else:
        show(session.out, report)
    return SOMETHING_TO_DO if check and (report.drift or report.unexplained) else 0


def _confirm(session: "Session", question: str, yes: bool, json: bool) -> None:
    """Raises NeedsConfirmation, with what was asked: nothing else has told of it yet."""
    try:
        session.require_yes(question, yes, json)
    except NeedsConfirmation as error:
        raise NeedsConfirmation(
            f"{question.rpartition('. ')[0]}: {error.message}",
            "If HBase really lost them, run it again with --yes within a day: it goes on where it is. Else see "
            "which: leave out --repair, and add --export FILE.",
        ) from None


def show(out: Output, report: "ReconcileReport") -> None:
    out.line(f"Comparison {report.number} of {report.table}", style="bold")
    out.facts(
        [
            ("began", moment_text(report.begun_ms)),
            ("took", span_text((report.ended_ms - report.begun_ms) / 1000)),
            ("HBase", counted(report.hbase_rows, "row")),
            ("Hive", counted(report.hive_rows, "row")),
            *[(kind, counted(getattr(report, kind), "key")) for kind in KINDS if getattr(report, kind)],
            *[("just changed", counted(report.unsettled, "key"))][: bool(report.unsettled)],
            *[("quarantined", counted(report.rejected, "row"))][: bool(report.rejected)],
        ]
    )
    shown = report.partitions[:MOST_SHOWN]
    if shown:
        rows = [(item.partition, *(f"{getattr(item, kind):,}" for kind in IN_A_PARTITION)) for item in shown]
        out.table(("partition", *IN_A_PARTITION), rows, right=set(IN_A_PARTITION))
    if len(report.partitions) > len(shown):
        out.line(f"… and {len(report.partitions) - len(shown):,} more partitions (--json lists all)")
    for sample in _shown(report.samples):
        out.line(f"  {sample.kind:<9}  {sample.key}  {sample.partition}")
    _verdict(out, report)


def _shown(samples: "tuple[SampleKey, ...]") -> "list[SampleKey]":
    """As many of each kind as of any other."""
    of_kind = Counter(sample.kind for sample in samples)
    each = SAMPLES_SHOWN // max(1, len(of_kind))
    return [sample for kind in of_kind for sample in [found for found in samples if found.kind == kind][:each]]


def _verdict(out: Output, report: "ReconcileReport") -> None:
    if report.unexplained:
        what = f"the totals differ by {counted(report.unexplained, 'row')} that no key accounts for"
        out.line(f"{what}: run `hotswap verify {report.table} --deep`.", style="bold red")
    elif report.equal:
        out.line(f"{report.table} equals HBase.", style="green")
    elif not report.drift and report.unsettled:
        out.line(f"No difference stands, but {counted(report.unsettled, 'key')} of {report.table} cannot be told yet.")
    elif not report.drift:
        out.line(f"No key of {report.table} differs any more; the totals tell two moments, for rows came or went.")
    elif report.repaired:
        keys = counted(report.drift, "key")
        out.line(f"{keys} handed to the next batches. A running loader reads them again; or `hotswap run --once`.")
    else:
        out.line(f"{counted(report.drift, 'key')} differ. `hotswap reconcile {report.table} --repair` puts them right.")
    if report.doubled:
        out.line(f"  ! keys that stand twice are damage: `hotswap verify {report.table} --deep`", style="yellow")
    if report.unsettled:
        out.line("  ! what just changed is left to the loader: it had not come by yet, or nobody loads", style="yellow")
