"""The rollback plan: every partition that has moved since the target, and where it lived then. Pure.

All partitions that moved since the target go back together, so the set is closed over key moves by construction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from partitioner.history import Attempt, TableState, fold
from partitioner.manifest import Kind
from partitioner.values import PartitionValues, Version, same_location


class NoSuchBatch(ValueError):
    """The target is not a committed batch of this table."""


@dataclass(frozen=True, slots=True)
class RollbackStep:
    """One partition: from the version it is at to the one it had. `then` None: it did not exist, it becomes empty."""

    partition: PartitionValues
    now: Version
    then: Version | None


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback to `target` does. `undone`: batches whose keys a resume must read again."""

    target: int
    steps: tuple[RollbackStep, ...]
    undone: tuple[int, ...]
    index: tuple[str, ...]


def plan_rollback(attempts: Sequence[Attempt], target: int) -> RollbackPlan:
    """Raises NoSuchBatch."""
    known = committed_batches(attempts)
    if target not in known:
        raise NoSuchBatch(f"batch {target} is not a committed batch; the last ones are {_last(known)}")
    now, then = fold(attempts), fold(attempts, up_to=target)
    steps = tuple(
        RollbackStep(partition, version, then.live.get(partition))
        for partition, version in sorted(now.live.items())
        if _differs(version, then.live.get(partition))
    )
    return RollbackPlan(target, steps, _undone(attempts, then, target), then.index)


def batch_as_of(attempts: Iterable[Attempt], when_ms: int) -> int:
    """The last batch that was committed at that time. Raises NoSuchBatch."""
    batches = [
        attempt.intent.batch
        for attempt in attempts
        if attempt.committed and attempt.ending and attempt.ending.concluded_ms <= when_ms
    ]
    if not batches:
        raise NoSuchBatch("the table had no committed batch at that time")
    return max(batches)


def committed_batches(attempts: Iterable[Attempt]) -> tuple[int, ...]:
    return tuple(attempt.intent.batch for attempt in attempts if attempt.committed)


def _differs(now: Version, then: Version | None) -> bool:
    if then is None:
        return bool(now.rows)
    return not same_location(now.location, then.location)


def _undone(attempts: Iterable[Attempt], then: TableState, target: int) -> tuple[int, ...]:
    """Batches after the target, and what the target's own state still owed."""
    later = {
        attempt.manifest.batch
        for attempt in attempts
        if attempt.committed and attempt.manifest and attempt.manifest.kind is Kind.BATCH
        if attempt.manifest.batch > target
    }
    held = set(then.held_by.undone) if then.held_by else set()
    return tuple(sorted(later | held | set(then.owed)))


def _last(batches: Sequence[int]) -> str:
    return ", ".join(str(batch) for batch in batches[-5:]) or "none"
