"""The checkpoint: settled history up to a batch, folded. What only asks how things stand starts from the newest one.

The history itself stays where it is: rollback, clean and `history` need it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partitioner.history import TableState
from partitioner.manifest import FORMAT, Span, checked, manifest_from, plain_of, version_from


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
        "span": plain_of(state.span) if state.span else None,
        "held_by": plain_of(state.held_by) if state.held_by else None,
        "owed": list(state.owed),
        "answered": list(state.answered),
    }


def checkpoint_from(plain: Mapping[str, Any]) -> Checkpoint:
    """Raises ValueError if it was stored by a newer program."""
    fields = checked(plain)
    live = [version_from(version) for version in fields["live"]]
    state = TableState(
        batch=fields["batch"],
        live={version.partition: version for version in live},
        index=tuple(fields["index"]),
        span=Span(**fields["span"]) if fields["span"] else None,
        held_by=manifest_from(fields["held_by"]) if fields["held_by"] else None,
        owed=tuple(fields["owed"]),
        answered=tuple(fields.get("answered", ())),
    )
    return Checkpoint(fields["attempt_batch"], fields["committed_ms"], state, tuple(fields["quarantined"]))
