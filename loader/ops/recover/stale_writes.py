"""Mend what a stale write (ANALYZE TABLE, ADD COLUMNS CASCADE) has put back: swap again to what is committed.

A repair is an attempt like any other, with its number, fence and manifest: its own swap could come late as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loader.publish import preconditions
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.publish.read_back import note_written_back
from loader.publish.settling import foreign_change, sightings
from loader.publish.steps import Step, claim, lock, record, settle
from loader.publish.swap import check, conclude, read_back, swap
from loader.state.open_table import Environment
from metastore.api import Partition
from partitioner.history.kinds import Kind
from partitioner.history.manifest import PartitionMove
from partitioner.history.stale_writes import written_back
from partitioner.values import PartitionValues, same_location


@dataclass(frozen=True, slots=True)
class Astray:
    """Partitions that are not where the committed manifests say: put back by a stale write, and all others."""

    mendable: tuple[PartitionValues, ...]
    foreign: dict[PartitionValues, str | None]


def astray(env: Environment) -> Astray:
    """Compare all partitions with what is committed. Only reads; needs no lock, but then may see a swap under way."""
    records = env.state.records()
    live = records.state.live
    found = {partition.values: partition for partition in env.metastore.all_partitions(env.table)}
    mendable = written_back(live, sightings(found.values()), records.attempts)
    foreign: dict[PartitionValues, str | None] = {
        partition: found[partition].location if partition in found else None
        for partition, version in live.items()
        if partition not in mendable and not _is_at(found.get(partition), version.location)
    }
    for partition, seen in found.items():
        if partition not in live and not _is_ours(env, partition, seen.location):
            foreign[partition] = seen.location
    return Astray(mendable, foreign)


def look(batch: Batch) -> None:
    """Which partitions need mending. None: no attempt."""
    env = batch.env
    seen = {partition.values: partition for partition in env.metastore.all_partitions(env.table)}
    batch.found = seen
    preconditions.check_not_overtaken(env, batch.before)
    note_written_back(batch, preconditions.stale(env, batch.before.live, seen.values()))
    batch.idle = not batch.written_back


def mend(batch: Batch) -> None:
    """From where the stale write put each partition to its committed version."""
    live = batch.before.live
    batch.moves = tuple(PartitionMove(p, batch.found[p].location, live[p]) for p in batch.written_back)
    batch.index = batch.before.index


REPAIR_STEPS: tuple[Step, ...] = (lock, settle, look, claim, mend, record, check, swap, read_back, conclude)


def repair(env: Environment) -> Sequence[PartitionValues]:
    """Mend every partition that a stale write has put back; those that were. Raises as any publish does."""
    batch = publish(Batch(env, Kind.REPAIR), REPAIR_STEPS)
    return batch.written_back


def warn_of(env: Environment, foreign: dict[PartitionValues, str | None]) -> str:
    """What somebody else has changed, as one text for the log."""
    live = env.state.records().state.live
    return foreign_change(env, foreign, {p: live[p].location for p in foreign if p in live}).message


def _is_at(partition: Partition | None, location: str) -> bool:
    return partition is not None and same_location(partition.location, location)


def _is_ours(env: Environment, partition: PartitionValues, location: str) -> bool:
    return env.fences.is_fence(partition) or preconditions.is_stray(env, partition, location)
