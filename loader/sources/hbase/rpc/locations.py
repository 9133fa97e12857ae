"""Which server has which region, as a process remembers it: its threads share it, and one of them asks for the rest."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from loader.basics.printable import printable
from loader.sources.hbase.access.errors import no_such_table, table_disabled
from loader.sources.hbase.rpc.meta import META, META_NAME, Place, TableInMeta
from loader.sources.hbase.rpc.remote import Server, TryAgain


class Locations:
    """`read`: the table as hbase:meta has it now; `meta_server`: where that is, `forget_meta`: it was not there."""

    def __init__(
        self,
        read: Callable[[str], TableInMeta],
        meta_server: Callable[[], Server],
        forget_meta: Callable[[], None],
        address: Callable[[], str],
    ) -> None:
        self._read, self._address = read, address
        self._meta_server, self._forget_meta = meta_server, forget_meta
        self._known: dict[str, tuple[Place, ...]] = {}
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    def all(self, table: str) -> tuple[Place, ...]:
        """In key order, from memory if it is there. Raises NoSuchTable, TableDisabled, TryAgain, ConnectionLost."""
        found = self._known.get(table)
        if found is not None:
            return found
        with self._lock:
            reading = self._reading.setdefault(table, threading.Lock())
        with reading:  # who waited here finds what the other one read
            return self._known.get(table) or self._refreshed(table)

    def of(self, table: str, key: bytes) -> tuple[Place, Server]:
        """The region that holds this key. Raises as `all`; TryAgain while it is on no server."""
        if table == META:
            server = self._meta_server()
            return Place(b"", b"", META_NAME, 1, server), server
        places = self.all(table)
        number = bisect_right(places, key, key=lambda place: place.start) - 1
        place = places[number] if number >= 0 else None
        if place is None or place.server is None or (place.stop and key >= place.stop):
            self._forget(table, places)
            raise TryAgain(
                f"the region of HBase table {table!r} that holds {printable(key)} is on no server now", stale=True
            )
        return place, place.server

    def failed(self, table: str, place: Place, error: object) -> None:
        """What is known of this region may be wrong, or its server gone: forget it, unless the error tells better."""
        if isinstance(error, TryAgain) and not error.stale:
            return
        if table == META:
            self._forget_meta()
        moved_to = error.moved_to if isinstance(error, TryAgain) else None
        known = self._known.get(table, ())
        if place not in known:  # somebody has read it anew meanwhile
            return
        if moved_to is None or moved_to == place.server:
            self._forget(table, known)
            return
        moved = replace(place, server=moved_to)
        self._known[table] = tuple(moved if one == place else one for one in known)

    def fresh(self, table: str) -> TableInMeta:
        """As hbase:meta has it now, which is remembered, too."""
        found = self._read(table)
        if found.enabled and found.places:
            self._known[table] = found.places
        else:
            self._known.pop(table, None)
        return found

    def _refreshed(self, table: str) -> tuple[Place, ...]:
        found = self.fresh(table)
        if found.state is None and not found.places:
            raise no_such_table(table, self._address())
        if found.state is not None and not found.enabled:
            raise table_disabled(table)
        if not found.places:
            raise TryAgain(f"HBase names no region of table {table!r} now", stale=True)
        return found.places

    def _forget(self, table: str, places: tuple[Place, ...]) -> None:
        if self._known.get(table) is places:
            self._known.pop(table, None)
