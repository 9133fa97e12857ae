"""Cell blocks as packed rows, and the rows of one scanner put together whole, whatever its answers cut.

An answer of a scan is bounded in bytes, so it may end within a row: the server flags such a part, and the rest begins
the next answer. A part is never taken for a whole row.
"""

from collections.abc import Sequence

import numpy as np

from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.access.large_rows import Batch, fitting_batches, left_out
from loader.sources.hbase.access.packed_rows import KEY_VALUE, PackedRows
from loader.sources.hbase.rpc.cells import decode
from loader.sources.hbase.rpc.connection import Answer


def packed(frame: bytes, start: int, counts: Sequence[int]) -> PackedRows:
    """Rows of so many cells each (none of zero) in `frame[start:]`. Raises ConnectionLost if the cells are others."""
    first = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=first[1:])
    try:
        cells = decode(frame, start, len(frame))
    except ValueError as error:
        raise ConnectionLost(f"HBase sent a cell block that cannot be read: {error}") from error
    if len(cells) != first[-1]:
        raise ConnectionLost(f"HBase told of {first[-1]} cells and sent {len(cells)}")
    heads = first[:-1]
    return PackedRows(
        buffer=cells.buffer,
        key_at=cells.row_at[heads],
        key_length=cells.row_length[heads],
        first=first,
        family_at=cells.family_at,
        family_length=cells.family_length,
        qualifier_at=cells.qualifier_at,
        qualifier_length=cells.qualifier_length,
        value_at=cells.value_at,
        value_length=cells.value_length,
        timestamp=cells.timestamp,
        type=cells.type,
        spelling=KEY_VALUE,
    )


class WholeRows:
    """The rows of one scanner. Of a row above `most` bytes comes the key alone (see `large_rows`)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []  # cells of a row that may go on, as they were sent
        self._cells = 0
        self.last: bytes | None = None
        """The key of the last row that was handed out."""
        self.given_up = False
        """That one was left out before its end: what follows may be more of it."""

    def add(self, answer: Answer, counts: Sequence[int], goes_on: bool) -> list[Batch]:
        """The rows that are whole now. `counts`: cells of each row or part in it; `goes_on`: the last is a part."""
        if not counts:
            return []
        frame, start, sizes = answer.frame, answer.cells, list(counts)
        if self._parts:
            if _key(frame, start) == _key(self._parts[0], 0):
                sizes[0] += self._cells
            else:
                sizes.insert(0, self._cells)
            self._parts.append(frame[start:])
            if goes_on and len(sizes) == 1:
                self._cells = sizes[0]
                return self._too_large()
            frame, start, self._parts = b"".join(self._parts), 0, []
        if not goes_on:
            return self._out(packed(frame, start, sizes))
        if len(sizes) == 1:
            self._parts, self._cells = [frame[start:]], sizes[0]
            return self._too_large()
        rows = packed(frame, start, sizes)
        self._parts, self._cells = [frame[int(rows.cell_borders[0][rows.first[-2]]) :]], sizes[-1]
        return self._out(rows[:-1]) + self._too_large()

    def end(self) -> list[Batch]:
        """The region has no more: the row that might have gone on is whole."""
        parts, self._parts = self._parts, []
        return self._out(packed(b"".join(parts), 0, [self._cells])) if parts else []

    def _out(self, rows: PackedRows) -> list[Batch]:
        self.last = rows.key(-1)
        return fitting_batches(rows, self._most)

    def _too_large(self) -> list[Batch]:
        weight = sum(map(len, self._parts))
        if weight <= self._most:
            return []
        self.last, self._parts, self.given_up = _key(self._parts[0], 0), [], True
        return [[left_out(self.last, weight)]]


def _key(data: bytes, at: int) -> bytes:
    """The row key of the cell that begins there."""
    length = int.from_bytes(data[at + 12 : at + 14], "big")
    return data[at + 14 : at + 14 + length]
