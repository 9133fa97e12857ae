"""The verbs of a bad night: `rollback`, `resume` and `recover`. What destroys shows first what it would do."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loader.cli import options
from loader.cli.output import Output
from loader.cli.times import moment_text, parse_moment, span_text
from loader.errors import ConfigError
from loader.quantities import counted

if TYPE_CHECKING:
    from loader.cli.session import Session
    from loader.reports import ResumePlan, RollbackPlan

MOST_SHOWN = 30


def _moment(text: str) -> int:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def rollback(
    context: typer.Context,
    table: options.NamedTable,
    to: Annotated[int | None, typer.Option("--to", metavar="BATCH", min=1, help="The batch to go back to.")] = None,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of", parser=_moment, metavar="TIME", help="Go back to what was live then: 2026-07-01T12:00:00Z."
        ),
    ] = None,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make the table again what it was after an earlier batch, with one swap.

    Shows what would move, then asks. Running queries finish on what they read. Afterwards the table is held: the loader
    publishes nothing until `hotswap resume`. A batch is not a snapshot of HBase: this is the table's own history.

    \b
    Examples:
      hotswap history ads.performance
      hotswap rollback ads.performance --to 41
      hotswap rollback ads.performance --as-of 2026-07-01T12:00:00Z --yes
    """
    if (to is None) == (as_of is None):
        raise ConfigError("give either --to BATCH or --as-of TIME", "`hotswap history` lists the batches.")
    session = options.session_of(context)
    settings = session.backend.load(config)
    service = session.backend.open_table(settings, settings.table(table))
    plan = service.preview_rollback(to, as_of)
    _preview(session, json, yes, plan, lambda out: _show_rollback(out, plan, as_of))
    session.require_yes("Roll back?", yes, json)
    done = service.rollback(plan)
    if json:
        session.out.json({"plan": plan, "published": done})
        return
    where = f"{counted(done.partitions, 'partition')}, {counted(done.rows, 'row')} in {span_text(done.seconds)}"
    session.out.line(f"Rolled back as batch {done.batch}: {where}.", style="green")
    session.out.line(f"{done.table} is held. `hotswap resume {done.table}` lets the loader publish again.")


def resume(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """End the hold that a rollback left: the loader publishes again.

    Shows first how many keys the next batch will read again from HBase, then asks. If what went wrong is still in
    HBase, it comes back: put that right first.

    \b
    Examples:
      hotswap resume ads.performance
      hotswap resume ads.performance --yes
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    service = session.backend.open_table(settings, settings.table(table))
    plan = service.preview_resume()
    _preview(session, json, yes, plan, lambda out: _show_resume(out, plan))
    session.require_yes("Resume?", yes, json)
    service.resume(plan)
    if json:
        session.out.json({"plan": plan, "resumed": True})
    else:
        session.out.line(f"{plan.table} is not held any more. The next batch brings it up to date.", style="green")


def recover(
    context: typer.Context,
    table: options.NamedTable,
    believe_old: Annotated[
        bool,
        typer.Option(
            "--believe-old",
            help="Take a swap without fence that is not live for failed: the metastore cannot be at it any more.",
        ),
    ] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find out what became of attempts that crashed or whose reply was lost, and put it on record.

    Reads the metastore; the table's rows stay what they are, but for partitions that a stale ANALYZE has put back: they
    are mended. The loader does the same at each start, so this is for when it cannot be started. Running it twice is
    harmless.

    With `fence: false` a swap that is not live may still land. Once the metastore was restarted it cannot any more:
    then --believe-old ends the attempt. If it lands all the same, the loader mends it within a minute.

    \b
    Examples:
      hotswap recover ads.performance
      hotswap recover ads.performance --believe-old
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    if believe_old:
        session.require_yes("Is it sure that the metastore has no call of this table under way?", yes, json)
    settled = session.backend.open_table(settings, chosen).recover(believe_old)
    if json:
        session.out.json({"table": str(chosen.hive_table), "settled": settled})
    elif not settled:
        session.out.line(f"{chosen.hive_table}: nothing to settle.")
    for item in () if json else settled:
        reason = f": {item.reason}" if item.reason else ""
        session.out.line(f"batch {item.batch} ({item.attempt}) {item.outcome}{reason}")


def _preview(session: "Session", json: bool, yes: bool, plan: object, show: Callable[[Output], None]) -> None:
    """With --json and --yes the plan comes with the result, in one document."""
    if not json:
        show(session.out)
    elif not yes:
        session.out.json({"plan": plan})


def _show_rollback(out: Output, plan: "RollbackPlan", as_of: int | None) -> None:
    out.line(f"Rollback of {plan.table} to batch {plan.target_batch}", style="bold")
    asked = [("asked for", moment_text(as_of))] if as_of is not None else []
    out.facts(
        [*asked, ("committed", moment_text(plan.target_committed_ms)), ("takes back", _batches(plan.batches_undone))]
    )
    shown = plan.partitions[:MOST_SHOWN]
    rows = [
        (item.name, f"{item.rows_now:,}", f"{item.rows_then:,}", f"{item.rows_then - item.rows_now:+,}")
        for item in shown
    ]
    out.table(("partition", "rows now", "rows then", "change"), rows, right={"rows now", "rows then", "change"})
    if len(plan.partitions) > len(shown):
        out.line(f"… and {len(plan.partitions) - len(shown):,} more partitions (--json lists all)")
    moved = counted(len(plan.partitions), "partition")
    out.line(f"One swap moves {moved}. The table is held afterwards.")


def _show_resume(out: Output, plan: "ResumePlan") -> None:
    out.line(f"Resume of {plan.table}", style="bold")
    since = moment_text(plan.hold.since_ms)
    out.facts(
        [
            ("hold", f"rollback {plan.hold.batch} to batch {plan.hold.target}, since {since}"),
            ("reads again", f"up to {counted(plan.keys, 'key')}, changed by {_batches(plan.batches)}"),
        ]
    )


def _batches(numbers: Sequence[int]) -> str:
    """`batch 2`, `batches 2, 3`."""
    listed = ", ".join(map(str, numbers))
    return f"batch {listed}" if len(numbers) == 1 else f"batches {listed}" if numbers else "nothing"
