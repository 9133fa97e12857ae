"""The checkpoint: settled history up to a batch, folded. What only asks how things stand starts from the newest one.

The history itself stays where it is: rollback, clean and `history` need it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from partitioner.history.manifest import FORMAT, Definition, KeySet, RuleId, plain_of
from partitioner.history.position import Position, Span, position_to
from partitioner.history.table_state import Hold, TableState
from partitioner.values import Version, plain_name


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`attempt_batch`: the last settled attempt that is folded in; `committed_ms`: when `state.batch` was committed.

    `quarantined`: keys (hex) whose last reading could not be decoded.
    """

    attempt_batch: int
    committed_ms: int | None
    state: TableState
    quarantined: tuple[str, ...]


def checkpoint_to(value: Checkpoint) -> dict[str, Any]:
    """A dict of JSON types."""
    state = value.state
    return {
        "format": FORMAT,
        "attempt_batch": value.attempt_batch,
        "committed_ms": value.committed_ms,
        "quarantined": list(value.quarantined),
        "batch": state.batch,
        "live": [plain_of(version) for version in state.live.values()],
        "index": list(state.index),
        "position": position_to(state.position),
        "definition": plain_of(state.definition) if state.definition else None,
        "rule": plain_of(state.rule) if state.rule else None,
        "holds": [plain_of(hold) for hold in state.holds],
        "owed": list(state.owed),
        "deferred": [plain_of(aside) for aside in state.deferred],
        "released": [plain_of(aside) for aside in state.released],
        "watermark": state.watermark,
        "answered": list(state.answered),
    }


@dataclass(frozen=True, slots=True)
class HeldBy:
    """How a hold of the whole table was stored at first: a rollback's manifest, of which this counts."""

    batch: int
    target: int | None
    recorded_ms: int
    undone: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A quarantined row as it is stored, bytes in hex. `cells`: family, qualifier, timestamp, value."""

    key: str
    reason: str
    column: str | None
    cells: tuple[tuple[str, str, int, str], ...]
    batch: int = 0  # of a folded one: the last that rejected it

    def __post_init__(self) -> None:
        bytes.fromhex(self.key)
        for family, qualifier, _, value in self.cells:
            bytes.fromhex(family + qualifier + value)

    def plain(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {**asdict(self), "cells": [list(cell) for cell in self.cells]}


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is stored, field by field. `attempt`, `rows`: of a folded history (see `State.fold`)."""

    attempt_batch: int
    committed_ms: int | None
    quarantined: tuple[str, ...]
    batch: int
    live: tuple[Version, ...]
    index: tuple[str, ...]
    span: Span | None = None  # its position in format 1
    position: Position | None = None
    definition: Definition | None = None
    rule: RuleId | None = None
    holds: tuple[Hold, ...] = ()
    owed: tuple[int, ...] = ()
    deferred: tuple[KeySet, ...] = ()
    released: tuple[KeySet, ...] = ()
    watermark: int | None = None
    answered: tuple[str, ...] = ()
    held_by: HeldBy | None = None
    attempt: str = ""
    rows: Mapping[str, StoredRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.index, *self.answered):
            plain_name(name)


@dataclass(frozen=True, slots=True)
class StoredHistory(StoredCheckpoint):
    """All history up to an attempt as one object: see `State.fold`."""

    def __post_init__(self) -> None:
        StoredCheckpoint.__post_init__(self)
        plain_name(self.attempt)


def checkpoint_from(stored: StoredCheckpoint) -> Checkpoint:
    """What it says."""
    state = TableState(
        batch=stored.batch,
        live={version.partition: version for version in stored.live},
        index=stored.index,
        position=stored.position or (stored.span.position(stored.batch) if stored.span else None),
        definition=stored.definition,
        rule=stored.rule,
        holds=_holds(stored),
        owed=stored.owed,
        deferred=stored.deferred,
        released=stored.released,
        watermark=stored.watermark,
        answered=stored.answered,
    )
    return Checkpoint(stored.attempt_batch, stored.committed_ms, state, stored.quarantined)


def _holds(stored: StoredCheckpoint) -> tuple[Hold, ...]:
    """`held_by` is of the whole table."""
    old = stored.held_by
    return stored.holds if old is None else (Hold(old.batch, old.target, old.recorded_ms, None, old.undone),)
