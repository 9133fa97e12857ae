"""Where a scan stands: the last whole row, and the scanner behind it, which belongs to one connection."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from loader.errors import SourceError, Unavailable
from loader.sources.connection import Connection
from loader.sources.idl import Row, TScan
from loader.sources.packed import PackedRows

ANSWER = 4 << 20
"""Bytes of one answer of a scan, about."""
FIRST = 32
"""Rows of the first answer: nobody knows yet how large they are."""
FASTER = 8
"""So many times the rows of the last answer at most: a table of small rows may hold a stretch of large ones."""


class Ask(Protocol):
    """A call on one connection, which is closed if it breaks."""

    def __call__(self, connection: Connection, name: str, /, **arguments: Any) -> Any: ...


class Cursor:
    """One scan of a TScan (which is not changed). `ask` fetches rows, `do` makes the other calls."""

    def __init__(
        self, connected: Callable[[], Connection], do: Ask, ask: Ask, table: str, scan: Any, rows: int
    ) -> None:
        self._connected, self._do, self._ask = connected, do, ask
        self._table, self._most, self._rows = table.encode(), rows, min(rows, FIRST)
        self._fields = {name: getattr(scan, name) for name in scan.__slots__}
        self._scanner: tuple[Connection, int] | None = None

    def next(self) -> Sequence[Row]:
        """The next rows, or none at the end. On any error the scanner is forgotten, so that calling again is right."""
        scanner, self._scanner = self._current(self._connected()) or self._open(), None
        rows: Sequence[Row] = self._ask(scanner[0], "getScannerRows", scannerId=scanner[1], numRows=self._rows)
        self._scanner = scanner
        if rows:
            self._fields["startRow"] = rows[-1].row + b"\0"
            self._rows = min(self._most, self._rows * FASTER, max(1, ANSWER * len(rows) // max(1, size_of(rows))))
        return rows

    def close(self, connection: Connection | None) -> None:
        """`connection`: the client's, if it has one."""
        scanner = self._current(connection)
        if scanner is not None:
            with contextlib.suppress(SourceError, Unavailable):
                self._do(scanner[0], "closeScanner", scannerId=scanner[1])

    def _open(self) -> tuple[Connection, int]:
        connection = self._connected()
        return connection, self._do(connection, "openScanner", table=self._table, tscan=TScan(**self._fields))

    def _current(self, connection: Connection | None) -> tuple[Connection, int] | None:
        """The scanner, unless another call of the client has lost its connection meanwhile."""
        return self._scanner if self._scanner is not None and self._scanner[0] is connection else None


def size_of(rows: Sequence[Row]) -> int:
    """Bytes of rows, about."""
    if isinstance(rows, PackedRows):
        return len(rows.buffer)
    return sum(60 + len(cell.value) for row in rows for cell in row.columnValues)
