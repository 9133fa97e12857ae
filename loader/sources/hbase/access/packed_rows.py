"""Many rows as arrays of positions in the bytes that HBase sent: no Python object a cell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, overload

import numpy as np
import pyarrow as pa

from loader.sources.hbase.access.row import Cell, Row, cell

Ints = np.ndarray[Any, np.dtype[np.int64]]
CELL_BYTES = 37
"""What a row weighs more than the names and values of its cells, for each of them: what Thrift's protocol adds."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """Of a cell in an answer: bytes before its family's name (the row's key with them, or not) and behind its value."""

    before: int
    with_key: bool
    behind: int


THRIFT = Spelling(before=7, with_key=False, behind=16)
"""A `TColumnValue` in thrift's binary protocol: three heads of 7 bytes; timestamp, type and stop are 16."""
KEY_VALUE = Spelling(before=15, with_key=True, behind=0)
"""KeyValueCodec: lengths of cell, key and value, and of the row (14), the row, and the family's length (1)."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows(Sequence[Row]):
    """n rows of m cells. Positions are into `buffer`; cells of row i are `first[i]` to `first[i + 1]`.

    As a sequence it makes ordinary rows, one at a time, for whoever wants a few of them. The cells of a row that came
    in parts do not lie side by side.
    """

    buffer: bytes
    key_at: Ints
    key_length: Ints
    first: Ints  # n + 1
    family_at: Ints
    family_length: Ints
    qualifier_at: Ints
    qualifier_length: Ints
    value_at: Ints
    value_length: Ints
    timestamp: Ints
    type: Ints
    spelling: Spelling = THRIFT

    def __len__(self) -> int:
        return len(self.key_at)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "PackedRows": ...
    def __getitem__(self, index: int | slice) -> "Row | PackedRows":
        if isinstance(index, slice):
            return self._slice(*index.indices(len(self))[:2])
        made, index = Row(), range(len(self))[index]
        made.row = self.key(index)
        made.columnValues = [self._cell(number) for number in range(self.first[index], self.first[index + 1])]
        return made

    def key(self, index: int) -> bytes:
        index = range(len(self))[index]
        return self._bytes(self.key_at[index], self.key_length[index])

    def keys(self) -> pa.Array:
        """binary, without nulls."""
        return binary(self.buffer, self.key_at, self.key_length)

    def merged(self, starts: Sequence[int]) -> "PackedRows":
        """Fewer rows of the same cells: each begins at one of these, which begin with 0, and takes in those behind."""
        chosen = np.array(starts)
        first = np.append(self.first[chosen], self.first[-1])
        return replace(self, key_at=self.key_at[chosen], key_length=self.key_length[chosen], first=first)

    def trimmed(self) -> "PackedRows":
        """With a buffer of its own, of no more than these rows."""
        starts, ends = self.cell_borders
        start, stop = min(int(self.key_at[0]), int(starts[0])), int(ends[-1])
        return self._moved(self.buffer[start:stop], -start)

    def _moved(self, buffer: bytes, by: int) -> "PackedRows":
        return replace(self, buffer=buffer, **{name: getattr(self, name) + by for name in _PLACES})

    def _slice(self, start: int, stop: int) -> "PackedRows":
        stop = max(start, stop)
        rows, cells = slice(start, stop), slice(self.first[start], self.first[stop])
        by_row = {name: getattr(self, name)[rows] for name in _BY_ROW}
        by_cell = {name: getattr(self, name)[cells] for name in _BY_CELL}
        first = self.first[start : stop + 1] - self.first[start]
        return PackedRows(self.buffer, first=first, spelling=self.spelling, **by_row, **by_cell)

    def with_cells(self, least: int) -> list[int]:
        """The rows of at least so many cells."""
        found: list[int] = np.flatnonzero(np.diff(self.first) >= least).tolist()
        return found

    @property
    def weights(self) -> Ints:
        """Bytes of each row's cells."""
        sums: Ints = np.add.reduceat(
            self.family_length + self.qualifier_length + self.value_length + CELL_BYTES, self.first[:-1]
        )
        return sums

    @property
    def cell_borders(self) -> tuple[Ints, Ints]:
        """Where the bytes of each cell begin and end."""
        starts = self.family_at - self.spelling.before
        if self.spelling.with_key:
            starts = starts - self.key_length[self.row_of_cell]
        return starts, self.value_at + self.value_length + self.spelling.behind

    @property
    def row_of_cell(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    def _cell(self, number: int) -> Cell:
        return cell(
            self._bytes(self.family_at[number], self.family_length[number]),
            self._bytes(self.qualifier_at[number], self.qualifier_length[number]),
            self._bytes(self.value_at[number], self.value_length[number]),
            int(self.timestamp[number]),
            int(self.type[number]),
        )

    def _bytes(self, start: int, length: int) -> bytes:
        return self.buffer[start : start + length]


_BY_ROW = ("key_at", "key_length")
_BY_CELL = (
    "family_at",
    "family_length",
    "qualifier_at",
    "qualifier_length",
    "value_at",
    "value_length",
    "timestamp",
    "type",
)
_PLACES = ("key_at", "family_at", "qualifier_at", "value_at")


def chained(parts: Sequence[PackedRows]) -> PackedRows:
    """The cells of single rows, all of one key, as one row in a buffer of its own."""
    starts = accumulate((len(part.buffer) for part in parts[:-1]), initial=0)
    buffer = b"".join(part.buffer for part in parts)
    moved = [part._moved(buffer, start) for part, start in zip(parts, starts, strict=True)]
    by_cell = {name: np.concatenate([getattr(part, name) for part in moved]) for name in _BY_CELL}
    by_row = {name: getattr(moved[0], name) for name in _BY_ROW}
    first = np.array([0, len(by_cell["type"])])
    return PackedRows(buffer, first=first, spelling=moved[0].spelling, **by_row, **by_cell)


def binary(buffer: bytes, starts: Ints, lengths: Ints) -> pa.Array:
    """Parts of `buffer`, in ascending order and not overlapping, as a binary array of its own."""
    count = len(starts)
    borders = np.empty(2 * count, np.int32)
    borders[0::2], borders[1::2] = starts, starts + lengths
    if not count:
        return pa.array([], pa.binary())
    whole = pa.Array.from_buffers(pa.binary(), 2 * count - 1, [None, pa.py_buffer(borders), pa.py_buffer(buffer)])
    return whole.take(pa.array(np.arange(0, 2 * count - 1, 2)))
