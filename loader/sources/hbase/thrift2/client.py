"""HBase through its Thrift2 server: reads that heal, table checks, and the puts and deletes of tests and the demo.

    with Thrift2(Endpoint.parse("hbase:9090")) as hbase:
        for rows in hbase.scan("ads", Scan(start=b"a")):
            ...

Thrift2 does not tell of a table that does not exist (its scan is empty) nor of a family: `check_table` does.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from loader.sources.hbase.access.api import ROW_BYTES, Columns, Patience, Region, Scan
from loader.sources.hbase.access.errors import (
    NoSuchFamily,
    NoSuchTable,
    TableDisabled,
    no_such_family,
    no_such_table,
    table_disabled,
)
from loader.sources.hbase.access.filters import scan_of_rows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.thrift2.connection import (
    Connection,
    ConnectionLost,
    Endpoint,
    Refused,
    ScannerGone,
    ServerBusy,
)
from loader.sources.hbase.thrift2.cursor import Ask, Cursor
from loader.sources.hbase.thrift2.idl import (
    DeleteType,
    TColumn,
    TColumnValue,
    TDelete,
    TGet,
    TPut,
    TRowMutations,
    TScan,
    TTableName,
)
from loader.sources.hbase.thrift2.reads import rows_by_gets, thrift_scan

T = TypeVar("T")
_PATIENT = Patience()
_TRANSIENT = (ConnectionLost, ServerBusy, ScannerGone)


def endpoints(addresses: Sequence[str], read_timeout: float) -> tuple[Endpoint, ...]:
    """`host:port` each. Raises ValueError."""
    return tuple(replace(Endpoint.parse(address), read_timeout=read_timeout) for address in addresses)


class Thrift2:
    """A client of Thrift2. Connects at the first call, and again after a loss. Not for several threads.

    Of several servers it uses one as long as that answers, then the next: scanners belong to one server.

    Every call raises ConnectionLost or ServerBusy (both Unavailable) when patience has run out, Refused (SourceError)
    at once, and WrongServer if what listens there is not Thrift2.
    """

    def __init__(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        patience: Patience = _PATIENT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoints = (endpoint,) if isinstance(endpoint, Endpoint) else tuple(endpoint)
        self._patience, self._sleep = patience, sleep
        self._current = 0
        self._connection: Connection | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The server that is used now, or tried next."""
        return self._endpoints[self._current]

    @property
    def address(self) -> str:
        return str(self.endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # What there is

    def table_exists(self, table: str) -> bool:
        return bool(self._call("tableExists", tableName=_table_name(table)))

    def families(self, table: str) -> frozenset[bytes]:
        """The table's column families. Raises NoSuchTable."""
        return frozenset(self.family_settings(table))

    def family_settings(self, table: str) -> dict[bytes, dict[bytes, bytes]]:
        """Family → its settings (TTL, VERSIONS, …, its own configuration) as HBase spells them. Raises NoSuchTable."""
        if not self.table_exists(table):
            raise no_such_table(table, self.address)
        descriptor = self._call("getTableDescriptor", table=_table_name(table))
        return {family.name: {**family.attributes, **family.configuration} for family in descriptor.columns}

    def check_table(self, table: str, families: Sequence[bytes]) -> None:
        """Raises NoSuchTable, NoSuchFamily or TableDisabled unless the table is there, enabled, with these families."""
        present = self.families(table)
        for family in families:
            if family not in present:
                raise no_such_family(table, family, present)
        if not self._call("isTableEnabled", tableName=_table_name(table)):
            raise table_disabled(table)

    def regions(self, table: str) -> tuple[Region, ...]:
        """The table's regions in key order. Raises NoSuchTable (the call itself answers with an empty list)."""
        answer = self._patiently(lambda: self._locations(table))
        infos = [location.regionInfo for location in answer]
        regions = {Region(info.startKey, info.endKey) for info in infos if not info.replicaId}
        if not regions:
            self.check_table(table, ())
            raise ServerBusy(f"HBase names no region of table {table!r}")
        return tuple(sorted(regions))

    # Reads

    def scan(self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES) -> Iterator[list[Row]]:
        """Whole rows in key order, up to `rows` at a time.

        Large rows come fewer at a time, so that an answer stays near `cursor.ANSWER` bytes, and wide ones come from
        HBase in parts. Of one above `row_bytes` comes the key alone: see `Row.left_out`.

        After a time-out, a lost connection or an expired scanner it goes on behind the last row that was handed out,
        with a new scanner: scanner ids are small numbers that all connections of a server share, and an answer on its
        way would be lost. A table that does not exist is an empty scan: see `check_table`.
        """
        for batch in self._scan(table, scan, rows, row_bytes, self._on):
            yield list(batch)

    def scan_packed(
        self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        """As `scan`, but each batch is a PackedRows where that is possible: for whoever looks at columns, not cells."""
        return self._scan(table, scan, rows, row_bytes, self._rows_on)

    def _scan(self, table: str, scan: Scan, rows: int, row_bytes: int, ask: Ask) -> Iterator[Sequence[Row]]:
        cursor = Cursor(self._connected, self._on, ask, table, thrift_scan(scan), rows, row_bytes)
        try:
            while not cursor.done:
                yield from self._patiently(cursor.next)
        finally:
            cursor.close(self._connection)

    def any_row(self, table: str, scan: Scan, row_bytes: int = ROW_BYTES) -> bool:
        return any(self.scan_packed(table, scan, 1, row_bytes))

    def get_rows(
        self, table: str, keys: Sequence[bytes], columns: Columns, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        def wide(keys: list[bytes]) -> Iterator[Sequence[Row]]:
            return self.scan_packed(table, scan_of_rows(keys, columns), len(keys), row_bytes)

        return rows_by_gets(lambda gets: self.get_multiple(table, gets), wide, keys, columns, row_bytes)

    def get(self, table: str, get: Any) -> Row:
        answer: Row = self._call("get", table=table.encode(), tget=get)
        return answer

    def get_multiple(self, table: str, gets: Sequence[Any]) -> list[Row]:
        """Answers in the order of the TGets; one with an empty `row` found nothing."""
        answer: list[Row] = self._call("getMultiple", table=table.encode(), tgets=list(gets))
        if len(answer) != len(gets):
            raise Refused(f"HBase answered {len(gets)} Gets with {len(answer)} rows")
        return answer

    def put_cell(self, table: str, row: bytes, family: bytes, qualifier: bytes) -> None:
        self.put(table, TPut(row=row, columnValues=[TColumnValue(family=family, qualifier=qualifier, value=b"")]))

    # Writes, for tests and the demo. Each is sent once: a lost answer is the caller's to judge.

    def put(self, table: str, put: Any) -> None:
        self._once("put", table=table.encode(), tput=put)

    def put_multiple(self, table: str, puts: Sequence[Any]) -> None:
        self._once("putMultiple", table=table.encode(), tputs=list(puts))

    def delete(self, table: str, delete: Any) -> None:
        self._once("deleteSingle", table=table.encode(), tdelete=delete)

    def delete_multiple(self, table: str, deletes: Sequence[Any]) -> None:
        self._once("deleteMultiple", table=table.encode(), tdeletes=list(deletes))

    def mutate_row(self, table: str, mutations: Any) -> None:
        """Puts and deletes of one row, atomic."""
        self._once("mutateRow", table=table.encode(), trowMutations=mutations)

    # Inside

    def _locations(self, table: str) -> Any:
        """HBase 2.6.1's Thrift2 fails while a region is on no server yet, as just after a split: that passes."""
        try:
            return self._once("getAllRegionLocations", table=table.encode())
        except Refused as error:
            if "Internal error" not in str(error):
                raise
            raise ServerBusy(f"a region of HBase table {table!r} may be on no server now: {error}") from error

    def _call(self, name: str, **arguments: Any) -> Any:
        return self._patiently(lambda: self._once(name, **arguments))

    def _patiently(self, action: Callable[[], T]) -> T:
        patience = self._patience
        retrying = Retrying(
            retry=retry_if_exception_type(_TRANSIENT),
            stop=stop_after_delay(patience.seconds) | stop_after_attempt(patience.tries),
            wait=wait_random_exponential(multiplier=0.1, max=patience.longest_pause),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(action)

    def _once(self, name: str, **arguments: Any) -> Any:
        return self._on(self._connected(), name, **arguments)

    def _on(self, connection: Connection, name: str, /, **arguments: Any) -> Any:
        """A call on just this connection, which is closed if it breaks."""
        return self._closing_if_broken(lambda: connection.call(name, **arguments))

    def _rows_on(self, connection: Connection, name: str, /, **arguments: Any) -> Sequence[Row]:
        return self._closing_if_broken(lambda: connection.rows(name, **arguments))

    def _closing_if_broken(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except BaseException as error:
            if not isinstance(error, (ServerBusy, Refused, ScannerGone)):
                self.close()  # an answer may still be on its way
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        """To the first server that answers, from the current one on. Raises what the last one said."""
        for _ in self._endpoints[1:]:
            try:
                return Connection(self.endpoint)
            except ConnectionLost:
                self._current = (self._current + 1) % len(self._endpoints)
        return Connection(self.endpoint)


def _table_name(table: str) -> Any:
    namespace, _, name = table.rpartition(":")
    return TTableName(ns=namespace.encode() or None, qualifier=name.encode())


__all__ = [
    "DeleteType",
    "Endpoint",
    "NoSuchFamily",
    "NoSuchTable",
    "Patience",
    "Region",
    "TColumn",
    "TColumnValue",
    "TDelete",
    "TGet",
    "TPut",
    "TRowMutations",
    "TScan",
    "TableDisabled",
    "Thrift2",
]
