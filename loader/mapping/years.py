"""The dates and timestamps that a table can hold: those of the years 1 to 9999.

SQL's own range, and the widest one that Hive, Spark, Trino, Impala, Parquet's INT96 and Python all read alike. Whatever
lies outside is a row's rejection, wherever it comes from: a cell, HBase's own timestamp, an expression.
"""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

OUTSIDE = "it is not in the years 1 to 9999"

_FIRST = datetime(1, 1, 1)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999)


def are_moments(kind: pa.DataType) -> bool:
    """Whether values of this type are dates or timestamps."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def outside_years(column: pa.Array | pa.ChunkedArray) -> list[int]:
    """Where the dates or zone-less timestamps are that no table can hold, ascending; nulls are not among them."""
    first, last = _limits(column.type)
    span = pc.min_max(column)
    if not span["min"].is_valid or (span["min"].value >= first.value and span["max"].value <= last.value):
        return []
    wrong = pc.or_(pc.less(column, first), pc.greater(column, last))
    positions: list[int] = pc.indices_nonzero(pc.fill_null(wrong, False)).to_pylist()
    return positions


def nulled(column: pa.Array, positions: list[int]) -> pa.Array:
    """The column with nulls at these positions."""
    if not positions:
        return column
    wrong = pc.is_in(pa.array(range(len(column)), pa.int64()), pa.array(positions, pa.int64()))
    return pc.if_else(wrong, pa.scalar(None, column.type), column)


def _limits(kind: pa.DataType) -> tuple[pa.Scalar, pa.Scalar]:
    if pa.types.is_date(kind):
        return pa.scalar(date(1, 1, 1), kind), pa.scalar(date(9999, 12, 31), kind)
    return pa.scalar(_FIRST, kind), pa.scalar(_truncated(kind), kind)


def _truncated(kind: pa.DataType) -> datetime:
    """The last moment of 9999 that a timestamp of this unit has."""
    if kind.unit == "s":
        return _LAST.replace(microsecond=0)
    return _LAST.replace(microsecond=999_000) if kind.unit == "ms" else _LAST
