"""`hotswap forget`: let go of a table."""

from typing import TYPE_CHECKING

import typer

from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output

if TYPE_CHECKING:
    from loader.ops.forget import ForgetReport


def forget(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show what would go if hotswap let go of the table; with --yes let go.

    The Hive table, its partitions and every file of rows stay, and queries go on: it is a plain Hive table then, which
    nobody keeps equal to HBase. What goes: the claim, hotswap's properties and fences, and its state with history,
    quarantine and key index, so no rollback is possible afterwards. Refuses while a loader holds the lock, and
    while an attempt is open. Works, too, where the Hive table was dropped. `hotswap adopt` takes the table back.

    \b
    Examples:
      hotswap forget ads.performance
      hotswap forget ads.performance --yes
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    report = session.backend.forget(settings, settings.table(table), not yes)
    if json:
        session.out.json(report)
    else:
        _show(session.out, report)


def _show(out: Output, report: "ForgetReport") -> None:
    if report.nothing:
        out.line(f"{report.table}: nothing of hotswap's at {report.location}")
        return
    for what, paths in (("claim", report.claims), ("state", report.state)):
        for path in paths:
            out.line(f"  {what} {path}")
    for name in report.properties:
        out.line(f"  property {name}")
    if report.fences:
        out.line(f"  {counted(report.fences, 'fence')} (empty partitions)")
    if report.stays is None:
        out.line(f"There is no Hive table {report.table}; whatever rows lie in {report.versions} stay")
    else:
        kept = counted(report.stays, "partition")
        out.line(f"The Hive table stays with {kept}, and so does all of {report.versions}, where their rows lie")
    out.line(f"{report.table}: forgotten" if report.done else f"{report.table}: nothing was changed (--yes forgets it)")
