"""Stale write-backs: ANALYZE TABLE and ADD COLUMNS CASCADE write whole partitions that they read earlier. Pure.

Such a write brings an earlier location of ours back, and with it the parameters of that time: they name the attempt
that wrote the version. A person's SET LOCATION changes the location alone, so the parameters name a newer one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from partitioner.history.table_state import Attempt
from partitioner.values import PartitionValues, Version, canonical_location, same_location


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the metastore says of a partition: where it is, and which attempt its parameters name (None: none)."""

    location: str
    attempt: str | None


Sightings = Mapping[PartitionValues, Sighting]
"""Partitions that do not exist are missing."""


@dataclass(frozen=True, slots=True)
class Written:
    """One directory that an attempt wrote for a partition. `version` None: the empty one of before its swap."""

    attempt: str
    version: Version | None


Past = Mapping[tuple[PartitionValues, str], Written]
"""By partition and canonical location."""


def past_of(attempts: Iterable[Attempt]) -> Past:
    """Every directory that a recorded attempt named for a swap, whatever became of the attempt."""
    past: dict[tuple[PartitionValues, str], Written] = {}
    for attempt in attempts:
        for move in attempt.manifest.moves if attempt.manifest else ():
            past[move.partition, canonical_location(move.new.location)] = Written(move.new.attempt, move.new)
            if move.placeholder:
                past[move.partition, canonical_location(move.placeholder)] = Written(attempt.intent.attempt, None)
    return past


def is_self_named(partition: PartitionValues, seen: Sighting | None, past: Past, beside: str) -> bool:
    """Whether location and parameters agree on a version of ours. Where it should not be live: a stale write-back.

    `beside`: a version of the partition. What is not on record any more, for history was folded since, is known by its
    place: in the same folder, by the name of the attempt that the parameters name.
    """
    if seen is None or seen.attempt is None:
        return False
    location = canonical_location(seen.location)
    written = past.get((partition, location))
    if written is not None:
        return seen.attempt == written.attempt
    folder, _, name = location.rpartition("/")
    return name == seen.attempt and folder == canonical_location(beside).rpartition("/")[0]


def written_back(
    live: Mapping[PartitionValues, Version], seen: Sightings, attempts: Iterable[Attempt]
) -> tuple[PartitionValues, ...]:
    """The partitions of `seen` that a stale write has put to another version than the committed one, sorted."""
    elsewhere = [
        partition
        for partition, sighting in seen.items()
        if partition in live and not same_location(sighting.location, live[partition].location)
    ]
    past = past_of(attempts) if elsewhere else {}
    return tuple(sorted(p for p in elsewhere if is_self_named(p, seen[p], past, live[p].location)))
