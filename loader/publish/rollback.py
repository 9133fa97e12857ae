"""Rollback and resume: the same protocol, one swap, no rewriting."""

from loader.errors import Conflict, Held, StorageError
from loader.publish import checks
from loader.publish.batch import Batch
from loader.publish.clean import condemned_locations
from loader.publish.steps import (
    Step,
    add_missing,
    check,
    claim,
    conclude,
    lock,
    read_back,
    read_live,
    record,
    settle,
    swap,
)
from loader.rewrite import write_empty
from partitioner.manifest import PartitionMove
from partitioner.rollback import RollbackPlan, RollbackStep, plan_rollback
from partitioner.values import Version, canonical_location


def rollback_steps(preview: RollbackPlan) -> tuple[Step, ...]:
    """The steps of a rollback. The plan is made again under the lock, and must be the one that was shown."""

    def decide(batch: Batch) -> None:
        plan = plan_rollback(batch.env.state.records().attempts, preview.target)
        if plan != preview:
            raise Conflict(
                f"{batch.env.table} has changed since this rollback was shown",
                "Nothing was moved. Look at the preview again.",
            )
        _decide(batch, plan)

    return (lock, settle, claim, decide, read_live, record, add_missing, check, swap, read_back, conclude)


def _decide(batch: Batch, plan: RollbackPlan) -> None:
    batch.target, batch.undone, batch.index = plan.target, plan.undone, plan.index
    _check_debt(batch, plan.undone)
    gone = condemned_locations(batch.env.files, batch.env.layout)
    for step in plan.steps:
        if step.then is not None:
            _check_there(batch, step.then, gone)
    batch.moves = tuple(_move(batch, step) for step in plan.steps)


def _move(batch: Batch, step: RollbackStep) -> PartitionMove:
    version = step.then or _empty(batch, step)
    return PartitionMove(step.partition, step.now.location, version)


def _empty(batch: Batch, step: RollbackStep) -> Version:
    """A partition newer than the target is not dropped: it points at an empty version."""
    env = batch.env
    location = canonical_location(env.layout.version(env.name_of(step.partition), batch.attempt.attempt))
    env.files.make_dirs(location)
    file = write_empty(env.files, location, env.columns, env.format)
    return Version(step.partition, batch.attempt.attempt, location, env.format, env.columns, (file,))


def _check_there(batch: Batch, version: Version, gone: frozenset[str]) -> None:
    missing = version.location in gone
    try:
        if not missing:
            checks.check_listing(batch.env, version)
    except FileNotFoundError:
        missing = True
    if missing:
        raise StorageError(
            f"{version.location}, which batch {batch.target} needs, is gone",
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


def hold_ended(batch: Batch) -> None:
    """The resume's decision: end the hold; the next batch reads again every key that the rollback took back."""
    hold = batch.before.held_by
    if hold is None:
        raise Held(f"{batch.env.table} is not held", "There is nothing to resume.")
    batch.owed = hold.undone
    batch.index = batch.before.index


RESUME_STEPS: tuple[Step, ...] = (lock, settle, claim, hold_ended, record, conclude)
