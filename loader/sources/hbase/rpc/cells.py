"""A block of cells as arrays of positions in its bytes: no Python object a cell.

KeyValueCodec: length(4) | key length(4) value length(4) | row length(2) row | family length(1) family | qualifier |
timestamp(8) type(1) | value. Each cell begins where the one before it ends, a chain that NumPy cannot follow from one
end. So it is followed from many places at once: behind even distances the next spot is looked for where the three
lengths agree, and from each of them one step is made at a time, until each has come to where the next one began. A spot
that was no cell's beginning is never arrived at, or arrived past: then the block is followed one cell after the other.
Nothing is taken that was not reached from the first byte.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from loader.sources.hbase.access.packed_rows import Ints

_LEAST = 4 + 8 + 12
"""Bytes of a cell without a row, family, qualifier and value."""
_WINDOW = 96
"""Bytes behind a place in which a cell's beginning is looked for."""
_STRETCH = 8192
_MOST_STRETCHES = 1024
_FEWEST_STRETCHES = 4
_LENGTH = struct.Struct(">i")
_BIG_WORD, _BIG_LONG = np.dtype(">u4"), np.dtype(">i8")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """n cells; positions are into `buffer`. `at`: n + 1, where each begins and where the last one ends."""

    buffer: bytes
    at: Ints
    row_length: Ints
    family_at: Ints
    family_length: Ints
    qualifier_at: Ints
    qualifier_length: Ints
    timestamp: Ints
    type: Ints
    value_at: Ints
    value_length: Ints

    def __len__(self) -> int:
        return len(self.type)

    @property
    def row_at(self) -> Ints:
        """Where each cell's row key is."""
        rows: Ints = self.at[:-1] + 14
        return rows


def decode(buffer: bytes, start: int, stop: int) -> Cells:
    """The cells of `buffer[start:stop]`. Raises ValueError if it is not just cells without tags."""
    at = starts(buffer, start, stop)
    octets, words = np.frombuffer(buffer, np.uint8), _words(buffer)
    first = at[:-1]
    key_length, value_length = _read(words, first + 4), _read(words, first + 8)
    row_length = _read(words, first + 10) & 0xFFFF
    family_at = first + 15 + row_length
    value_at = first + 12 + key_length
    if (family_at > value_at).any() or (at[1:] != value_at + value_length).any():
        raise ValueError("a cell's lengths do not agree")
    family_length = octets[family_at - 1].astype(np.int64)
    qualifier_at = family_at + family_length
    qualifier_length = value_at - 9 - qualifier_at
    if (qualifier_length < 0).any():
        raise ValueError("a cell's names are longer than its key")
    longs: Any = np.ndarray((max(0, len(buffer) - 7),), _BIG_LONG, buffer, 0, (1,))
    return Cells(
        buffer=buffer,
        at=at,
        row_length=row_length,
        family_at=family_at,
        family_length=family_length,
        qualifier_at=qualifier_at,
        qualifier_length=qualifier_length,
        timestamp=longs[value_at - 9].astype(np.int64),
        type=octets[value_at - 1].view(np.int8).astype(np.int64),
        value_at=value_at,
        value_length=value_length,
    )


def starts(buffer: bytes, start: int, stop: int) -> Ints:
    """Where each cell of `buffer[start:stop]` begins, and `stop`. Raises ValueError if they do not end just there."""
    count = min(_MOST_STRETCHES, (stop - start) // _STRETCH)
    found = _from_many_places(buffer, start, stop, count) if count >= _FEWEST_STRETCHES else None
    return found if found is not None else np.array(_one_by_one(buffer, start, stop), np.int64)


def _from_many_places(buffer: bytes, start: int, stop: int, count: int) -> Ints | None:
    """As `starts`; None if a place was no cell's beginning."""
    words = _words(buffer)
    at = begin = _places(words, np.frombuffer(buffer, np.uint8), start, stop, count)
    ends, stretch = np.append(begin[1:], stop), np.arange(len(begin))
    steps: list[Ints] = []
    owners: list[Ints] = []
    while len(at):
        steps.append(at)
        owners.append(stretch)
        at = at + 4 + _read(words, at)
        going = at < ends[stretch]
        if going.all():
            continue
        if (at[~going] != ends[stretch[~going]]).any():
            return None
        at, stretch = at[going], stretch[going]
    order = np.argsort(np.concatenate(owners).astype(np.uint16), kind="stable")  # a radix sort
    return np.append(np.concatenate(steps)[order], stop)


def _places(words: Any, octets: Any, start: int, stop: int, count: int) -> Ints:
    """`start`, and behind even distances the first spot that looks like a cell's beginning, where there is one near."""
    marks = start + np.arange(1, count, dtype=np.int64) * ((stop - start) // count)
    marks = marks[marks + _WINDOW + 12 < stop]
    spots = marks[:, None] + np.arange(_WINDOW)
    which, offset = np.nonzero((octets[spots] == 0) & (octets[spots + 4] == 0))
    at = marks[which] + offset
    length, key, value = (_read(words, at + step) for step in (0, 4, 8))
    good = (length == key + value + 8) & (key >= 12) & (at + 4 + length <= stop)
    which, at = which[good], at[good]
    _, first = np.unique(which, return_index=True)
    places: Ints = np.unique(np.append(np.int64(start), at[first]))
    return places


def _one_by_one(buffer: bytes, start: int, stop: int) -> list[int]:
    found, at = [], start
    while at + 4 <= stop:
        found.append(at)
        (size,) = _LENGTH.unpack_from(buffer, at)
        if size < _LEAST - 4:
            raise ValueError(f"a cell of {size} bytes")
        at += 4 + size
    if at != stop:
        raise ValueError("the last cell does not end where its block does")
    return [*found, stop]


def _words(buffer: bytes) -> Any:
    """Big-endian numbers of four bytes, at any position."""
    return np.ndarray((max(0, len(buffer) - 3),), _BIG_WORD, buffer, 0, (1,))


def _read(words: Any, at: Ints) -> Ints:
    found: Ints = words[at].astype(np.int64)
    return found
