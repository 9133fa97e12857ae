"""Codecs of cells with a fixed number of bytes, as HBase's `Bytes.toBytes` writes them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.codec import Codec, Decoded, Values, as_binary
from loader.mapping.hive_types import INTEGERS, HiveType, parse_hive_type
from loader.mapping.years import OUTSIDE, nulled, outside_years

WIDTHS = {
    "tinyint": (1, "i1"),
    "smallint": (2, "i2"),
    "int": (4, "i4"),
    "bigint": (8, "i8"),
    "float": (4, "f4"),
    "double": (8, "f8"),
}
"""Hive type → bytes, and NumPy's name of the number."""


def big_endian(stored: str, hive: HiveType) -> Codec:
    """Numbers of the Hive type `stored`, widened to the column's own."""
    (width, code), arrow = WIDTHS[stored], parse_hive_type(stored).arrow

    def decode(values: Values) -> Decoded:
        good, reasons = _of_width(values, width)
        return _spread(_numbers(good, width, code), good).cast(hive.arrow), reasons

    def encode(column: pa.Array) -> pa.Array:
        numbers = np.asarray(column.cast(arrow)).astype(f">{code}")
        return pa.Array.from_buffers(pa.binary(width), len(numbers), [None, pa.py_buffer(numbers)]).cast(pa.binary())

    return Codec(f"{stored}, {width} bytes big endian", decode, encode if stored in INTEGERS else None)


def _of_width(values: Values, width: int) -> tuple[pa.Array, dict[int, str]]:
    """The column without what has another width, and a reason for each of those."""
    column = as_binary(values)
    wrong = pc.fill_null(pc.not_equal(pc.binary_length(column), width), False)
    if not pc.any(wrong).as_py():
        return column, {}
    reasons = {
        index: f"{len(column[index].as_py())} bytes instead of {width}"
        for index in pc.indices_nonzero(wrong).to_pylist()
    }
    return pc.if_else(wrong, pa.scalar(None, pa.binary()), column), reasons


def _numbers(column: pa.Array, width: int, code: str) -> pa.Array:
    """Those that are not null, all of `width` bytes."""
    present = column.drop_null()
    if not len(present):
        return pa.array(np.array([], code))
    _, offsets, data = present.buffers()
    start = np.frombuffer(offsets, np.int32)[present.offset]
    return pa.array(np.frombuffer(data, f">{code}", len(present), start).astype(code))


def _spread(present: pa.Array, column: pa.Array) -> pa.Array:
    """`present` holds the values where `column` is not null; put nulls where it is."""
    if len(present) == len(column):
        return present
    valid = np.asarray(column.is_valid())
    return present.take(pa.array(np.cumsum(valid) - 1, mask=~valid))


def _decode_bool(values: Values) -> Decoded:
    """`Bytes.toBytes(true)` is 0xff; Hive takes any byte but 0 for true."""
    good, reasons = _of_width(values, 1)
    return pc.not_equal(good, b"\0"), reasons


def _decode_timestamp_ms(values: Values) -> Decoded:
    """Milliseconds since 1970, 8 bytes big endian → the time of day in UTC."""
    good, reasons = _of_width(values, 8)
    column, wrong = moments(_spread(_numbers(good, 8, "i8"), good))
    return column, reasons | wrong


def moments(milliseconds: pa.Array) -> Decoded:
    """Milliseconds since 1970 (int64) as timestamps, with a reason for each that is in no year of a table's."""
    given = milliseconds.cast(pa.timestamp("ms"))
    wrong = outside_years(given)
    reasons = {index: f"{milliseconds[index].as_py()} ms since 1970 is no time: {OUTSIDE}" for index in wrong}
    return nulled(given, wrong).cast(pa.timestamp("us")), reasons


BOOL = Codec("boolean, 1 byte", _decode_bool)
TIMESTAMP_MS = Codec("milliseconds since 1970, 8 bytes big endian", _decode_timestamp_ms)
