"""The verbs that check: `verify` a table against its files, `doctor` all that is around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.output import Output
from loader.cli.rebuild_index import rebuild
from loader.cli.session import prove
from loader.cli.times import span_text
from loader.report.findings import Finding, Grade, exit_code

if TYPE_CHECKING:
    from loader.ops.doctor.doctor import DoctorReport
    from loader.ops.verify.verify import VerifyReport

MARKS = {Grade.DAMAGE: ("✗", "bold red"), Grade.TO_DO: ("!", "yellow"), Grade.NOTE: ("·", "")}
MOST_SHOWN = 50


def verify(
    context: typer.Context,
    table: options.Table = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file whole: all rows, each key once, the key index.")
    ] = False,
    rebuild_index: Annotated[
        bool, typer.Option("--rebuild-index", help="First make the key index anew from the live files; asks.")
    ] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check that metastore, manifests, files and row counts of a table agree. Changes nothing.

    Locations, columns and statistics of every partition, its placeholder, the listing of every live directory, and the
    footer of every file. The loader may run meanwhile. With --deep it reads the table as a full scan does.

    Exit code 5: damage, that is, rows are lost or doubled; 6: somebody changed something, and what is found says what
    to do; 0: all agrees.

    With --rebuild-index the key index is made anew first, under the table's lock: for an index that is lost or that
    disagrees with the files. It is published like a batch that moves nothing, so a rollback to a batch before it brings
    that batch's own index back. Files that are damaged themselves are refused, and named.

    \b
    Examples:
      hotswap verify ads.performance
      hotswap verify ads.performance --deep --json
      hotswap verify ads.performance --rebuild-index --deep
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    service = session.backend.open_table(settings, chosen)
    rebuilt = rebuild(session, service, chosen, yes, json) if rebuild_index else None
    report = service.verify(chosen, deep)
    if json:
        session.out.json({"rebuilt": rebuilt, "verified": report} if rebuilt else report)
    else:
        _show_verified(session.out, report)
    return exit_code(report.findings)


def _show_verified(out: Output, report: "VerifyReport") -> None:
    show_findings(out, report.findings)
    rows = f"{counted(report.rows, 'row')}, {size_text(report.bytes)}"
    what = f"{counted(report.partitions, 'partition')}, {counted(report.files, 'file')}, {rows}"
    read = "read whole" if report.deep else "compared"
    wrong = [finding for finding in report.findings if finding.grade is not Grade.NOTE]
    verdict = f"{counted(len(wrong), 'finding')}" if wrong else "all agree"
    line = f"{report.table} at batch {report.batch}: {what} {read} in {span_text(report.seconds)}; {verdict}."
    out.line(line, style="" if wrong else "green")


def doctor(
    context: typer.Context,
    table: options.Table = None,
    clock_table: Annotated[
        str | None,
        typer.Option(
            "--clock-table",
            metavar="NAME",
            help="An HBase table of hotswap's own, with a region on every server: measure their clocks with it.",
        ),
    ] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Find what will hurt later: servers, versions, settings, permissions, clocks, and two truths that differ.

    Does to a scratch table of its own what the loader does to yours (writes files, adds partitions, locks, swaps, reads
    back, drops) and puts it away. Changes nothing else, and may run beside the loader. Without TABLE it looks at every
    table of the configuration. Each finding says what to do.

    With --clock-table it puts a small cell into each region of that table, to learn how far HBase's clocks are off. It
    never writes to the tables that are loaded from.

    Exit code 5: damage; 6: there is a finding; 0: all is well. What begins with a dot is worth knowing, and no finding.

    \b
    Examples:
      hotswap doctor
      hotswap doctor ads.performance --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = [settings.table(table)] if table else list(settings.tables.values())
    for item in chosen:
        prove(settings, item)
    found = [session.backend.doctor(settings, item, clock_table) for item in chosen]
    if json:
        session.out.json({"tables": found})
    for report in () if json else found:
        _show_examined(session.out, report)
    return exit_code(finding for report in found for finding in report.findings)


def _show_examined(out: Output, report: "DoctorReport") -> None:
    out.line(report.table, style="bold")
    if report.facts:
        out.facts(report.facts)
    show_findings(out, report.findings)
    wrong = sum(finding.grade is not Grade.NOTE for finding in report.findings)
    verdict = counted(wrong, "finding") if wrong else "nothing found"
    out.line(f"{counted(len(report.checks), 'check')} made, {verdict}.", style="" if wrong else "green")


def show_findings(out: Output, findings: Sequence[Finding]) -> None:
    """Each as what was found, and below it what to do."""
    for finding in findings[:MOST_SHOWN]:
        mark, style = MARKS[finding.grade]
        out.line(f"  {mark} {finding.check} · {finding.where}: {finding.what}", style=style)
        if finding.do:
            out.line(f"      → {finding.do}")
    if len(findings) > MOST_SHOWN:
        out.line(f"… and {len(findings) - MOST_SHOWN:,} more findings (--json lists all)")
