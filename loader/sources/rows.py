"""Rows as they were read, and chunks of them put together as one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.rejected import Rejected
from partitioner.changes.change_set import NOWHERE
from partitioner.values import PartitionValues


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What became of the keys asked for; each is in `rows` or in `rejected`, once.

    `rows`: META, then the mapping's data columns (null for a delete), in key order. `:target` indexes `partitions`;
    for a delete it is NOWHERE, or the key's own partition where partitions follow from the key. `:version`: the newest
    timestamp of the mapped cells; for a delete the `at_ms` of the read, which is above all that the window held. A
    delete of a key that no row of the table can have is left out where partitions follow from the key.
    """

    rows: pa.Table
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[Rejected, ...]


class Chunk(Protocol):
    """What any reader gives; see `loader.publish.batch.ReadRows`."""

    @property
    def rows(self) -> pa.Table: ...
    @property
    def partitions(self) -> tuple[PartitionValues, ...]: ...
    @property
    def rejected(self) -> tuple[Any, ...]: ...


def joined(chunks: Iterable[Chunk]) -> ReadRows:
    """At least one chunk. Each numbers its own partitions; the whole has one numbering."""
    numbers: dict[PartitionValues, int] = {}
    tables: list[pa.Table] = []
    rejected: list[Rejected] = []
    for chunk in chunks:
        tables.append(_renumbered(chunk, numbers))
        rejected.extend(chunk.rejected)
    return ReadRows(pa.concat_tables(tables).combine_chunks(), tuple(numbers), tuple(rejected))


def _renumbered(chunk: Chunk, numbers: dict[PartitionValues, int]) -> pa.Table:
    if not chunk.partitions:
        return chunk.rows  # deletes that live nowhere
    ours = [numbers.setdefault(values, len(numbers)) for values in chunk.partitions]
    place = chunk.rows.schema.get_field_index(":target")
    targets = chunk.rows[":target"].combine_chunks()
    known = pa.array([NOWHERE, *ours], pa.int32())
    moved = known.take(pc.add(targets, 1))
    return chunk.rows.set_column(place, chunk.rows.schema.field(place), moved)
