"""The table's history as a value: attempts in order of their numbers, and what they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from partitioner.history.kinds import Kind
from partitioner.history.manifest import Definition, Ending, Intent, KeySet, Manifest, RuleId, Verdict
from partitioner.history.position import Position
from partitioner.values import PartitionValues, Version


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as its state objects tell it. No ending: not settled. No manifest: it never came to its swap.

    `folded`: it stands for everything up to itself (see partitioner.history.folding).
    """

    intent: Intent
    manifest: Manifest | None
    ending: Ending | None
    folded: "Folded | None" = None

    @property
    def committed(self) -> bool:
        return self.ending is not None and self.ending.verdict is Verdict.COMMITTED


@dataclass(frozen=True, slots=True)
class Hold:
    """What an operator keeps the loader from publishing over, and what a resume has to read again.

    `batch`: the attempt that put it; `target`: the batch that it went back to, None for a bare hold. `partitions` None:
    the whole table. `undone`: batches whose keys must be read again (the deferred keys of the state beside them).
    """

    batch: int
    target: int | None
    since_ms: int
    partitions: tuple[PartitionValues, ...] | None
    undone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """What the committed manifests add up to: where every partition should live."""

    batch: int = 0  # number of the last committed manifest; 0: none yet
    live: dict[PartitionValues, Version] = field(default_factory=dict)
    index: tuple[str, ...] = ()
    position: Position | None = None  # of the newest committed manifest that has one, wherever it lies
    holds: tuple[Hold, ...] = ()
    owed: tuple[int, ...] = ()  # batches whose keys must be read again
    answered: tuple[str, ...] = ()  # asks that committed batches have answered
    deferred: tuple[KeySet, ...] = ()  # keys that wait for a hold to end
    released: tuple[KeySet, ...] = ()  # keys put aside that the next batch must read again
    definition: Definition | None = None  # of the rows that are live
    rule: RuleId | None = None
    watermark: int | None = None  # where the low watermark stops while anything waits; None: nothing does

    @property
    def whole_hold(self) -> Hold | None:
        """The hold of the whole table, the newest if there are several."""
        return next((hold for hold in reversed(self.holds) if hold.partitions is None), None)

    @property
    def held(self) -> frozenset[PartitionValues]:
        """The partitions held one by one."""
        return frozenset(partition for hold in self.holds for partition in hold.partitions or ())

    @property
    def is_owed(self) -> bool:
        """Whether the next batch has keys to read that no window tells it."""
        return bool(self.owed or self.released)


@dataclass(frozen=True, slots=True)
class Folded:
    """What stands for all attempts up to one: their state, and the rows in quarantine then, by key (hex)."""

    state: TableState
    quarantined: Mapping[str, Mapping[str, Any]]


def fold(attempts: Iterable[Attempt], up_to: int | None = None) -> TableState:
    """Add up the committed manifests, in order, up to and including batch `up_to`."""
    state = TableState()
    for attempt in attempts:
        if attempt.manifest and attempt.committed and (up_to is None or attempt.manifest.batch <= up_to):
            state = attempt.folded.state if attempt.folded else after(state, attempt.manifest)
    return state


def after(state: TableState, manifest: Manifest) -> TableState:
    """The table's state once `manifest` is committed."""
    owed = tuple(sorted((set(state.owed) | set(manifest.owed)) - set(manifest.paid)))
    holds = _holds_after(state.holds, manifest)
    deferred, released = _aside_after(state, manifest)
    waits = bool(owed or deferred or released or any(hold.undone for hold in holds))
    return TableState(
        batch=manifest.batch,
        live=_live_after(state.live, manifest),
        index=manifest.index,
        position=manifest.position or state.position,
        definition=manifest.definition or state.definition,
        rule=manifest.rule or state.rule,
        holds=holds,
        owed=owed,
        deferred=deferred,
        released=released,
        watermark=_earlier(state.watermark, manifest.watermark) if waits else None,
        answered=(*state.answered, *manifest.answered),
    )


def _live_after(live: dict[PartitionValues, Version], manifest: Manifest) -> dict[PartitionValues, Version]:
    moved = live | {move.partition: move.new for move in manifest.moves}
    return {p: version for p, version in moved.items() if p not in manifest.dropped} if manifest.dropped else moved


def unsettled(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    return tuple(attempt for attempt in attempts if attempt.ending is None)


def _holds_after(holds: tuple[Hold, ...], manifest: Manifest) -> tuple[Hold, ...]:
    if manifest.kind is Kind.RESUME:
        return ended(holds, manifest.held)
    if manifest.kind not in (Kind.ROLLBACK, Kind.HOLD):
        return holds
    new = Hold(manifest.batch, manifest.target, manifest.recorded_ms, manifest.held, manifest.undone)
    if manifest.kind is Kind.ROLLBACK and manifest.held is None:  # its `undone` holds all that earlier ones owed
        holds = tuple(hold for hold in holds if hold.partitions is not None)
    return (*holds, new)


def ended(holds: tuple[Hold, ...], partitions: tuple[PartitionValues, ...] | None) -> tuple[Hold, ...]:
    """What stays held once `partitions` (None: everything) are not any more."""
    if partitions is None:
        return ()
    gone = frozenset(partitions)
    kept = [
        replace(hold, partitions=tuple(p for p in hold.partitions if p not in gone))
        for hold in holds
        if hold.partitions is not None
    ]
    return (*(hold for hold in holds if hold.partitions is None), *(hold for hold in kept if hold.partitions))


def _aside_after(state: TableState, manifest: Manifest) -> tuple[tuple[KeySet, ...], tuple[KeySet, ...]]:
    """The deferred and the released key sets."""
    if manifest.waiting is not None:
        return manifest.waiting.deferred, manifest.waiting.released
    put_aside = [*state.deferred, *([manifest.deferred] if manifest.deferred else [])]
    freed = [aside for aside in put_aside if aside.name in manifest.released]
    open_ = [*state.released, *freed, *([manifest.rest] if manifest.rest else [])]
    return (
        tuple(aside for aside in put_aside if aside.name not in manifest.released),
        tuple(aside for aside in open_ if aside.name not in manifest.taken),
    )


def _earlier(one: int | None, other: int | None) -> int | None:
    known = [mark for mark in (one, other) if mark is not None]
    return min(known, default=None)
