"""HBase's filters as bytes: protobuf of `Filter.proto` by hand, for it is a few small messages."""

import struct
from collections.abc import Iterable, Sequence
from functools import cache

from loader.sources.hbase.access.api import Columns, Scan
from loader.sources.hbase.access.protobuf import FIXED_32, LENGTH_DELIMITED, VARINT, of_bytes, of_int, tag, varint

_PACKAGE = b"org.apache.hadoop.hbase.filter."
_MUST_PASS_ALL = 1


def scan_of_rows(keys: Sequence[bytes], columns: Columns) -> Scan:
    """One filtered scan of exactly these rows (`keys` sorted, unique), 1.7 to 2.6 times as fast as Gets of many."""
    return Scan(keys[0], keys[-1] + b"\0", columns, filter_bytes=rows_filter(keys))


def rows_filter(keys: Iterable[bytes]) -> bytes:
    """A scan's filter for exactly these rows; `keys` sorted and unique, as the filter wants its ranges.

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
    yes, size = varint(1), varint(length)
    first, last = tag(1, LENGTH_DELIMITED) + size, tag(3, LENGTH_DELIMITED) + size
    between, behind = tag(2, VARINT) + yes + last, tag(4, VARINT) + yes
    whole = len(first) + len(between) + len(behind) + 2 * length
    return tag(1, LENGTH_DELIMITED) + varint(whole) + first, between, behind


def random_keys(chance: float) -> bytes:
    """Each row passes with this chance, and of it one cell without its value: all of three filters, in a FilterList.

    `FilterList{operator=1, filters=2 repeated Filter}`, `RandomRowFilter{chance=1 float}`, `FirstKeyOnlyFilter{}`,
    `KeyOnlyFilter{len_as_val=1 bool}`.
    """
    return _all(_filter(b"RandomRowFilter", tag(1, FIXED_32) + struct.pack("<f", chance)), *_FIRST_CELL)


def first_cells() -> bytes:
    """Of each row one cell, without its value."""
    return _all(*_FIRST_CELL)


def _all(*each: bytes) -> bytes:
    return _filter(b"FilterList", of_int(1, _MUST_PASS_ALL) + b"".join(of_bytes(2, one) for one in each))


def _filter(name: bytes, serialized: bytes) -> bytes:
    """`Filter{name=1, serialized_filter=2}`."""
    return of_bytes(1, _PACKAGE + name) + of_bytes(2, serialized)


_FIRST_CELL = (_filter(b"FirstKeyOnlyFilter", b""), _filter(b"KeyOnlyFilter", of_int(1, 0)))
