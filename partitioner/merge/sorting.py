"""`sort_by` within a file: a split's rows in the order of some columns, a bounded part of them at a time. Pure.

A split of up to `most_bytes` is sorted whole. A larger one comes in sorted parts, each of which is one row group or
several: so every row group is sorted, and memory stays bounded.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from partitioner.merge.conform import without_dictionaries

R = TypeVar("R")


def in_order(
    rows: Generator[pa.RecordBatch, None, R], schema: pa.Schema, by: Sequence[str], most_bytes: int
) -> Generator[pa.RecordBatch, None, R]:
    """The same rows, and what `rows` returns. Ascending, nulls last; equal rows keep their order.

    Memory: `most_bytes` of rows, and as much again twice while they are sorted.
    """
    gathered: list[pa.RecordBatch] = []
    size = 0
    while True:
        try:
            batch = next(rows)
        except StopIteration as end:
            yield from _ordered(gathered, schema, by)
            result: R = end.value
            return result
        gathered.append(batch)
        size += batch.nbytes
        if size >= most_bytes:
            yield from _ordered(gathered, schema, by)
            gathered, size = [], 0


def _ordered(gathered: list[pa.RecordBatch], schema: pa.Schema, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
    table = pa.Table.from_batches(gathered, schema)
    if len(table):
        keys = table.select(list(by))
        keys = keys.cast(without_dictionaries(keys.schema))  # a dictionary's codes have no order
        order = pc.sort_indices(keys, [(name, "ascending") for name in by])
        yield from table.unify_dictionaries().combine_chunks().take(order).to_batches()


def is_sortable(kind: pa.DataType) -> bool:
    """Whether rows can be put in the order of a column of this type."""
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))
