"""The settling table: what the live partitions say about an attempt whose fence is dropped. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from partitioner.history.manifest import Manifest, PartitionMove
from partitioner.history.stale_writes import Past, Sighting, Sightings, is_self_named, past_of
from partitioner.history.table_state import Attempt, TableState
from partitioner.values import PartitionValues, same_location


class Outcome(Enum):
    """What is known of a swap. UNKNOWN becomes another one only by reading the metastore."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not committed"
    UNKNOWN = "unknown"


class Seen(Enum):
    """What one partition is, seen from one attempt."""

    NEW = "at the attempt's version"
    OLD = "as before the attempt"
    OLD_AGAIN = "where it was before, but its parameters tell of the attempt: somebody set its location"
    OVERTAKEN = "what a later committed batch wrote"
    WRITTEN_BACK = "at another version of ours, by a stale write"
    FOREIGN = "none of this loader's doing"


@dataclass(frozen=True, slots=True)
class Mixed:
    """Some partitions are new and others are not, and neither a crash nor a stale write explains it."""

    new: tuple[PartitionValues, ...]
    old: tuple[PartitionValues, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Partitions that somebody else moved or dropped, each with the location found (None: dropped)."""

    found: dict[PartitionValues, str | None]
    expected: dict[PartitionValues, str | None]


Judgement = Outcome | Mixed | Foreign


def observe(
    live: Sightings, manifest: Manifest, now: TableState, attempts: Iterable[Attempt], landed: bool = False
) -> Judgement:
    """Judge `manifest`'s swap by the live partitions. `now`: the state by all *committed* manifests.

    `landed`: the server has confirmed the swap. A swap is all or nothing: so one partition at its new version proves
    it, and then the others can only have been put back by a stale write.
    """
    if manifest.dropped:
        return _observe_drop(live, manifest)
    if all(_at_new(live.get(move.partition), move) for move in manifest.moves):
        return Outcome.COMMITTED
    past = past_of(attempts)
    seen = {move.partition: see(live.get(move.partition), move, manifest, now, past) for move in manifest.moves}
    if Seen.FOREIGN in seen.values() or Seen.OLD_AGAIN in seen.values():
        return _foreign(live, manifest, seen)
    new = tuple(partition for partition, what in seen.items() if what is Seen.NEW)
    if not new and not landed:
        return Outcome.NOT_COMMITTED
    moves = {move.partition: move for move in manifest.moves}
    rest = tuple(p for p, what in seen.items() if what is not Seen.NEW and not _put_back(moves[p], what, live, past))
    return Mixed(new, rest) if rest else Outcome.COMMITTED


def _observe_drop(live: Sightings, manifest: Manifest) -> Judgement:
    """A drop is all or nothing as a swap is; whoever else dropped a partition has done what was wanted."""
    there = tuple(partition for partition in manifest.dropped if partition in live)
    if not there:
        return Outcome.COMMITTED
    gone = tuple(partition for partition in manifest.dropped if partition not in live)
    return Mixed(gone, there) if gone else Outcome.NOT_COMMITTED


def see(found: Sighting | None, move: PartitionMove, manifest: Manifest, now: TableState, past: Past) -> Seen:
    """What `found` is to one move."""
    if _at_new(found, move):
        return Seen.NEW
    if found is None:
        return Seen.OLD if move.old is None else Seen.FOREIGN
    if _at(found, move.old):
        return Seen.OLD_AGAIN if found.attempt == move.new.attempt else Seen.OLD
    if _at(found, move.placeholder):
        return Seen.OLD
    later = now.live.get(move.partition) if now.batch > manifest.batch else None
    if later is not None and _at(found, later.location):
        return Seen.OVERTAKEN
    return Seen.WRITTEN_BACK if is_self_named(move.partition, found, past, move.new.location) else Seen.FOREIGN


def _put_back(move: PartitionMove, what: Seen, live: Sightings, past: Past) -> bool:
    """Whether a stale write explains that the partition is not at its new version."""
    found = live.get(move.partition)
    by_itself = what is Seen.OLD and is_self_named(move.partition, found, past, move.new.location)
    return what is Seen.WRITTEN_BACK or by_itself


def _at_new(found: Sighting | None, move: PartitionMove) -> bool:
    return _at(found, move.new.location)


def _at(found: Sighting | None, location: str | None) -> bool:
    return found is not None and location is not None and same_location(found.location, location)


def _foreign(live: Sightings, manifest: Manifest, seen: Mapping[PartitionValues, Seen]) -> Foreign:
    strangers = [move for move in manifest.moves if seen[move.partition] in (Seen.FOREIGN, Seen.OLD_AGAIN)]
    found = {move.partition: live.get(move.partition) for move in strangers}
    return Foreign(
        found={partition: sighting.location if sighting else None for partition, sighting in found.items()},
        expected={
            move.partition: move.new.location if seen[move.partition] is Seen.OLD_AGAIN else move.old
            for move in strangers
        },
    )
