"""The verb that makes a loaded table anew: `rebuild`. It shows what would come; only a yes lets it come."""

from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted
from loader.cli import bootstrap, options
from loader.cli.output import Output
from loader.cli.progress import progress, rows_note

if TYPE_CHECKING:
    from loader.ops.bootstrap.rebuild import RebuildPlan


def rebuild(
    context: typer.Context,
    table: options.NamedTable,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Regions and files worked on at a time.")] = 2,
    sample_for: Annotated[
        float,
        typer.Option("--sample-for", parser=options.seconds, metavar="TIME", help="The deadline of the sample."),
    ] = "1m",  # type: ignore[assignment]
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Publish even if more than max_delete_share of the rows go.")
    ] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make a loaded table anew from all of HBase by today's configuration, in one swap.

    The way on when a changed configuration is refused because it makes other rows than those that are live: another
    mapping, partition expression, time zone, transform or HBase table. Columns, their types and the partition keys
    stay. It reads and writes as `bootstrap` does, and goes on where it was when it is killed; until the one swap
    readers see the old rows, and running queries end on them. Stop the loader before. `hotswap rollback` takes it
    back; the old configuration belongs to the old rows.

    \b
    Examples:
      hotswap rebuild ads.performance
      hotswap rebuild ads.performance --yes --threads 8
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    upkeep = session.backend.upkeep(settings, chosen)
    plan = upkeep.preview_rebuild()
    if not json:
        _show_plan(session.out, plan)
    elif not yes:
        session.out.json({"plan": plan})
    session.require_yes("Make all of it anew?", yes, json)
    with progress(session.err) as bar:

        def told(phase: str, done: int, of: int, rows: int) -> None:
            bar(phase, done, of, rows_note(rows))

        report = upkeep.rebuild(
            bootstrap.rules_of(chosen, threads, sample_for),
            confirm_deletes,
            told,
            lambda sample: None if json else bootstrap.show_sample(session.err, sample),
        )
    if json:
        session.out.json({"table": str(chosen.hive_table), **bootstrap.plain(report)})
    else:
        bootstrap.show(session.out, str(chosen.hive_table), report)


def _show_plan(out: Output, plan: "RebuildPlan") -> None:
    out.line(f"Rebuild of {plan.table}", style="bold")
    out.facts(
        [
            ("reads", f"all of HBase, {counted(plan.regions, 'region')}"),
            ("replaces", f"{counted(plan.rows, 'row')} in {counted(plan.partitions, 'partition')}, in one swap"),
            *[("changes", change) for change in plan.changes],
        ]
    )
    if not plan.changes:
        out.line("The configuration makes the same rows as those that are live.")
