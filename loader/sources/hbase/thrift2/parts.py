"""Rows that HBase sends in parts, put together again: a part is never taken for a whole row.

A scan with a `batchSize` of n sends a row as parts of n cells and a last one of fewer, whatever its own answers and
regions cut (`BatchScanResultCache` of HBase's client, which is inside the Thrift server). So a part of n cells says
nothing: its row is whole when a part of fewer cells, another row, or the end of the scan has come.
"""

from collections.abc import Sequence
from itertools import pairwise

from loader.basics.errors import SourceError
from loader.basics.printable import printable
from loader.sources.hbase.access.api import ROW_BYTES
from loader.sources.hbase.access.large_rows import Batch, fitting_batches, key_of, left_out, weights
from loader.sources.hbase.access.packed_rows import PackedRows, chained
from loader.sources.hbase.access.row import Row


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
        self._check(key_of(answer, 0))
        rows, unfinished = _merged(answer, self._cells)
        if self._open and key_of(rows, 0) == key_of(self._open[0], 0):
            self._keep(rows[:1])
            rows = rows[1:]
            if not len(rows) and unfinished:
                return self._too_large()
        found = self.end()
        if unfinished:
            self._keep(rows[-1:])
            rows = rows[:-1]
        if len(rows):
            self.last = key_of(rows, -1)
            found += fitting_batches(rows, self._most)
        return found + self._too_large()

    def end(self) -> list[Batch]:
        """The row that was not known to be whole, if there is one: another row has begun, or the scan is over."""
        if not self._open:
            return []
        row = _joined(self._open)
        self._open, self.weight, self.last = [], 0, key_of(row, 0)
        return fitting_batches(row, self._most)

    def _check(self, key: bytes) -> None:
        if key == self.last:
            raise SourceError(
                f"HBase sent more of row {printable(key)} behind a part of fewer cells than asked for ({self._cells})",
                "Nothing was taken. Is the HBase behind the Thrift server older than 2.0? Please report it.",
            )

    def _keep(self, part: Batch) -> None:
        self._open.append(part.trimmed() if isinstance(part, PackedRows) else part)
        self.weight += weights(part)[0]

    def _too_large(self) -> list[Batch]:
        if self.weight <= self._most:
            return []
        self.last = key_of(self._open[0], 0)
        row = left_out(self.last, self.weight)
        self._open, self.weight, self.given_up = [], 0, True
        return [[row]]


def _merged(answer: Batch, cells: int) -> tuple[Batch, bool]:
    """Each row of an answer once, and whether its last one may go on."""
    full = _with_cells(answer, cells)
    unfinished = bool(full) and full[-1] == len(answer) - 1
    inner = {
        index + 1 for index in full[: len(full) - unfinished] if key_of(answer, index) == key_of(answer, index + 1)
    }
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
