"""A Thrift answer of many rows as arrays of positions in its bytes: no Python object a cell.

A `list<TResult>` is a chain: each cell's end follows from its own lengths, the next one begins there. NumPy cannot
follow a chain, but it can check one: the end of a cell (`timestamp`, `type`, stop: 16 bytes of which 8 are fixed) is
looked for everywhere at once; then every cell's start is where the one before it ends, its lengths must lead exactly to
its own end, and the counts of every row must be right. If all of that holds from the first byte to the last, the chain
is the answer, whatever bytes the values hold. If not (a value that looks like an end, a field nobody expects), `parse`
gives up and thrift's own decoder reads the same bytes.

Layout: `org/apache/hadoop/hbase/thrift2/hbase.thrift`, TResult and TColumnValue, in thrift's binary protocol.
"""

from typing import Any

import numpy as np

from loader.sources.hbase.access.packed_rows import Ints, PackedRows

_HEAD = 3  # a field's type and number
_TAIL = 16  # 0a 0004 timestamp(8) 03 0006 type(1) 00
_MASK = np.uint32(0xFFFFFF00)
_FAMILY, _QUALIFIER, _VALUE, _ROW = (np.uint32(number) for number in (0x0B000100, 0x0B000200, 0x0B000300, 0x0B000100))


class _Views:
    """Big-endian numbers at any position of a buffer."""

    def __init__(self, buffer: bytes) -> None:
        size = len(buffer)
        self.bytes = np.frombuffer(buffer, np.uint8)
        self.word: np.ndarray[Any, Any] = np.ndarray((size - 3,), ">u4", buffer, 0, (1,))
        self.long: np.ndarray[Any, Any] = np.ndarray((size - 7,), ">i8", buffer, 0, (1,))
        self.last = size - 8

    def lengths(self, at: Ints) -> Ints:
        return self.word[np.minimum(at, self.last)].astype(np.int64)

    def begins(self, at: Ints, head: np.uint32) -> bool:
        return bool((at <= self.last).all() and ((self.word[at] & _MASK) == head).all())


def parse(buffer: bytes, at: int) -> PackedRows | None:
    """The rows of an answer whose list begins (element type, count) at `at` and ends with the buffer, or None."""
    if len(buffer) < at + 5 or buffer[at] != 0x0C or buffer[-1]:
        return None
    rows = int.from_bytes(buffer[at + 1 : at + 5], "big")
    if not rows or len(buffer) < at + 5 + _TAIL:
        return None
    views = _Views(buffer)
    tails = _tails(views)
    ends = tails + _TAIL
    if not len(ends) or ends[-1] >= len(buffer):
        return None
    lasts = np.flatnonzero(views.bytes[ends] != 0x0B)
    after = _after_rows(views, ends[lasts])
    if after is None or len(lasts) != rows or after[-1] != len(buffer) - 1:
        return None
    first = np.concatenate(([0], lasts + 1))
    return _checked(buffer, views, np.concatenate(([at + 5], after[:-1])), first, tails)


def _tails(views: _Views) -> Ints:
    """Where a cell's timestamp field may begin."""
    octets = views.bytes
    found = np.flatnonzero(octets[:-_TAIL] == 0x0A)
    found = found[(octets[found + 2] == 4) & (octets[found + 11] == 3) & (octets[found + 13] == 6)]
    fixed = octets[found + 1] | octets[found + 12] | octets[found + 15]
    tails: Ints = found[fixed == 0]
    return tails


def _after_rows(views: _Views, ends: Ints) -> Ints | None:
    """Where each row is over: behind its flags `stale` and `partial` (02 0003 x, 02 0004 x), if it has them."""
    octets, last = views.bytes, len(views.bytes) - 1
    bare = octets[ends] == 0
    if bare.all():
        return ends + 1
    if bare.any() or ends[-1] + 8 > last:
        return None
    flags = ((2, 0), (0, 1), (3, 2), (2, 4), (0, 5), (4, 6), (0, 8))
    if any((octets[ends + offset] != value).any() for value, offset in flags):
        return None
    return ends + 9


def _checked(buffer: bytes, views: _Views, heads: Ints, first: Ints, tails: Ints) -> PackedRows | None:
    """The rows, if every length leads exactly to where the next thing was found."""
    if not views.begins(heads, _ROW):
        return None
    key_length = views.lengths(heads + _HEAD)
    lists = heads + 7 + key_length
    counts = np.diff(first)
    is_list = views.begins(lists, np.uint32(0x0F000200)) and (views.bytes[lists + 3] == 0x0C).all()
    if not is_list or (views.lengths(lists + 4) != counts).any():
        return None
    starts = np.empty(len(tails), np.int64)
    starts[1:] = tails[:-1] + _TAIL
    starts[first[:-1]] = lists + 8
    fields = [starts]
    lengths = []
    for head in (_FAMILY, _QUALIFIER, _VALUE):
        if not views.begins(fields[-1], head):
            return None
        lengths.append(views.lengths(fields[-1] + _HEAD))
        fields.append(fields[-1] + 7 + lengths[-1])
    if (fields[-1] != tails).any():
        return None
    return PackedRows(
        buffer=buffer,
        key_at=heads + 7,
        key_length=key_length,
        first=first,
        family_at=fields[0] + 7,
        family_length=lengths[0],
        qualifier_at=fields[1] + 7,
        qualifier_length=lengths[1],
        value_at=fields[2] + 7,
        value_length=lengths[2],
        timestamp=views.long[tails + _HEAD].astype(np.int64),
        type=views.bytes[tails + 14].view(np.int8).astype(np.int64),
    )
