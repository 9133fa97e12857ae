"""One HBase as a process knows it: where things are, and connections that wait for the next call."""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from loader.basics.errors import SourceError, Unavailable
from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.rpc import meta
from loader.sources.hbase.rpc.connection import CLIENT, MASTER, Answer, Connection
from loader.sources.hbase.rpc.locations import Locations
from loader.sources.hbase.rpc.messages import next_request, scan_request, scanned
from loader.sources.hbase.rpc.registry import Registry
from loader.sources.hbase.rpc.remote import Server
from loader.sources.hbase.rpc.rows import WholeRows

IDLE = 16
"""Connections to one service of one server that are kept open while nobody uses them."""
_META_PRIORITY = 200
"""Calls of hbase:meta have handlers of their own."""
_META_ROWS = 1000
_LARGEST_META_ROW = 1 << 26


class Cluster:
    """Shared by threads, each of which borrows connections. A forked process begins with none of them."""

    def __init__(self, registry: Registry, user: str, timeout_s: float = 60.0) -> None:
        self.registry, self._user, self._timeout_s = registry, user, timeout_s
        self._start_anew()
        _CLUSTERS.add(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[Server, str], list[Connection]] = {}
        self._meta: Server | None = None
        self._master: Server | None = None
        self.locations = Locations(
            self._table_in_meta, self.meta_server, self._forget_servers, lambda: self.registry.address
        )

    @contextmanager
    def connection(self, server: Server, service: str = CLIENT) -> Iterator[Connection]:
        """One for this use alone. It is kept afterwards unless answers are still to come."""
        borrowed = self.borrow(server, service)
        try:
            yield borrowed
        except ConnectionLost:
            self.forget(server)
            raise
        finally:
            self.give_back(borrowed)

    def borrow(self, server: Server, service: str = CLIENT) -> Connection:
        while True:
            with self._lock:
                idle = self._idle.get((server, service))
                found = idle.pop() if idle else None
            if found is None:
                return Connection(server, service, self._user, self._timeout_s)
            if found.usable:
                return found
            found.close()

    def give_back(self, connection: Connection) -> None:
        with self._lock:
            idle = self._idle.setdefault((connection.server, connection.service), [])
            if not connection.closed and not connection.waiting and len(idle) < IDLE:
                idle.append(connection)
                return
        connection.close()

    def forget(self, server: Server) -> None:
        """A connection to it broke: the others will, too."""
        with self._lock:
            gone = [self._idle.pop(key) for key in list(self._idle) if key[0] == server]
        for connection in (one for idle in gone for one in idle):
            connection.close()

    def close(self) -> None:
        """What is idle; it opens again at the next call."""
        with self._lock:
            servers = {server for server, _ in self._idle}
        for server in servers:
            self.forget(server)

    def call(self, server: Server, service: str, method: str, message: bytes) -> Answer:
        with self.connection(server, service) as connection:
            return connection.call(method, message)

    def ask_master(self, method: str, message: bytes) -> protobuf.Fields:
        with self._asked_anew_if_wrong():
            self._master = self._master or self.registry.master()
            return protobuf.fields(self.call(self._master, MASTER, method, message).message)

    def meta_server(self) -> Server:
        self._meta = self._meta or self.registry.meta_server()
        return self._meta

    @contextmanager
    def _asked_anew_if_wrong(self) -> Iterator[None]:
        """Master and hbase:meta move, too: after a failure the registry is asked where they are."""
        try:
            yield
        except (Unavailable, SourceError):
            self._forget_servers()
            raise

    def _forget_servers(self) -> None:
        self._meta = self._master = None

    def _table_in_meta(self, table: str) -> meta.TableInMeta:
        try:
            with self._asked_anew_if_wrong(), self.connection(self.meta_server()) as connection:
                return meta.table_in(list(_meta_rows(connection, table)), table)
        except ValueError as error:
            raise ConnectionLost(f"what hbase:meta has of table {table!r} cannot be read: {error}") from error


def _meta_rows(connection: Connection, table: str) -> Iterator[Row]:
    """All of them, or an error: a part would hide regions."""
    scan, whole = meta.scan_of(table), WholeRows(_LARGEST_META_ROW)
    request, number = scan_request(meta.META_NAME, scan, scan.start, _META_ROWS), 0
    while True:
        answer = connection.call("Scan", request, _META_PRIORITY)
        told = scanned(answer.message)
        for batch in whole.add(answer, told.counts, told.goes_on):
            yield from batch
        if not told.more_here or not told.more:
            break
        if told.scanner is None:
            raise ConnectionLost(f"{connection.where} has more of hbase:meta and names no scanner")
        scanner, number = told.scanner, number + 1
        request = next_request(scanner, number, _META_ROWS)
    for batch in whole.end():
        yield from batch


_CLUSTERS: "weakref.WeakSet[Cluster]" = weakref.WeakSet()


def _after_fork() -> None:
    """Locks may have been held by threads that are not here, and connections are the parent's."""
    for cluster in list(_CLUSTERS):
        cluster._start_anew()


os.register_at_fork(after_in_child=_after_fork)
