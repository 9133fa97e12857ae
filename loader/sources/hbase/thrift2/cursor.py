"""Where a scan stands: the last whole row, and the scanner behind it, which belongs to one connection."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from loader.basics.errors import SourceError, Unavailable
from loader.sources.hbase.access.api import ROW_BYTES
from loader.sources.hbase.access.large_rows import Batch, size_of
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.thrift2.connection import Connection, ConnectionLost
from loader.sources.hbase.thrift2.idl import TScan
from loader.sources.hbase.thrift2.parts import Parts

ANSWER = 4 << 20
"""Bytes of one answer of a scan, about."""
FIRST = 2
"""Rows of the first answer: nobody knows yet how large they are."""
FASTER = 8
"""So many times the rows of the last answer at most: a table of small rows may hold a stretch of large ones."""
CELLS = 32
"""Cells of a part: a row of as many or more comes in parts (`parts.py`)."""
FEWEST = 4
"""Cells of a part where cells are megabytes large."""
WHOLE = -1
"""`TScan.batchSize` for rows that must not be cut, as a filter over whole rows wants it. HBase's spelling of none."""


class Ask(Protocol):
    """A call on one connection, which is closed if it breaks."""

    def __call__(self, connection: Connection, name: str, /, **arguments: Any) -> Any: ...


class Cursor:
    """One scan of a TScan (which is not changed). `ask` fetches rows, `do` makes the other calls.

    `row_bytes`: larger rows are left out, see `Parts`.
    """

    def __init__(
        self,
        connected: Callable[[], Connection],
        do: Ask,
        ask: Ask,
        table: str,
        scan: Any,
        rows: int,
        row_bytes: int = ROW_BYTES,
    ) -> None:
        self._connected, self._do, self._ask = connected, do, ask
        self._table, self._most, self._rows = table.encode(), rows, min(rows, FIRST)
        self._fields = {name: getattr(scan, name) for name in scan.__slots__}
        self._fields["batchSize"] = self._fields["batchSize"] or CELLS
        self._row_bytes, self._parts = row_bytes, Parts(CELLS)
        self._scanner: tuple[Connection, int] | None = None
        self._lost = False
        self._seen_at_end = 0
        self.done = False

    def next(self) -> list[Batch]:
        """The next whole rows, in key order; perhaps none, if not `done` yet.

        On any error the scanner is forgotten, and with it the row that it was in, so that calling again is right.
        """
        scanner, self._scanner = self._current(self._connected()) or self._open(), None
        try:
            rows: Sequence[Row] = self._ask(scanner[0], "getScannerRows", scannerId=scanner[1], numRows=self._rows)
        except ConnectionLost:
            self._more_carefully()
            raise
        self._scanner, self._lost = scanner, False
        if not rows:
            return self._end()
        found = self._parts.add(rows)
        if found:
            self._fields["startRow"] = self._parts.last + b"\0"
        self._fit(rows)
        return found

    def _end(self) -> list[Batch]:
        """A table truncated under the scan ends it in mid-row too: a last row that may go on has to be seen twice."""
        if self._parts.weight != self._seen_at_end:
            self._seen_at_end = self._parts.weight
            self.close(self._scanner and self._scanner[0])
            return []
        self.done = True
        return self._parts.end()

    def close(self, connection: Connection | None) -> None:
        """`connection`: the client's, if it has one."""
        scanner, self._scanner = self._current(connection), None
        if scanner is not None:
            with contextlib.suppress(SourceError, Unavailable):
                self._do(scanner[0], "closeScanner", scannerId=scanner[1])

    def _open(self) -> tuple[Connection, int]:
        connection = self._connected()
        cells = self._fields["batchSize"]
        self._parts = Parts(cells if cells > 0 else 1 << 62, self._row_bytes)
        return connection, self._do(connection, "openScanner", table=self._table, tscan=TScan(**self._fields))

    def _fit(self, rows: Batch) -> None:
        """The next answer by what this one weighed. Cells a part are the scanner's for life: fewer want a new one."""
        size = max(1, size_of(rows))
        self._rows = min(self._most, next_rows(self._rows, len(rows), size))
        cells = max(FEWEST, ANSWER * cells_of(rows) // size)
        if self._parts.given_up or cells <= self._fields["batchSize"] // 2:
            self._fields["batchSize"] = min(cells, self._fields["batchSize"])
            self.close(self._scanner and self._scanner[0])

    def _more_carefully(self) -> None:
        """Perhaps the answer was too large for the server: ask for one row, and if that breaks too, for small parts."""
        if self._lost and self._fields["batchSize"] != WHOLE:
            self._fields["batchSize"] = max(1, self._fields["batchSize"] // FASTER)
        self._rows, self._lost = 1, True

    def _current(self, connection: Connection | None) -> tuple[Connection, int] | None:
        """The scanner, unless another call of the client has lost its connection meanwhile."""
        return self._scanner if self._scanner is not None and self._scanner[0] is connection else None


def next_rows(asked: int, answered: int, size: int) -> int:
    """How many rows to ask for next, after so many in so many bytes."""
    return min(asked * FASTER, max(1, ANSWER * answered // max(1, size)))


def cells_of(rows: Batch) -> int:
    return int(rows.first[-1]) if isinstance(rows, PackedRows) else sum(len(row.columnValues) for row in rows)
