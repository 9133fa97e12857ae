"""A rollback larger than one metastore call: several, each of partitions that no row moves out of.

First all of it is held, so that no loader publishes in between. Then each part goes back as a rollback of single
partitions does: with a swap, a manifest and a hold of its own. Between two of them every key is there once.
"""

from collections.abc import Callable

from loader.basics.errors import HotswapError, OutcomeUnknown, from_foreign
from loader.ops.rollback.steps import Goal, changed_since_shown, hold_steps, plan_of, planned_steps
from loader.publish.batch import Batch
from loader.publish.key_moves import key_moves, moved_since
from loader.publish.one_call import are_few, check_fits, limit_of
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.state.records import Records
from metastore.errors import MetastoreError
from partitioner.changes.cutting import calls_of, tied_together
from partitioner.history.kinds import Kind
from partitioner.history.rollback_plan import RollbackPlan, is_across_rebuild
from partitioner.values import PartitionValues

Parts = tuple[tuple[PartitionValues, ...], ...]


def parts_of(env: Environment, records: Records, plan: RollbackPlan) -> Parts:
    """The partitions of each call that `plan` takes. Raises TooLarge: rows moved between more than one takes."""
    moved = tuple(step.partition for step in plan.steps)
    if are_few(len(moved), env.partitions_per_swap):
        return (moved,)
    limit = limit_of(env, env.partitions_per_swap)
    if limit.takes(len(moved), limit.size_of(moved)):
        return (moved,)
    if is_across_rebuild(records.attempts, plan.target):
        check_fits(env, moved, limit)
        return (moved,)
    ties = [(then, now) for then, now in key_moves(moved_since(env, records, plan.target)) if then and now]
    steps = frozenset(moved)
    groups = [group & steps for group in tied_together(moved, ties)]
    for group in groups:
        check_fits(env, group, limit)
    return calls_of([group for group in groups if group], limit)


def roll_back_in_parts(env: Environment, find: Callable[[Records], RollbackPlan]) -> tuple[Batch, ...]:
    """Hold, and carry out what `find` says, part by part. Raises PlanChanged (from `find`), what a rollback raises."""
    _hold(env, find(env.state.records()))
    records = env.state.records()
    plan = find(records)
    parts, done = parts_of(env, records, plan), list[Batch]()
    for part in parts:
        try:
            done.append(publish(Batch(env, Kind.ROLLBACK), planned_steps(_planner(plan.target, part))))
        except (HotswapError, MetastoreError, OSError) as error:
            raise _stopped(env, error, len(done), len(parts)) from error
    return tuple(done)


def _hold(env: Environment, plan: RollbackPlan) -> None:
    state = env.state.records().state
    held = state.whole_hold is not None or (plan.held is not None and state.held >= set(plan.held))
    if not held:
        publish(Batch(env, Kind.HOLD), hold_steps(plan.held))


def _planner(target: int, part: tuple[PartitionValues, ...]) -> Callable[[Environment, Records], RollbackPlan]:
    def planned(env: Environment, records: Records) -> RollbackPlan:
        plan = plan_of(env, records, Goal(target, part))
        if tuple(step.partition for step in plan.steps) != part:
            raise changed_since_shown(env)
        return plan

    return planned


def _stopped(env: Environment, error: Exception, done: int, parts: int) -> HotswapError:
    known = from_foreign(error) or HotswapError(str(error))
    if not isinstance(known, OutcomeUnknown):
        how = f"{done} of {parts} swaps went through, and {env.table} is held: run the same rollback again to go on."
        known.hint = f"{how} {known.hint}".strip()
    return known
