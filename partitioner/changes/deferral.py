"""Which changes must wait: a key whose old or new partition is held is put aside whole. Pure."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changes.change_set import NOWHERE, ChangeSet
from partitioner.values import PartitionValues


def touching(changes: ChangeSet, partitions: Collection[PartitionValues]) -> pa.ChunkedArray:
    """A mask: the changes whose target or origin is one of `partitions`."""
    chosen = pa.array([partition in partitions for partition in changes.partitions], pa.bool_())
    return pc.or_(_at(changes.rows[":target"], chosen), _at(changes.rows[":origin"], chosen))


def without_held(changes: ChangeSet, held: Collection[PartitionValues]) -> tuple[ChangeSet, ChangeSet]:
    """The changes that go on, and those that wait: neither side of such a change is published."""
    waits = touching(changes, held)
    goes_on, waiting = changes.rows.filter(pc.invert(waits)), changes.rows.filter(waits)
    return ChangeSet(goes_on, changes.partitions), ChangeSet(waiting, changes.partitions)


def _at(places: pa.ChunkedArray, chosen: pa.Array) -> pa.ChunkedArray:
    known = pc.if_else(pc.greater(places, NOWHERE), places, None).combine_chunks()
    return pa.chunked_array([pc.fill_null(chosen.take(known), False)])
