"""Before anything is written: what of a batch does not fit into one metastore call is left for the next batches."""

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.errors import TooLarge
from loader.publish.batch import Batch
from loader.state.layout import attempt_id
from loader.state.open_table import Environment
from partitioner.changes.change_set import ChangeSet
from partitioner.changes.cutting import CallLimit, components, what_fits
from partitioner.values import PartitionValues

FENCES = 1
"""A swap names the run's fence beside its partitions."""
FEW = 1000
"""Partitions that any server takes in one call: their size need not be asked for."""
PARTITION_BYTES, COLUMN_BYTES = 600, 15
"""Of one partition in the message, measured: class names, parameters and field headers; those of a column."""
RAISE_BYTES = (
    "Raise hive.metastore.server.max.message.size (metastore.server.max.message.size) on the server; or let fewer rows"
    " change between two batches: a lower publish_every."
)
RAISE_PARTITIONS = (
    "Raise partitions_per_swap, on a metastore of 4.1 or later together with its metastore.jdbc.max.batch.size; or let"
    " fewer rows change between two batches: a lower publish_every."
)
CAUTION = 1.3
"""Parameters that others have left on a partition go along."""


@dataclass(frozen=True, slots=True)
class Cut:
    """`changes`: what one call takes; `left`: the partitions that the rest is about.

    `limit`: of one call; None: so few partitions that any server takes them.
    """

    changes: ChangeSet
    left: frozenset[PartitionValues] = frozenset()
    limit: CallLimit | None = None


def cut(env: Environment, changes: ChangeSet, most: int | None) -> Cut:
    """What one call takes of `changes`: at least one group that keys move within. `most`: as in `are_few`."""
    if are_few(len(changes.partitions), most):
        return Cut(changes)
    limit = limit_of(env, most)
    fits, left = what_fits(changes, limit)
    return Cut(fits, left, limit)


def fits_one_call(batch: Batch) -> None:
    """No group of partitions that keys move between is larger than one call. Raises TooLarge."""
    if batch.news.limit is not None:
        for group in components(batch.news.changes):
            check_fits(batch.env, group, batch.news.limit)


def are_few(partitions: int, most: int | None) -> bool:
    """So few that any server takes them. `most`: in one call, the fence among them; None: what its message holds."""
    return partitions <= min(FEW, most - FENCES if most else FEW)


def check_fits(env: Environment, group: Collection[PartitionValues], limit: CallLimit) -> None:
    """A group that rows move within is never cut. Raises TooLarge.

    Of the estimated bytes, which are cautious, a group may have more than the message: the call itself tells then.
    """
    size = limit.size_of(group) / CAUTION
    if limit.takes(len(group), size):
        return
    places = f"{env.name_of(min(group))} to {env.name_of(max(group))}"
    takes, do = f"{limit.bytes:,.0f} bytes, and these have about {size:,.0f}", RAISE_BYTES
    if limit.partitions is not None and len(group) > limit.partitions:
        takes, do = f"{limit.partitions:,} (partitions_per_swap, less the fence)", RAISE_PARTITIONS
    raise TooLarge(
        f"{len(group):,} partitions of {env.table} ({places}) have to move in one metastore call, for rows move between"
        f" them; one call takes {takes}",
        f"Nothing was written. {do}",
    )


def limit_of(env: Environment, most: int | None) -> CallLimit:
    columns = sum(len(name) + len(kind) + COLUMN_BYTES for name, kind in env.columns)
    attempt = attempt_id(0, 0, env.identity.run)

    def bytes_of(partition: PartitionValues) -> float:
        location = env.layout.version(env.name_of(partition), attempt)
        return CAUTION * (PARTITION_BYTES + columns + len(location.encode()) + sum(map(len, partition)))

    return CallLimit(env.metastore.server().max_message_bytes, most - FENCES if most else None, bytes_of)


def without_keys(changes: ChangeSet, keys: pa.Array) -> ChangeSet:
    return ChangeSet(changes.rows.filter(pc.invert(pc.is_in(changes.rows[":key"], keys))), changes.partitions)
