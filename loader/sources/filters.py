"""HBase's MultiRowRangeFilter as bytes: protobuf of `Filter.proto` by hand, for it is three small messages."""

import struct
from collections.abc import Iterable
from functools import cache

_NAME = b"org.apache.hadoop.hbase.filter.MultiRowRangeFilter"
_RANDOM = b"org.apache.hadoop.hbase.filter.RandomRowFilter"
_LENGTH_DELIMITED, _VARINT, _FIXED_32 = 2, 0, 5


def rows_filter(keys: Iterable[bytes]) -> bytes:
    """`TScan.filterBytes` for exactly these rows; `keys` sorted and unique, as the filter wants its ranges.

    `Filter{name=1, serialized_filter=2}` around `MultiRowRangeFilter{row_range_list=1 repeated
    RowRange{start_row=1, start_row_inclusive=2, stop_row=3, stop_row_inclusive=4}}`.
    """
    pieces: list[bytes] = []
    for key in keys:
        before, between, behind = _around(len(key))
        pieces += (before, key, between, key, behind)
    ranges = b"".join(pieces)
    return _bytes(1, _NAME) + _bytes(2, ranges)


@cache
def _around(length: int) -> tuple[bytes, bytes, bytes]:
    """What stands before, between and behind the two keys of a range, which are of this length."""
    yes, size = _varint(1), _varint(length)
    first, last = _tag(1, _LENGTH_DELIMITED) + size, _tag(3, _LENGTH_DELIMITED) + size
    between, behind = _tag(2, _VARINT) + yes + last, _tag(4, _VARINT) + yes
    whole = len(first) + len(between) + len(behind) + 2 * length
    return _tag(1, _LENGTH_DELIMITED) + _varint(whole) + first, between, behind


def random_rows(chance: float) -> bytes:
    """`RandomRowFilter{chance=1 float}`: each row passes with this chance."""
    return _bytes(1, _RANDOM) + _bytes(2, _tag(1, _FIXED_32) + struct.pack("<f", chance))


def _bytes(number: int, value: bytes) -> bytes:
    return _tag(number, _LENGTH_DELIMITED) + _varint(len(value)) + value


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
