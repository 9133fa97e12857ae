"""The verbs of a bad night: `rollback`, `hold`, `resume` and `recover`. What destroys shows first what it would do."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.errors import ConfigError, PlanChanged
from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.hold_text import hold_text
from loader.cli.output import Output
from loader.cli.times import moment_text, parse_moment, span_text

if TYPE_CHECKING:
    from loader.cli.session import Service, Session
    from loader.report.reports import HoldPlan, Published, ResumePlan, RollbackPreview

MOST_SHOWN = 30
TIMES_SHOWN = 3
"""A table that changes while a person reads its plan is shown again; after so often somebody should hold it first."""


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
    partition: Annotated[list[str] | None, options.PARTITION] = None,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make the table, or single partitions of it, again what it was after an earlier batch, with one swap.

    Shows what would move, then asks. Running queries finish on what they read. Afterwards what was rolled back is held:
    the loader publishes nothing over it until `hotswap resume`. A batch is not a snapshot of HBase: this is the table's
    own history.

    With --partition also the partitions go back that rows have moved to or from since, and no others: a row must not
    show twice, nor vanish. The loader goes on with the rest of the table; changes of rows that live in what is held, or
    would move there, wait.

    More partitions than the metastore takes in one call go back in several swaps, held before the first; the preview
    says so.

    With --yes it is planned and done under one lock, and then shown; so a busy loader cannot come in between.

    \b
    Examples:
      hotswap history ads.performance
      hotswap rollback ads.performance --to 41
      hotswap rollback ads.performance --as-of 2026-07-01T12:00:00Z --yes
      hotswap rollback ads.performance --to 41 --partition day=2026-06-30 --partition day=2026-07-01
    """
    if (to is None) == (as_of is None):
        raise ConfigError("give either --to BATCH or --as-of TIME", "`hotswap history` lists the batches.")
    session = options.session_of(context)
    settings = session.backend.load(config)
    service = session.backend.open_table(settings, settings.table(table))
    if yes:
        plan, done = service.rollback_now(to, as_of, partition or ())
        _preview(session, json, yes, plan, lambda out: _show_rollback(out, plan, as_of))
    else:
        plan, done = _agreed(session, service, json, to, as_of, partition or ())
    if json:
        session.out.json({"plan": plan, "published": done})
        return
    where = f"{counted(done.partitions, 'partition')}, {counted(done.rows, 'row')} in {span_text(done.seconds)}"
    session.out.line(f"Rolled back as batch {done.batch}: {where}.", style="green")
    held = done.table if plan.held is None else f"{', '.join(plan.held)} of {done.table}"
    session.out.line(f"{held} is held. `hotswap resume {done.table}` lets the loader publish again.")


def _agreed(
    session: "Session", service: "Service", json: bool, to: int | None, as_of: int | None, partitions: Sequence[str]
) -> "tuple[RollbackPreview, Published]":
    """Show the plan and ask, again if the table has moved on while the person was reading."""
    for _ in range(TIMES_SHOWN - 1):
        with suppress(PlanChanged):
            return _asked(session, service, json, to, as_of, partitions)
        session.out.line("The table has changed while you were reading. Now it is this:", style="yellow")
    return _asked(session, service, json, to, as_of, partitions)


def _asked(
    session: "Session", service: "Service", json: bool, to: int | None, as_of: int | None, partitions: Sequence[str]
) -> "tuple[RollbackPreview, Published]":
    plan = service.preview_rollback(to, as_of, partitions)
    _preview(session, json, False, plan, lambda out: _show_rollback(out, plan, as_of))
    session.require_yes("Roll back?", False, json)
    return plan, service.rollback(plan)


def hold(
    context: typer.Context,
    table: options.NamedTable,
    partition: Annotated[list[str] | None, options.PARTITION] = None,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Keep the loader from publishing, without moving anything: over the whole table, or over single partitions.

    Readers go on. Under a hold of the table changes wait in HBase. Under one of partitions the loader goes on with the
    rest; a change of a row that lives in a held partition, or would move there, waits as a whole. A partition may be
    held before it exists. `hotswap resume` ends it.

    \b
    Examples:
      hotswap hold ads.performance --yes
      hotswap hold ads.performance --partition day=2026-07-01
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    service = session.backend.open_table(settings, chosen)
    if not json:
        _show_hold(session.out, service.preview_hold(partition or ()))
    session.require_yes(f"Hold {', '.join(partition) if partition else chosen.hive_table}?", yes, json)
    done = service.hold(partition or ())
    if json:
        session.out.json({"table": str(chosen.hive_table), "hold": done})
        return
    what = "The loader publishes nothing" if done.partitions is None else "Their changes wait; all others go on"
    held = chosen.hive_table if done.partitions is None else f"{', '.join(done.partitions)} of {chosen.hive_table}"
    session.out.line(f"{held} is held, by batch {done.batch}.", style="green")
    session.out.line(f"{what}, until `hotswap resume {chosen.hive_table}`.")


def _show_hold(out: Output, plan: "HoldPlan") -> None:
    """What stays as it is."""
    for item in plan.holds:
        out.line(f"  already {hold_text(item)}")
    what = "the whole table" if plan.partitions is None else ", ".join(plan.partitions)
    state = f"as batch {plan.batch} left it" if plan.batch else "which no batch has written yet"
    out.line(
        f"{plan.table}: {what} would stay {state}: {counted(plan.count, 'partition')}, {counted(plan.rows, 'row')}"
    )
    for name in plan.absent:
        out.line(f"  ! {name} is not there now, and would not come until `hotswap resume`", style="yellow")


def resume(
    context: typer.Context,
    table: options.NamedTable,
    partition: Annotated[list[str] | None, options.PARTITION] = None,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """End the holds that a rollback or `hotswap hold` left: the loader publishes again.

    Shows first how many keys the next batch will read again from HBase, then asks. If what went wrong is still in
    HBase, it comes back: put that right first. With --partition only these are let go.

    \b
    Examples:
      hotswap resume ads.performance
      hotswap resume ads.performance --yes
      hotswap resume ads.performance --partition day=2026-07-01
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    service = session.backend.open_table(settings, settings.table(table))
    plan = service.preview_resume(partition or ())
    _preview(session, json, yes, plan, lambda out: _show_resume(out, plan))
    session.require_yes("Resume?", yes, json)
    service.resume(plan)
    if json:
        session.out.json({"plan": plan, "resumed": True})
        return
    what = plan.table if plan.partitions is None else f"{', '.join(plan.partitions)} of {plan.table}"
    session.out.line(f"{what} is not held any more. The next batch brings it up to date.", style="green")


def recover(
    context: typer.Context,
    table: options.NamedTable,
    believe_old: Annotated[
        bool,
        typer.Option(
            "--believe-old",
            help="Take a swap without fence, or a drop, that has not landed for failed: it cannot land any more.",
        ),
    ] = False,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find out what became of attempts that crashed or whose reply was lost, and put it on record.

    Reads the metastore; the table's rows stay what they are, but for partitions that a stale ANALYZE has put back: they
    are mended. So are row counts in the metastore that are not the files'. But for those the loader does the same at
    each start, so this is for when it cannot be started. Running it twice is harmless.

    With `fence: false` a swap that is not live may still land; and so may, always, a `clean --empty-partitions` whose
    call was not answered. Once the metastore was restarted they cannot any more: then --believe-old ends the attempt.
    If such a swap lands all the same, the loader mends it within a minute.

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


def _show_rollback(out: Output, plan: "RollbackPreview", as_of: int | None) -> None:
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
    _show_closure(out, plan)
    out.table(("partition", "rows now", "rows then", "change"), rows, right={"rows now", "rows then", "change"})
    if len(plan.partitions) > len(shown):
        out.line(f"… and {len(plan.partitions) - len(shown):,} more partitions (--json lists all)")
    if plan.definition:
        out.line("Its rows were made by another configuration, which then rules again:", style="yellow")
        for change in plan.definition:
            out.line(f"  {change}")
        out.line("A loader with today's configuration then refuses the table: put the configuration back, too.")
    moved = counted(len(plan.partitions), "partition")
    held = "The table is" if plan.held is None else f"{counted(len(plan.held), 'partition')} of it are"
    if plan.calls == 1:
        out.line(f"One swap moves {moved}. {held} held afterwards.")
        return
    out.line(f"The metastore does not take {moved} in one call: {plan.calls} swaps move them.", style="yellow")
    out.line(f"Between them readers see some gone back and others not, each row once. {held} held before the first.")


def _show_closure(out: Output, plan: "RollbackPreview") -> None:
    """Why more partitions go back than were named."""
    dragged = sorted(set(plan.held or ()) - set(plan.asked or ()))
    if dragged:
        more = f" and {len(dragged) - MOST_SHOWN} more" if len(dragged) > MOST_SHOWN else ""
        shown = ", ".join(dragged[:MOST_SHOWN]) + more
        out.line(f"Rows have moved between what you named and {shown}: these go back with it.", style="yellow")


def _show_resume(out: Output, plan: "ResumePlan") -> None:
    out.line(f"Resume of {plan.table}", style="bold")
    ends = [("ends" if plan.partitions is None else "touches", hold_text(hold)) for hold in plan.holds]
    again = [f"up to {counted(plan.keys, 'key')}, changed by {_batches(plan.batches)}"] if plan.batches else []
    again += [f"{counted(plan.deferred, 'key')} that had to wait"] if plan.deferred else []
    again += ["the log, from where the table's last batch had read it"] if plan.of_log else []
    out.facts([*ends, ("reads again", "; ".join(again) or "nothing but what is new")])


def _batches(numbers: Sequence[int]) -> str:
    """`batch 2`, `batches 2, 3`."""
    listed = ", ".join(map(str, numbers))
    return f"batch {listed}" if len(numbers) == 1 else f"batches {listed}" if numbers else "nothing"
