"""The rollback plan: every partition that has moved since the target, and where it lived then. Pure.

Of the whole table all partitions that moved since the target go back together, so the set is closed over key moves by
construction. Of single partitions it is closed by `closure`: a key that has moved since must not be left in two places,
or in none.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from partitioner.history.kinds import FLAGS, Kind
from partitioner.history.table_state import Attempt, TableState, fold
from partitioner.values import PartitionValues, Version, same_location

KeyMove = tuple[PartitionValues | None, PartitionValues | None]
"""Where some key lived then and where it lives now; None: nowhere."""


class NoSuchBatch(ValueError):
    """The target is not a committed batch of this table."""


@dataclass(frozen=True, slots=True)
class RollbackStep:
    """One partition: from the version it is at to the one it had.

    `now` None: it does not exist any more, and is added. `then` None: it did not exist, it becomes empty.
    """

    partition: PartitionValues
    now: Version | None
    then: Version | None


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback to `target` does.

    `undone`: batches that it takes back, and whose keys a resume must read again. `asked`: the partitions that somebody
    named, `held` those and the ones that they drag along; both None for the whole table. `index`: the target's.
    """

    target: int
    steps: tuple[RollbackStep, ...]
    undone: tuple[int, ...]
    index: tuple[str, ...]
    asked: tuple[PartitionValues, ...] | None = None
    held: tuple[PartitionValues, ...] | None = None


def plan_rollback(attempts: Sequence[Attempt], target: int) -> RollbackPlan:
    """Of the whole table. Raises NoSuchBatch."""
    check_target(attempts, target)
    now, then = fold(attempts), fold(attempts, up_to=target)
    steps = _steps(now, then, now.live.keys() | then.live.keys())
    return RollbackPlan(target, steps, _undone(attempts, then, target), then.index)


def plan_partial(
    attempts: Sequence[Attempt], target: int, asked: Collection[PartitionValues], moves: Iterable[KeyMove]
) -> RollbackPlan:
    """Of single partitions. `moves`: of every key that lives elsewhere now than at the target. Raises NoSuchBatch."""
    check_target(attempts, target)
    now, then = fold(attempts), fold(attempts, up_to=target)
    held = closure(asked, moves)
    steps = _steps(now, then, held)
    return RollbackPlan(target, steps, later_batches(attempts, target), then.index, tuple(sorted(asked)), held)


def closure(asked: Iterable[PartitionValues], moves: Iterable[KeyMove]) -> tuple[PartitionValues, ...]:
    """`asked`, and every partition that a chain of key moves ties to it, sorted."""
    tied: dict[PartitionValues, set[PartitionValues]] = {}
    for then, now in moves:
        if then is not None and now is not None:
            tied.setdefault(then, set()).add(now)
            tied.setdefault(now, set()).add(then)
    found, open_ = set(asked), list(asked)
    while open_:
        new = tied.get(open_.pop(), set()) - found
        found |= new
        open_ += new
    return tuple(sorted(found))


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


def later_batches(attempts: Iterable[Attempt], target: int) -> tuple[int, ...]:
    """The committed batches of changes after the target."""
    return tuple(
        attempt.intent.batch
        for attempt in attempts
        if attempt.committed and FLAGS[attempt.intent.kind].taken_back and attempt.intent.batch > target
    )


def is_across_rebuild(attempts: Sequence[Attempt], target: int) -> bool:
    """Whether a rebuild lies between the table now and at the target: no change set tells what it changed."""
    rebuilds = [
        attempt.intent.batch for attempt in attempts if attempt.committed and attempt.intent.kind is Kind.REBUILD
    ]
    if any(batch > target for batch in rebuilds):
        return True
    return bool(rebuilds) and fold(attempts, up_to=target).definition != fold(attempts).definition


def check_target(attempts: Iterable[Attempt], target: int) -> None:
    """Raises NoSuchBatch."""
    known = committed_batches(attempts)
    if target not in known:
        raise NoSuchBatch(f"batch {target} is not a committed batch; the last ones are {_last(known)}")


def _steps(now: TableState, then: TableState, among: Collection[PartitionValues]) -> tuple[RollbackStep, ...]:
    return tuple(
        RollbackStep(partition, now.live.get(partition), then.live.get(partition))
        for partition in sorted(among)
        if _differs(now.live.get(partition), then.live.get(partition))
    )


def _differs(now: Version | None, then: Version | None) -> bool:
    if now is None or then is None:
        return bool((now and now.rows) or (then and then.rows))
    return not same_location(now.location, then.location)


def _undone(attempts: Iterable[Attempt], then: TableState, target: int) -> tuple[int, ...]:
    """Batches after the target, and what the target's own state still owed."""
    held = {batch for hold in then.holds for batch in hold.undone}
    return tuple(sorted({*later_batches(attempts, target), *held, *then.owed}))


def _last(batches: Sequence[int]) -> str:
    return ", ".join(str(batch) for batch in batches[-5:]) or "none"
