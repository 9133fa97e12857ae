"""The verb that makes a loaded table anew: `rebuild`."""

from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.bootstrap import bootstrap_rules, show_loaded
from loader.cli.output import Output
from loader.cli.progress import progress, rows_note

if TYPE_CHECKING:
    from loader.ops.bootstrap.rebuild import RebuildPlan


def rebuild(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Rebuild it even if it loses a large share of its rows by that.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Regions and files worked on at a time.")] = 2,
    sample_for: Annotated[
        float,
        typer.Option("--sample-for", parser=options.seconds, metavar="TIME", help="The deadline of the sample."),
    ] = "1m",  # type: ignore[assignment]
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make a loaded table anew from all of HBase, under the configuration as it is now.

    For a configuration that makes other rows than those that are live: another mapping, other partition expressions,
    time zone, transform or HBase table. Columns and partition keys keep their names and types. Shows what it will
    replace, and asks.

    Everything is read and written beside what is live, as a bootstrap does, and one swap replaces all of it: no reader
    sees rows of both. Killed at any moment, it goes on where it was. Stop the loader first: one that goes on publishes
    nothing after the swap and says so. `hotswap rollback` takes it back, and then wants the old configuration.

    \b
    Examples:
      hotswap rebuild ads.performance
      hotswap rebuild ads.performance --yes --threads 8 --json
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    rebuilder = session.backend.rebuilder(settings, chosen)
    plan = rebuilder.preview()
    if not json:
        _show_plan(session.out, plan)
    session.require_yes("Read all of HBase, and replace the table?", yes, json)
    with progress(session.err) as bar:

        def told(phase: str, done: int, of: int, rows: int) -> None:
            bar(phase, done, of, rows_note(rows))

        report = rebuilder.rebuild(bootstrap_rules(chosen, threads, sample_for), confirm_deletes, told)
    if json:
        from loader.report.reports import as_json  # noqa: PLC0415

        session.out.json({"table": plan.table, "replaced": as_json(plan), **as_json(report)})
    else:
        show_loaded(session.out, plan.table, report)


def _show_plan(out: Output, plan: "RebuildPlan") -> None:
    out.line(f"{plan.table} as of batch {plan.batch} would be replaced", style="bold")
    size = size_text(plan.bytes)
    out.line(f"  {counted(plan.partitions, 'partition')}, {counted(plan.rows, 'row')}, {size} are live")
    out.line(f"  all rows of {counted(plan.regions, 'region')} are read from HBase")
    for change in plan.changes:
        out.line(f"  {change}")
    if not plan.changes:
        out.line("  the configuration is the one that made what is live")
