"""The settling table: what the live locations say about an attempt whose fence is dropped. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from partitioner.history import TableState
from partitioner.manifest import Manifest, PartitionMove
from partitioner.values import PartitionValues, same_location

LiveLocations = Mapping[PartitionValues, str]
"""Where the metastore says each partition is; partitions that do not exist are missing."""


class Outcome(Enum):
    """What is known of a swap. UNKNOWN becomes another one only by reading the metastore."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not committed"
    UNKNOWN = "unknown"


class Seen(Enum):
    """What one partition's live location is, seen from one attempt."""

    NEW = "the attempt's version"
    OLD = "as before the attempt"
    OVERTAKEN = "what a later committed batch wrote"
    FOREIGN = "none of this loader's doing"


@dataclass(frozen=True, slots=True)
class Mixed:
    """Some partitions are new and some old: no crash explains it."""

    new: tuple[PartitionValues, ...]
    old: tuple[PartitionValues, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Partitions that somebody else moved or dropped, each with the location found (None: dropped)."""

    found: dict[PartitionValues, str | None]
    expected: dict[PartitionValues, str | None]


def observe(live: LiveLocations, manifest: Manifest, now: TableState) -> Outcome | Mixed | Foreign:
    """Judge `manifest`'s swap by the live locations. `now`: the state by all *committed* manifests."""
    seen = {move.partition: see(live.get(move.partition), move, manifest, now) for move in manifest.moves}
    if Seen.FOREIGN in seen.values():
        return _foreign(live, manifest, seen)
    if Seen.OVERTAKEN in seen.values():
        return Outcome.NOT_COMMITTED
    new = tuple(partition for partition, what in seen.items() if what is Seen.NEW)
    old = tuple(partition for partition, what in seen.items() if what is Seen.OLD)
    if new and old:
        return Mixed(new, old)
    return Outcome.COMMITTED if new or not seen else Outcome.NOT_COMMITTED


def see(found: str | None, move: PartitionMove, manifest: Manifest, now: TableState) -> Seen:
    """What `found` is to one move. A partition that the swap leaves where it was counts as old: it proves nothing."""
    if found is not None and same_location(found, move.new.location):
        return Seen.NEW
    if _is_old(found, move):
        return Seen.OLD
    later = now.live.get(move.partition) if now.batch > manifest.batch else None
    if later is not None and found is not None and same_location(found, later.location):
        return Seen.OVERTAKEN
    return Seen.FOREIGN


def _is_old(found: str | None, move: PartitionMove) -> bool:
    if found is None:
        return move.old is None
    return any(known is not None and same_location(found, known) for known in (move.old, move.placeholder))


def _foreign(live: LiveLocations, manifest: Manifest, seen: Mapping[PartitionValues, Seen]) -> Foreign:
    strangers = [move for move in manifest.moves if seen[move.partition] is Seen.FOREIGN]
    return Foreign(
        found={move.partition: live.get(move.partition) for move in strangers},
        expected={move.partition: move.old for move in strangers},
    )
