"""Which columns of a file are dictionary-encoded: those of few distinct values, estimated from a sample.

A file remembers what was chosen for it, so that the next file of its split need not look at samples again until a tenth
of its rows has changed. It also tells how far its codec shrinks each column: what hardly shrinks is left as it is then.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE_ROWS = 2_048
RUNS = 8
MOST_DISTINCT = 0.2  # of the rows: an index into fewer values is smaller than the values
MOST_DICTIONARY_BYTES = 1 << 20  # Parquet writers give a larger dictionary up half-way through
MOST_CHANGED = 0.1  # of the rows: then what was chosen is chosen anew


@dataclass(frozen=True, slots=True)
class Encoding:
    """Names of top-level columns, in column order.

    `dictionary`: those to be dictionary-encoded. `required`: those without a null in the whole file, which then needs
    no level a value. `stored`: those that the codec hardly shrinks, which are left uncompressed. All this was chosen
    for so many `columns`, and as many rows have `changed` since.
    """

    dictionary: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    columns: int = 0
    changed: int = 0


def choose_encoding(rows: pa.Table, *, whole: bool = False, before: Encoding | None = None) -> Encoding:
    """Decide from a sample of `rows`, which stand for what will be written together. `whole`: they are all of it.

    `before`: what the old file remembers, the changes now merged counted as `changed`; None: there is no one such file.
    What is chosen anew is compressed whole: only that tells how far it shrinks.
    """
    holds = before is not None and _still_holds(before, rows)
    return Encoding(
        dictionary=before.dictionary if before is not None and holds else _few_values(rows),
        required=tuple(
            field.name
            for field, column in zip(rows.schema, rows.columns, strict=True)
            if whole and len(rows) and not pa.types.is_nested(field.type) and not column.null_count
        ),
        stored=before.stored if before is not None and holds else (),
        columns=rows.num_columns,
        changed=before.changed if before is not None and holds else 0,
    )


def _still_holds(before: Encoding, rows: pa.Table) -> bool:
    return (
        before.columns == rows.num_columns
        and before.changed <= MOST_CHANGED * len(rows)
        and set(before.dictionary) <= set(rows.column_names)
    )


def _few_values(rows: pa.Table) -> tuple[str, ...]:
    columns = zip(rows.column_names, _sample(rows).columns, strict=True)
    return tuple(name for name, column in columns if _suits(column.type) and is_low_cardinality(column, len(rows)))


def _sample(rows: pa.Table) -> pa.Table:
    """Short runs of rows, spread evenly: slices copy nothing, however wide the rows are."""
    if len(rows) <= SAMPLE_ROWS:
        return rows
    starts = np.linspace(0, len(rows) - SAMPLE_ROWS // RUNS, RUNS, dtype=np.int64)
    return pa.concat_tables([rows.slice(start, SAMPLE_ROWS // RUNS) for start in starts])


def is_low_cardinality(sample: pa.ChunkedArray, rows: int) -> bool:
    """Whether a dictionary of the column's values would stay small for `rows` rows."""
    if not len(sample):
        return False
    distinct, size = _dictionary(sample) if pa.types.is_dictionary(sample.type) else _likely_dictionary(sample)
    return distinct <= max(rows * MOST_DISTINCT, 1) and size <= MOST_DICTIONARY_BYTES


def _dictionary(column: pa.ChunkedArray) -> tuple[float, float]:
    """Number and bytes of the values of a column that has its dictionary."""
    largest = max((chunk.dictionary for chunk in column.chunks), key=len)
    return len(largest), largest.nbytes


def _likely_dictionary(sample: pa.ChunkedArray) -> tuple[float, float]:
    distinct = estimate_distinct(sample)
    return distinct, distinct * sample.nbytes / len(sample)


def estimate_distinct(sample: pa.ChunkedArray) -> float:
    """Distinct values in all rows: the D at which a sample of s rows shows D·(1 − e^(−s/D)) of them, as it does.

    Exact in expectation where values are about equally frequent, too low where most rows share few values; infinite
    where no value comes twice.
    """
    seen, size = len(pc.unique(sample)), len(sample)
    low, high = float(seen), float(size) ** 2
    if seen == size:
        return math.inf
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        if middle * -math.expm1(-size / middle) < seen:
            low = middle
        else:
            high = middle
    return high


def with_one_dictionary(rows: pa.Table) -> pa.Table:
    """The same rows, each dictionary column with one dictionary that holds only values in use.

    Else what was deleted would stay in the files' dictionaries, and they would grow for ever.
    """
    rows = rows.unify_dictionaries()
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type) and len(rows):
            rows = rows.set_column(place, field, _compacted(rows.column(place)))
    return rows


def _compacted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`column`'s chunks share one dictionary."""
    dictionary = column.chunk(0).dictionary
    used = _used(column, len(dictionary))
    if used.all():
        return column
    kept, places = dictionary.filter(pa.array(used)), pa.array(np.cumsum(used) - 1, column.type.index_type)
    return pa.chunked_array(
        [pa.DictionaryArray.from_arrays(places.take(chunk.indices), kept) for chunk in column.chunks]
    )


def _used(column: pa.ChunkedArray, values: int) -> npt.NDArray[np.bool_]:
    """Mask of the dictionary's values that occur. Few values have all been seen after a look at the first rows."""
    used = np.zeros(values, np.bool_)
    for chunk in column.chunks:
        for start in range(0, len(chunk), SAMPLE_ROWS):
            used[chunk.indices.slice(start, SAMPLE_ROWS).drop_null().to_numpy()] = True
            if used.all():
                return used
    return used


def _suits(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind))
