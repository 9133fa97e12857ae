"""Chunks of rows that were read one after the other, as one."""

from collections.abc import Iterable
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from loader.quarantine import Rejected
from loader.sources.reader import ReadRows
from partitioner.changeset import NOWHERE
from partitioner.values import PartitionValues


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
    ours = [numbers.setdefault(values, len(numbers)) for values in chunk.partitions]
    place = chunk.rows.schema.get_field_index("__target")
    targets = chunk.rows["__target"].combine_chunks()
    known = pa.array([NOWHERE, *ours], pa.int32())
    moved = known.take(pc.add(targets, 1))
    return chunk.rows.set_column(place, chunk.rows.schema.field(place), moved)
