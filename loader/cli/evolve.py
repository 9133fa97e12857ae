"""The verb that changes columns: `evolve`. It shows what would come; only a yes lets it come."""

from typing import TYPE_CHECKING

import typer

from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output

if TYPE_CHECKING:
    from loader.ops.evolve import EvolveReport


def evolve(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Add the columns that are new in the configuration to the Hive table, behind those that are there.

    Readers see null in them at once. Stop the loader before, and start it with the new configuration after: what
    changes from then on has the new columns. Old rows get them from `hotswap reconcile --repair`, or from its schedule;
    until then `hotswap status` names the columns as not equal yet. Columns are never dropped, types never changed.

    \b
    Examples:
      hotswap evolve ads.performance
      hotswap evolve ads.performance --yes
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    upkeep = session.backend.upkeep(settings, chosen)
    plan = upkeep.preview_evolve()
    if not plan.added:
        _tell(session.out, plan, json)
        return
    if not json:
        _show(session.out, plan)
    elif not yes:
        session.out.json({"plan": plan})
    session.require_yes("Add them?", yes, json)
    _tell(session.out, upkeep.evolve(), json)


def _show(out: Output, plan: "EvolveReport") -> None:
    out.line(f"New in {plan.table}", style="bold")
    out.facts(plan.added)


def _tell(out: Output, report: "EvolveReport", json: bool) -> None:
    if json:
        out.json(report)
    elif not report.added:
        out.line(f"{report.table} has all columns of the configuration.")
    else:
        out.line(f"{report.table}: {counted(len(report.added), 'column')} added.", style="green")
        out.line(f"Start the loader with this configuration, then: hotswap reconcile {report.table} --repair")
    if not json and report.behind:
        out.line(f"Not equal yet in old rows: {', '.join(report.behind)}")
