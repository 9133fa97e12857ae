"""The verbs that check: `verify` one table against its files. What they find comes with what to do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loader.cli import options
from loader.cli.output import Output
from loader.cli.times import span_text
from loader.findings import Finding, Grade, exit_code
from loader.quantities import counted, size_text

if TYPE_CHECKING:
    from loader.service_checks import VerifyReport

MARKS = {Grade.DAMAGE: ("✗", "bold red"), Grade.TO_DO: ("!", "yellow"), Grade.NOTE: ("·", "")}
MOST_SHOWN = 50


def verify(
    context: typer.Context,
    table: options.Table = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file whole: all rows, each key once, the key index.")
    ] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check that metastore, manifests, files and row counts of a table agree. Changes nothing.

    Locations, columns and statistics of every partition, its placeholder, the listing of every live directory, and the
    footer of every file. The loader may run meanwhile. With --deep it reads the table as a full scan does.

    Exit code 5: damage, that is, rows are lost or doubled; 6: somebody changed something, and what is found says what
    to do; 0: all agrees.

    \b
    Examples:
      hotswap verify ads.performance
      hotswap verify ads.performance --deep --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    report = session.backend.open_table(settings, chosen).verify(chosen, deep)
    if json:
        session.out.json(report)
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


def show_findings(out: Output, findings: Sequence[Finding]) -> None:
    """Each as what was found, and below it what to do."""
    for finding in findings[:MOST_SHOWN]:
        mark, style = MARKS[finding.grade]
        out.line(f"  {mark} {finding.check} · {finding.where}: {finding.what}", style=style)
        if finding.do:
            out.line(f"      → {finding.do}")
    if len(findings) > MOST_SHOWN:
        out.line(f"… and {len(findings) - MOST_SHOWN:,} more findings (--json lists all)")
