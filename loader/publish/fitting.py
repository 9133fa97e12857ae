"""Before anything is written: what of a batch does not fit into one metastore call is left for the next batches."""

import pyarrow as pa
import pyarrow.compute as pc

from loader.layout import attempt_id
from loader.publish.batch import Batch
from loader.publish.environment import Environment
from partitioner.changeset import ChangeSet
from partitioner.cutting import CallLimit, keys_at, what_fits
from partitioner.values import PartitionValues

FENCES = 1
"""A swap names the run's fence beside its partitions."""
FEW = 1000
"""Partitions that any server takes in one call: their size need not be asked for."""
PARTITION_BYTES, COLUMN_BYTES = 600, 15
"""Of one partition in the message, measured: class names, parameters and field headers; those of a column."""
CAUTION = 1.3
"""Parameters that others have left on a partition go along."""


def fit(batch: Batch, stored: ChangeSet) -> ChangeSet:
    """Leave in `batch.changes` what one call takes, and in `batch.left` the keys of the rest.

    Returns `stored` without them: the change set holds what its batch publishes.
    """
    env, changes = batch.env, batch.change_set
    touched = len(changes.partitions)
    most = batch.given.partitions_per_swap
    if touched <= min(FEW, most - FENCES if most else FEW):
        return stored
    batch.changes, left = what_fits(changes, limit_of(env, most))
    if not left:
        return stored
    batch.left = keys_at(changes, left)
    return without_keys(stored, batch.left)


def limit_of(env: Environment, most: int | None) -> CallLimit:
    columns = sum(len(name) + len(kind) + COLUMN_BYTES for name, kind in env.columns)
    attempt = attempt_id(0, 0, env.identity.run)

    def bytes_of(partition: PartitionValues) -> float:
        location = env.layout.version(env.name_of(partition), attempt)
        return CAUTION * (PARTITION_BYTES + columns + len(location.encode()) + sum(map(len, partition)))

    return CallLimit(env.metastore.server().max_message_bytes, most - FENCES if most else None, bytes_of)


def without_keys(changes: ChangeSet, keys: pa.Array) -> ChangeSet:
    return ChangeSet(changes.rows.filter(pc.invert(pc.is_in(changes.rows["__key"], keys))), changes.partitions)
