"""Which columns of a file are dictionary-encoded: those of few distinct values, estimated from a sample."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE_ROWS = 8_192
MOST_DISTINCT = 0.2  # of the rows: an index into fewer values is smaller than the values
MOST_DICTIONARY_BYTES = 1 << 20  # Parquet writers give a larger dictionary up half-way through


@dataclass(frozen=True, slots=True)
class Encoding:
    """`dictionary`: names of the top-level columns to be dictionary-encoded, in column order."""

    dictionary: tuple[str, ...] = ()


def choose_encoding(rows: pa.Table) -> Encoding:
    """Decide from a sample spread evenly over `rows`, which stand for what will be written together."""
    step = max(len(rows) // SAMPLE_ROWS, 1)
    sample = rows.take(pa.array(np.arange(0, len(rows), step))) if step > 1 else rows
    return Encoding(
        tuple(
            name
            for name, column in zip(rows.column_names, sample.columns, strict=True)
            if _suits(column.type) and is_low_cardinality(column, len(rows))
        )
    )


def is_low_cardinality(sample: pa.ChunkedArray, rows: int) -> bool:
    """Whether a dictionary of the column's values would stay small for `rows` rows."""
    if not len(sample):
        return False
    distinct = estimate_distinct(sample, rows)
    bytes_a_value = sample.nbytes / len(sample)
    return distinct <= max(rows * MOST_DISTINCT, 1) and distinct * bytes_a_value <= MOST_DICTIONARY_BYTES


def estimate_distinct(sample: pa.ChunkedArray, rows: int) -> float:
    """Distinct values among `rows` rows from a uniform sample: the GEE estimator, right within a factor √(rows/sample).

    Source: Charikar, Chaudhuri, Motwani, Narasayya, "Towards estimation error guarantees for distinct values" (2000).
    """
    values = sample.combine_chunks() if pa.types.is_dictionary(sample.type) else sample
    counts = pc.value_counts(values).field("counts").to_numpy()
    once = int((counts == 1).sum())
    return math.sqrt(max(rows / len(sample), 1.0)) * once + (len(counts) - once)


def _suits(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind))
