"""The checkpoint: settled history up to a batch, folded. What only asks how things stand starts from the newest one.

The history itself stays where it is: rollback, clean and `history` need it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from partitioner.history.manifest import (
    FORMAT,
    KeySet,
    RuleId,
    checked,
    definition_from,
    key_set_from,
    partitions_from,
    plain_of,
    version_from,
)
from partitioner.history.position import position_from, position_to
from partitioner.history.table_state import Hold, TableState


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


def checkpoint_from(plain: Mapping[str, Any]) -> Checkpoint:
    """Raises ValueError if it was stored by a newer program."""
    fields = checked(plain)
    live = [version_from(version) for version in fields["live"]]
    state = TableState(
        batch=fields["batch"],
        live={version.partition: version for version in live},
        index=tuple(fields["index"]),
        position=position_from(fields.get("position") or fields.get("span"), fields["batch"]),
        definition=definition_from(fields.get("definition")),
        rule=RuleId(**fields["rule"]) if fields.get("rule") else None,
        holds=_holds(fields),
        owed=tuple(fields["owed"]),
        deferred=_key_sets(fields.get("deferred", ())),
        released=_key_sets(fields.get("released", ())),
        watermark=fields.get("watermark"),
        answered=tuple(fields.get("answered", ())),
    )
    return Checkpoint(fields["attempt_batch"], fields["committed_ms"], state, tuple(fields["quarantined"]))


def _holds(fields: Mapping[str, Any]) -> tuple[Hold, ...]:
    """`held_by`, a rollback's whole manifest, is how format 1 began; such a hold is of the whole table."""
    old = fields.get("held_by")
    if old:
        return (Hold(old["batch"], old["target"], old["recorded_ms"], None, tuple(old["undone"])),)
    return tuple(
        Hold(
            hold["batch"],
            hold["target"],
            hold["since_ms"],
            partitions_from(hold["partitions"]),
            tuple(hold["undone"]),
        )
        for hold in fields.get("holds", ())
    )


def _key_sets(plain: Iterable[Mapping[str, Any]]) -> tuple[KeySet, ...]:
    return tuple(aside for item in plain if (aside := key_set_from(item)) is not None)
