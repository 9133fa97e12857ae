"""Rollback, hold and resume: the same protocol, at most one swap, no rewriting. Planned under the lock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loader.basics.errors import ConfigError, Held, PlanChanged, StorageError
from loader.publish import moves, preconditions
from loader.publish.batch import Batch, Decided
from loader.publish.key_moves import index_delta, key_moves, keystore_of, moved_since, undone_keys
from loader.publish.steps import Step, claim, lock, read_live, record, settle
from loader.publish.swap import add_missing, check, conclude, read_back, swap
from loader.sources.api import moved_to
from loader.state.condemned import condemned_locations
from loader.state.definitions import definition_of, may_follow
from loader.state.gaps import Debt, owe
from loader.state.keys_aside import put_aside
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.state.records import Records
from partitioner.history.manifest import KeySet, PartitionMove, PutAside
from partitioner.history.position import BEGINNING, Position
from partitioner.history.rollback_plan import (
    RollbackPlan,
    RollbackStep,
    check_target,
    is_across_rebuild,
    plan_partial,
    plan_rollback,
)
from partitioner.history.table_state import Hold, TableState, fold
from partitioner.values import PartitionValues, Version, canonical_location

Planner = Callable[[Environment, Records], RollbackPlan]
"""Asked under the lock, when everything is settled. May raise PlanChanged."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where to go back to. `partitions`: those that were named; None: the whole table."""

    target: int
    partitions: tuple[PartitionValues, ...] | None = None


def plan_of(env: Environment, records: Records, goal: Goal) -> RollbackPlan:
    """Raises NoSuchBatch."""
    if goal.partitions is None:
        return plan_rollback(records.attempts, goal.target)
    check_target(records.attempts, goal.target)
    if not env.rule_of(records.state).idempotent:
        raise ConfigError(
            f"{env.table} has its rows from a log, which has one position for all partitions: none goes back alone",
            f"Nothing was moved. Go back with the whole table: hotswap rollback {env.table} --to {goal.target}",
        )
    if is_across_rebuild(records.attempts, goal.target):
        raise ConfigError(
            f"{env.table} was rebuilt since batch {goal.target}: which of its rows moved is on no record",
            f"Nothing was moved. Go back with the whole table: hotswap rollback {env.table} --to {goal.target}",
        )
    moved = key_moves(moved_since(env, records, goal.target))
    return plan_partial(records.attempts, goal.target, goal.partitions, moved)


def rollback_steps(shown: RollbackPlan) -> tuple[Step, ...]:
    """The steps of a rollback that was shown to somebody: under the lock its plan must come out the same."""

    def same_as_shown(env: Environment, records: Records) -> RollbackPlan:
        plan = plan_of(env, records, Goal(shown.target, shown.asked))
        if plan != shown:
            raise changed_since_shown(env)
        return plan

    return planned_steps(same_as_shown)


def planned_steps(planner: Planner) -> tuple[Step, ...]:
    """The steps of a rollback whose plan is made under the lock."""

    def decide(batch: Batch) -> None:
        _decide(batch, planner(batch.env, batch.env.state.records()))

    return (lock, settle, claim, decide, read_live, record, add_missing, check, swap, read_back, conclude)


def changed_since_shown(env: Environment) -> PlanChanged:
    return PlanChanged(
        f"{env.table} has changed since this rollback was shown",
        f"Nothing was moved. Look at the preview again; `hotswap hold {env.table}` keeps the loader still meanwhile.",
    )


def _decide(batch: Batch, plan: RollbackPlan) -> None:
    of_log = not batch.env.rule_of(batch.before).idempotent
    if not of_log:
        _check_debt(batch, plan.undone)
    gone = condemned_locations(batch.env.files, batch.env.layout)
    for step in plan.steps:
        if step.then is not None:
            _check_there(batch, plan.target, step.then, gone)
    waiting = _waiting(batch.env, [step.partition for step in plan.steps if step.now is None])
    batch.moves = tuple(_move(batch, step, waiting.get(step.partition)) for step in plan.steps)
    then = fold(batch.env.state.records().attempts, up_to=plan.target)
    _check_definition(batch, plan, then)
    if is_across_rebuild(batch.env.state.records().attempts, plan.target):
        _read_again_from(batch, then)
    decided = Decided(target=plan.target, held=plan.held, watermark=_low(then))
    if of_log:
        _go_on_from(batch, then)
        batch.decided = replace(decided, definition=definition_of(batch.env, then), waiting=_waiting_then(batch, then))
        batch.index = plan.index
    elif plan.held is None:
        batch.decided, batch.index = (
            replace(decided, undone=plan.undone, definition=definition_of(batch.env, then)),
            plan.index,
        )
    else:
        batch.decided = replace(decided, deferred=_decide_partial(batch, plan))


def _go_on_from(batch: Batch, then: TableState) -> None:
    """A log's position goes back with the rows: what was read since comes again, once."""
    now = batch.before.position
    if now is not None:
        batch.poll = moved_to(then.position or Position(now.source, 0, 0, 0, BEGINNING))


def _waiting_then(batch: Batch, then: TableState) -> PutAside:
    env, attempts = batch.env, batch.env.state.records().attempts
    until = [attempt for attempt in attempts if attempt.intent.batch <= then.batch]
    return PutAside(then.deferred, then.released, tuple(sorted(quarantined(env.files, env.layout, until))))


def _read_again_from(batch: Batch, then: TableState) -> None:
    """What a rebuild had read at once is in no change set: the source is read again from where the target had been.

    Before the manifest; the debt of a rollback that then failed costs a comparison.
    """
    env, position = batch.env, then.position
    if position is None:
        return
    batch.poll = moved_to(position)
    reason = "rows may have been deleted, and their markers compacted away, before a rebuild that was taken back"
    now = env.clock()
    owe(
        env.files,
        env.layout,
        Debt(f"rollback {batch.attempt.batch}", reason, position.source, now, position.low_ms, now),
    )


def _check_definition(batch: Batch, plan: RollbackPlan, then: TableState) -> None:
    """Rows of two definitions do not stand in one table, but for columns that `evolve` added between the two."""
    env = batch.env
    was, now = definition_of(env, then), definition_of(env, batch.before)
    if plan.held is None or was is None or now is None or was == now or may_follow(env, now.digest, was):
        return
    raise ConfigError(
        f"batch {plan.target} of {env.table} was made by another configuration than the partitions that stay",
        f"Nothing was moved. Go back with the whole table: hotswap rollback {env.table} --to {plan.target}",
    )


def _decide_partial(batch: Batch, plan: RollbackPlan) -> KeySet | None:
    """Index and debt of single partitions: only the keys that live, or lived, in them. Returns those taken back."""
    env, records = batch.env, batch.env.state.records()
    delta = index_delta(env, moved_since(env, records, plan.target), plan.held or ())
    index = batch.before.index
    batch.index = (*index, keystore_of(env).write(batch.attempt.attempt, delta)) if len(delta) else index
    return put_aside(env, batch.attempt.attempt, undone_keys(env, records, plan), "taken-back")


def _waiting(env: Environment, gone: Sequence[PartitionValues]) -> dict[PartitionValues, str]:
    """Where those wait, empty, that an attempt has added whose swap never came."""
    found = env.metastore.partitions(env.table, gone) if gone else ()
    return {seen.values: seen.location for seen in found if preconditions.is_stray(env, seen.values, seen.location)}


def _move(batch: Batch, step: RollbackStep, waiting: str | None) -> PartitionMove:
    version = step.then or moves.empty_version(batch, step.partition)
    there = step.now.location if step.now is not None else waiting
    if there is not None:
        return PartitionMove(step.partition, there, version)
    added = batch.env.layout.empty_version(batch.env.name_of(step.partition), batch.attempt.attempt)
    return PartitionMove(step.partition, None, version, canonical_location(added))


def _check_there(batch: Batch, target: int, version: Version, gone: frozenset[str]) -> None:
    missing = version.location in gone
    try:
        if not missing:
            preconditions.check_listing(batch.env, version)
    except FileNotFoundError:
        missing = True
    if missing:
        raise StorageError(
            f"{version.location}, which batch {target} needs, is gone",
            "Nothing was moved. Choose a later batch; the settings reader_grace and history say how far back one can.",
        )


def _check_debt(batch: Batch, undone: tuple[int, ...]) -> None:
    """A resume reads again what these batches changed: it needs their change sets."""
    env = batch.env
    for attempt in env.state.records().attempts:
        if attempt.intent.batch in undone and not env.files.exists(env.layout.changes(attempt.intent.attempt)):
            raise StorageError(
                f"the change set of batch {attempt.intent.batch} is gone, so a resume could not catch up",
                "Nothing was moved. Choose a later batch; the setting history says how far back one can.",
            )


def _low(state: TableState) -> int:
    return state.position.low_ms if state.position else 0


def hold_steps(partitions: tuple[PartitionValues, ...] | None) -> tuple[Step, ...]:
    """The steps of a bare hold: nothing moves; from its outcome on nothing is published over `partitions`."""

    def hold(batch: Batch) -> None:
        batch.decided, batch.index = Decided(held=partitions), batch.before.index

    return (lock, settle, claim, hold, record, conclude)


def resume_steps(partitions: tuple[PartitionValues, ...] | None = None) -> tuple[Step, ...]:
    """The steps of a resume: nothing moves; the next batch reads again what was taken back or had to wait."""

    def hold_ended(batch: Batch) -> None:
        state = batch.before
        ending = holds_to_end(batch.env, state, partitions)
        owed = tuple(sorted({number for hold in ending for number in hold.undone}))
        released = tuple(aside.name for aside in state.deferred)
        batch.decided, batch.index = Decided(held=partitions, owed=owed, released=released), state.index

    return (lock, settle, claim, hold_ended, record, conclude)


RESUME_STEPS = resume_steps()


def holds_to_end(env: Environment, state: TableState, partitions: Sequence[PartitionValues] | None) -> tuple[Hold, ...]:
    """The holds that a resume of `partitions` (None: of everything) ends or shrinks. Raises Held if there are none."""
    if not state.holds:
        raise Held(f"{env.table} is not held", "There is nothing to resume.")
    if partitions is None:
        return state.holds
    if state.whole_hold is not None:
        raise Held(
            f"{env.table} is held as a whole, so single partitions of it cannot be resumed",
            f"`hotswap resume {env.table}` ends all its holds.",
        )
    free = [partition for partition in partitions if partition not in state.held]
    if free:
        names = ", ".join(env.name_of(partition) for partition in free)
        raise Held(f"{names} of {env.table} is not held", f"Held: {held_names(env, state)}.")
    chosen = frozenset(partitions)
    return tuple(hold for hold in state.holds if chosen & frozenset(hold.partitions or ()))


def held_names(env: Environment, state: TableState) -> str:
    return ", ".join(env.name_of(partition) for partition in sorted(state.held)) or "nothing"
