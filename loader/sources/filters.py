"""HBase's MultiRowRangeFilter as bytes: protobuf of `Filter.proto` by hand, for it is three small messages."""

import struct
from collections.abc import Iterable

_NAME = b"org.apache.hadoop.hbase.filter.MultiRowRangeFilter"
_RANDOM = b"org.apache.hadoop.hbase.filter.RandomRowFilter"
_LENGTH_DELIMITED, _VARINT, _FIXED_32 = 2, 0, 5


def rows_filter(keys: Iterable[bytes]) -> bytes:
    """`TScan.filterBytes` for exactly these rows; `keys` sorted and unique, as the filter wants its ranges.

    `Filter{name=1, serialized_filter=2}` around `MultiRowRangeFilter{row_range_list=1 repeated
    RowRange{start_row=1, start_row_inclusive=2, stop_row=3, stop_row_inclusive=4}}`.
    """
    ranges = b"".join(_bytes(1, _range(key)) for key in keys)
    return _bytes(1, _NAME) + _bytes(2, ranges)


def random_rows(chance: float) -> bytes:
    """`RandomRowFilter{chance=1 float}`: each row passes with this chance."""
    return _bytes(1, _RANDOM) + _bytes(2, _tag(1, _FIXED_32) + struct.pack("<f", chance))


def _range(key: bytes) -> bytes:
    yes = _varint(1)
    return _bytes(1, key) + _tag(2, _VARINT) + yes + _bytes(3, key) + _tag(4, _VARINT) + yes


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
