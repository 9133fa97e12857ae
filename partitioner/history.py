"""The table's history as a value: attempts in order of their numbers, and what they add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from partitioner.manifest import Ending, Intent, Kind, Manifest, Span, Verdict
from partitioner.values import PartitionValues, Version


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as its state objects tell it. No ending: not settled. No manifest: it never came to its swap."""

    intent: Intent
    manifest: Manifest | None
    ending: Ending | None

    @property
    def committed(self) -> bool:
        return self.ending is not None and self.ending.verdict is Verdict.COMMITTED


@dataclass(frozen=True, slots=True)
class TableState:
    """What the committed manifests add up to: where every partition should live."""

    batch: int = 0  # number of the last committed manifest; 0: none yet
    live: dict[PartitionValues, Version] = field(default_factory=dict)
    index: tuple[str, ...] = ()
    span: Span | None = None
    held_by: Manifest | None = None  # the rollback that holds the table
    owed: tuple[int, ...] = ()  # batches whose keys must be read again
    answered: tuple[str, ...] = ()  # asks that committed batches have answered


def fold(attempts: Iterable[Attempt], up_to: int | None = None) -> TableState:
    """Add up the committed manifests, in order, up to and including batch `up_to`."""
    state = TableState()
    for attempt in attempts:
        if attempt.manifest and attempt.committed and (up_to is None or attempt.manifest.batch <= up_to):
            state = after(state, attempt.manifest)
    return state


def after(state: TableState, manifest: Manifest) -> TableState:
    """The table's state once `manifest` is committed."""
    return TableState(
        batch=manifest.batch,
        live=state.live | {move.partition: move.new for move in manifest.moves},
        index=manifest.index,
        span=_later(state.span, manifest.span),
        answered=(*state.answered, *manifest.answered),
        held_by=_hold_after(state.held_by, manifest),
        owed=tuple(sorted((set(state.owed) | set(manifest.owed)) - set(manifest.paid))),
    )


def unsettled(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    return tuple(attempt for attempt in attempts if attempt.ending is None)


def _later(known: Span | None, new: Span | None) -> Span | None:
    """A span never moves the position back: a loader that was overtaken may commit an older window."""
    if known is None or new is None or known.source != new.source:
        return new or known
    return Span(new.source, new.start, max(known.end, new.end), max(known.low, new.low))


def _hold_after(hold: Manifest | None, manifest: Manifest) -> Manifest | None:
    if manifest.kind is Kind.ROLLBACK:
        return manifest
    return None if manifest.kind is Kind.RESUME else hold
