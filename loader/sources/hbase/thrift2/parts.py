"""Rows that HBase sends in parts, put together again: a part is never taken for a whole row.

A scan with a `batchSize` of n sends a row as parts of n cells and a last one of fewer, whatever its own answers and
regions cut (`BatchScanResultCache` of HBase's client, which is inside the Thrift server). So a part of n cells says
nothing: its row is whole when a part of fewer cells, another row, or the end of the scan has come.
"""

from collections.abc import Sequence
from itertools import pairwise

from loader.basics.errors import SourceError
from loader.sources.hbase.thrift2.idl import Row
from loader.sources.hbase.thrift2.packed import CELL_BYTES, PackedRows, chained

Batch = Sequence[Row]
ROW_BYTES = 64 << 20
"""The largest row that is held, unless somebody says otherwise."""


class Parts:
    """The rows of one scanner. `cells`: its batchSize; `most`: the bytes of the largest row that is held.

    A larger one comes as a Row without cells, whose `left_out` says how many bytes had been read of it.
    """

    def __init__(self, cells: int, most: int = ROW_BYTES) -> None:
        self._cells, self._most = cells, most
        self._open: list[Batch] = []  # the parts of one row, each a batch of one
        self.weight = 0
        """Bytes of the row that is not known to be whole; 0: there is none."""
        self.last = b""
        """The key of the last whole row, or of one that was left out."""
        self.given_up = False
        """That one was left out before its end: what follows may be more of it."""

    def add(self, answer: Batch) -> list[Batch]:
        """The rows that are whole now, in key order; `answer` is not empty."""
        self._check(_key(answer, 0))
        rows, unfinished = _merged(answer, self._cells)
        if self._open and _key(rows, 0) == _key(self._open[0], 0):
            self._keep(rows[:1])
            rows = rows[1:]
            if not len(rows) and unfinished:
                return self._too_large()
        found = self.end()
        if unfinished:
            self._keep(rows[-1:])
            rows = rows[:-1]
        if len(rows):
            self.last = _key(rows, -1)
            found += _fitting(rows, self._most)
        return found + self._too_large()

    def end(self) -> list[Batch]:
        """The row that was not known to be whole, if there is one: another row has begun, or the scan is over."""
        if not self._open:
            return []
        row = _joined(self._open)
        self._open, self.weight, self.last = [], 0, _key(row, 0)
        return _fitting(row, self._most)

    def _check(self, key: bytes) -> None:
        if key == self.last:
            raise SourceError(
                f"HBase sent more of row {key!r} behind a part of fewer cells than asked for ({self._cells})",
                "Nothing was taken. Is the HBase behind the Thrift server older than 2.0? Please report it.",
            )

    def _keep(self, part: Batch) -> None:
        self._open.append(part.trimmed() if isinstance(part, PackedRows) else part)
        self.weight += weights(part)[0]

    def _too_large(self) -> list[Batch]:
        if self.weight <= self._most:
            return []
        self.last = _key(self._open[0], 0)
        row = left_out(self.last, self.weight)
        self._open, self.weight, self.given_up = [], 0, True
        return [[row]]


def left_out(key: bytes, weight: int) -> Row:
    """A row that is too large to be held: its key, and how many bytes were seen of it."""
    row = Row()
    row.row, row.columnValues, row.left_out = key, [], weight
    return row


def fitting(rows: Sequence[Row], most: int) -> list[Row]:
    """Rows that came whole; those above `most` bytes are left out like those of a scan."""
    heavy = zip(rows, weights(rows), strict=True)
    return [left_out(row.row, weight) if weight > most else row for row, weight in heavy]


def weights(rows: Batch) -> list[int]:
    """Bytes of each row: the names and values of its cells, and what the protocol adds to them."""
    if isinstance(rows, PackedRows):
        known: list[int] = rows.weights.tolist()
        return known
    return [sum(_bytes(cell.family, cell.qualifier, cell.value) for cell in row.columnValues) for row in rows]


def _bytes(*texts: bytes) -> int:
    return CELL_BYTES + sum(map(len, texts))


def _key(rows: Batch, index: int) -> bytes:
    return rows.key(index) if isinstance(rows, PackedRows) else rows[index].row


def _merged(answer: Batch, cells: int) -> tuple[Batch, bool]:
    """Each row of an answer once, and whether its last one may go on."""
    full = _with_cells(answer, cells)
    unfinished = bool(full) and full[-1] == len(answer) - 1
    inner = {index + 1 for index in full[: len(full) - unfinished] if _key(answer, index) == _key(answer, index + 1)}
    if not inner:
        return answer, unfinished
    starts = [index for index in range(len(answer)) if index not in inner]
    if isinstance(answer, PackedRows):
        return answer.merged(starts), unfinished
    return [_row_of(answer[start:stop]) for start, stop in pairwise([*starts, len(answer)])], unfinished


def _with_cells(rows: Batch, least: int) -> list[int]:
    if isinstance(rows, PackedRows):
        return rows.with_cells(least)
    return [index for index, row in enumerate(rows) if len(row.columnValues) >= least]


def _joined(parts: Sequence[Batch]) -> Batch:
    """Parts of one row as a batch of one."""
    packed = [part for part in parts if isinstance(part, PackedRows)]
    if len(packed) == len(parts):
        return chained(packed) if len(packed) > 1 else packed[0]
    return [_row_of([part[0] for part in parts])]


def _row_of(parts: Sequence[Row]) -> Row:
    row = Row()
    row.row, row.columnValues = parts[0].row, [cell for part in parts for cell in part.columnValues]
    return row


def _fitting(rows: Batch, most: int) -> list[Batch]:
    """The rows, those above `most` bytes left out. No row weighs more than the answer that it came in."""
    if isinstance(rows, PackedRows) and len(rows.buffer) <= most:
        return [rows]
    heavy = {index: weight for index, weight in enumerate(weights(rows)) if weight > most}
    if not heavy:
        return [rows]
    found: list[Batch] = []
    for before, index in pairwise([-1, *heavy, len(rows)]):
        found.append(rows[before + 1 : index])
        if index in heavy:
            found.append([left_out(_key(rows, index), heavy[index])])
    return [batch for batch in found if len(batch)]
