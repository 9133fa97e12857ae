"""Rows as they were read, and chunks of them put together as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.rejected import Rejected
from partitioner.arrow_types import arrow_schema
from partitioner.changes.change_set import META, NOWHERE, ChangeSet
from partitioner.values import ColumnSpec, PartitionValues

_WITHOUT_ORIGIN = [field for field in META if field.name != ":origin"]


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What became of the keys or events asked for; each is in `rows` or in `rejected`, once.

    `rows`: META without `:origin`, then the mapping's data columns (null for a delete), in key order. `:target` indexes
    `partitions`; for a delete it is NOWHERE, or the key's own partition where partitions follow from the key.
    `:version`: the newest timestamp of the mapped cells; for a delete the `at_ms` of the read, which is above all that
    the window held. A delete of a key that no row of the table can have is left out where partitions follow from the
    key. An event has an empty `:key`, and as `:version` the time when it was appended to its log; one that a filter
    drops is in neither.
    """

    rows: pa.Table
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[Rejected, ...]


def no_rows(columns: Sequence[ColumnSpec]) -> ReadRows:
    """Of a table with these data columns."""
    return ReadRows(pa.schema([*_WITHOUT_ORIGIN, *arrow_schema(columns)]).empty_table(), (), ())


def chunk_of(changes: ChangeSet) -> ReadRows:
    """What was read once, and put aside."""
    return ReadRows(changes.rows.drop_columns([":origin"]), changes.partitions, ())


def joined(chunks: Iterable[ReadRows]) -> ReadRows:
    """At least one chunk. Each numbers its own partitions; the whole has one numbering.

    Columns that a chunk does not have yet are null in its rows.
    """
    numbers: dict[PartitionValues, int] = {}
    tables: list[pa.Table] = []
    rejected: list[Rejected] = []
    for chunk in chunks:
        tables.append(_renumbered(chunk, numbers))
        rejected.extend(chunk.rejected)
    return ReadRows(
        pa.concat_tables(tables, promote_options="default").combine_chunks(), tuple(numbers), tuple(rejected)
    )


def _renumbered(chunk: ReadRows, numbers: dict[PartitionValues, int]) -> pa.Table:
    if not chunk.partitions:
        return chunk.rows  # deletes that live nowhere
    ours = [numbers.setdefault(values, len(numbers)) for values in chunk.partitions]
    place = chunk.rows.schema.get_field_index(":target")
    targets = chunk.rows[":target"].combine_chunks()
    known = pa.array([NOWHERE, *ours], pa.int32())
    moved = known.take(pc.add(targets, 1))
    return chunk.rows.set_column(place, chunk.rows.schema.field(place), moved)
