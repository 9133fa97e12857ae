"""HBase's filters as bytes: protobuf of `Filter.proto` by hand, for it is a few small messages."""

import struct
from collections.abc import Iterable
from functools import cache

_PACKAGE = b"org.apache.hadoop.hbase.filter."
_MUST_PASS_ALL = 1
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
    return _filter(b"MultiRowRangeFilter", ranges)


@cache
def _around(length: int) -> tuple[bytes, bytes, bytes]:
    """What stands before, between and behind the two keys of a range, which are of this length."""
    yes, size = _varint(1), _varint(length)
    first, last = _tag(1, _LENGTH_DELIMITED) + size, _tag(3, _LENGTH_DELIMITED) + size
    between, behind = _tag(2, _VARINT) + yes + last, _tag(4, _VARINT) + yes
    whole = len(first) + len(between) + len(behind) + 2 * length
    return _tag(1, _LENGTH_DELIMITED) + _varint(whole) + first, between, behind


def random_keys(chance: float) -> bytes:
    """Each row passes with this chance, and of it one cell without its value: all of three filters, in a FilterList.

    `FilterList{operator=1, filters=2 repeated Filter}`, `RandomRowFilter{chance=1 float}`, `FirstKeyOnlyFilter{}`,
    `KeyOnlyFilter{len_as_val=1 bool}`.
    """
    each = (
        _filter(b"RandomRowFilter", _tag(1, _FIXED_32) + struct.pack("<f", chance)),
        _filter(b"FirstKeyOnlyFilter", b""),
        _filter(b"KeyOnlyFilter", _tag(1, _VARINT) + _varint(0)),
    )
    operator = _tag(1, _VARINT) + _varint(_MUST_PASS_ALL)
    return _filter(b"FilterList", operator + b"".join(_bytes(2, one) for one in each))


def _filter(name: bytes, serialized: bytes) -> bytes:
    """`Filter{name=1, serialized_filter=2}`."""
    return _bytes(1, _PACKAGE + name) + _bytes(2, serialized)


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
