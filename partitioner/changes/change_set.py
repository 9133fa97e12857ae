"""The change set's schema: what one batch read and decoded, one row a key, stored once before anything is planned.

A change set is Arrow data: the META columns below, then the table's data columns in table order (null for a delete).
`target` and `origin` index `ChangeSet.partitions` (the list of partition values that travels beside the rows).
Every name of ours begins with a colon, which no column of a Hive table can have: users may call theirs `:op`.
"""

from dataclasses import dataclass
from enum import IntEnum

import pyarrow as pa

from partitioner.values import PartitionValues


class Op(IntEnum):
    """What happened to a key in HBase."""

    DELETE = 0
    UPSERT = 1


NOWHERE = -1
"""`target` of a delete; `origin` of a key that the key index does not know (a new key)."""

UNKNOWN_ORIGIN = -2
"""`origin` where no key index is kept (the partition comes from the row key alone): the key may or may not be in
`target`. For a delete of such a table `target` names the partition that the key belongs to."""

META = pa.schema(
    [
        pa.field(":key", pa.binary(), nullable=False),  # raw HBase row key
        pa.field(":hash", pa.uint32(), nullable=False),  # crc32 of the raw key
        pa.field(":op", pa.int8(), nullable=False),
        pa.field(":version", pa.int64(), nullable=False),  # newest cell's timestamp in ms; orders changes of one key
        pa.field(":target", pa.int32(), nullable=False),
        pa.field(":origin", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """`rows`: META columns then data columns, at most one row a key. `partitions`: what target and origin index."""

    rows: pa.Table
    partitions: tuple[PartitionValues, ...]


def keys_in(changes: ChangeSet) -> pa.Array:
    """The raw keys of the changes."""
    return changes.rows[":key"].combine_chunks()


class Routed(IntEnum):
    """What a change means to one split, and what the merge may find there. Anything else is index drift.

    INSERT and MOVE_IN must not be there yet; UPDATE, DELETE and MOVE_OUT must be; UPSERT and DROP (no key index)
    may be.
    """

    DELETE = 0
    UPDATE = 1
    INSERT = 2
    MOVE_OUT = 3
    MOVE_IN = 4
    UPSERT = 5
    DROP = 6
