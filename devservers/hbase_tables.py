"""Make, change and stir the tables of an HBase of ours, by its Java client and by hand inside the region server."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from devservers.hbase_inside import Inside


class Tables(ABC):
    """The operations on tables; names are "table" or "namespace:table". Each returns when it is done."""

    @property
    @abstractmethod
    def _inside(self) -> Inside: ...

    def create_table(
        self,
        name: str,
        families: Sequence[str],
        splits: Sequence[bytes] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Create a table and wait until it serves.

        `splits`: first keys of the regions after the first; `settings` (VERSIONS, TTL, KEEP_DELETED_CELLS …) go to
        each family.
        """
        client = self._inside.hadoop.hbase.client
        table = client.TableDescriptorBuilder.newBuilder(self._name(name))
        for family in families:
            table.setColumnFamily(self._family(family, settings or {}))
        first_keys = [self._inside.byte_arrays(list(splits))] if splits else []
        with self._admin() as admin:
            admin.createTable(table.build(), *first_keys)

    def create_namespace(self, name: str) -> None:
        with self._admin() as admin:
            admin.createNamespace(self._inside.hadoop.hbase.NamespaceDescriptor.create(name).build())

    def drop(self, name: str) -> None:
        """Disable and delete the table."""
        with self._admin() as admin:
            admin.disableTable(self._name(name))
            admin.deleteTable(self._name(name))

    def truncate(self, name: str) -> None:
        """Empty the table; its regions stay."""
        with self._admin() as admin:
            admin.disableTable(self._name(name))
            admin.truncateTable(self._name(name), True)

    def add_family(self, name: str, family: str, settings: Mapping[str, str] | None = None) -> None:
        with self._admin() as admin:
            admin.addColumnFamily(self._name(name), self._family(family, settings or {}))

    def drop_family(self, name: str, family: str) -> None:
        """Its cells go with it, and leave no marker."""
        with self._admin() as admin:
            admin.deleteColumnFamily(self._name(name), family.encode())

    @contextlib.contextmanager
    def snapshot(self, name: str) -> Iterator[str]:
        """A snapshot of the table as it is now; gone at the end."""
        snapshot = f"{name.replace(':', '-')}-snapshot"
        with self._admin() as admin:
            admin.snapshot(snapshot, self._name(name))
            try:
                yield snapshot
            finally:
                admin.deleteSnapshot(snapshot)

    def restore(self, name: str, snapshot: str) -> None:
        """The table is again what it was, with the timestamps that its cells had."""
        with self._admin() as admin:
            admin.disableTable(self._name(name))
            admin.restoreSnapshot(snapshot)
            admin.enableTable(self._name(name))

    def bulk_load(self, name: str, family: str, cells: Sequence[tuple[bytes, bytes, int, bytes]]) -> None:
        """(key, qualifier, timestamp in ms, value), in HBase's order: written as an HFile, and moved into the table."""
        self._inside.bulk_load(self._name(name), family, cells)

    def flush(self, name: str) -> None:
        """Write the memstores to HFiles."""
        with self._admin() as admin:
            admin.flush(self._name(name))

    def major_compact(self, name: str) -> None:
        """One HFile a store; deleted cells and their markers are gone."""
        for region in self._regions(name):
            region.compact(True)

    def minor_compact(self, name: str) -> None:
        """HBase chooses the files; if it takes all of a store, markers go too."""
        for region in self._regions(name):
            region.compact(False)

    def split(self, name: str, row: bytes) -> None:
        """Split the region of `row` there."""
        before = len(self._regions(name))
        with self._admin() as admin:
            admin.split(self._name(name), row)
            self._inside.wait(
                lambda: len(self._regions(name)) > before and admin.isTableAvailable(self._name(name)),
                f"the split of {name}",
            )

    def merge(self, name: str) -> None:
        """Merge the table's first two regions."""
        with self._admin() as admin:
            names = [bytes(region.getRegionName()) for region in list(admin.getRegions(self._name(name)))[:2]]
            admin.mergeRegionsAsync(self._inside.byte_arrays(names), False).get()

    def reopen(self, name: str) -> None:
        """Every region is closed and opened again, as a move does: what the server knew of scanners is gone."""
        with self._admin() as admin:
            for region in list(admin.getRegions(self._name(name))):
                admin.unassign(region.getRegionName())
                admin.assign(region.getRegionName())
            self._inside.wait(lambda: admin.isTableAvailable(self._name(name)), f"the regions of {name}")

    def move(self, name: str, port: int) -> None:
        """Every region of the table goes to the region server on this port."""
        with self._admin() as admin:
            (server,) = [one for one in list(admin.getRegionServers()) if one.getPort() == port]
            for region in list(admin.getRegions(self._name(name))):
                admin.move(region.getEncodedNameAsBytes(), server)
            self._inside.wait(lambda: self._all_at(admin, name, port), f"the move of {name}")

    def _all_at(self, admin: Any, name: str, port: int) -> bool:
        locator = admin.getConnection().getRegionLocator(self._name(name))
        locator.clearRegionLocationCache()
        places = [location.getServerName() for location in list(locator.getAllRegionLocations())]
        return all(place is not None and place.getPort() == port for place in places)

    def disable(self, name: str) -> None:
        with self._admin() as admin:
            admin.disableTable(self._name(name))

    def enable(self, name: str) -> None:
        with self._admin() as admin:
            admin.enableTable(self._name(name))

    @contextlib.contextmanager
    def stalled_wal(self) -> Iterator[None]:
        """Puts have their timestamps and wait for the log's sync: nobody sees them, and everything else goes on."""
        stalled = self._inside.threads_named("sync.")
        for thread in stalled:
            thread.suspend()
        try:
            yield
        finally:
            for thread in stalled:
                thread.resume()

    def region_count(self, name: str) -> int:
        return len(self._regions(name))

    def store_files(self, name: str) -> int:
        """HFiles of the table now."""
        return sum(store.getStorefilesCount() for region in self._regions(name) for store in region.getStores())

    def set_clock(self, milliseconds: int | None) -> None:
        """Stop the servers' clock at this time (what a put without a timestamp gets), or None: let it run again."""
        util = self._inside.hadoop.hbase.util
        if milliseconds is None:
            util.EnvironmentEdgeManager.reset()
            return
        clock = util.ManualEnvironmentEdge()
        clock.setValue(milliseconds)
        util.EnvironmentEdgeManager.injectEdge(clock)

    def _family(self, name: str, settings: Mapping[str, str]) -> Any:
        builder = self._inside.hadoop.hbase.client.ColumnFamilyDescriptorBuilder.newBuilder(name.encode())
        for key, value in settings.items():
            builder.setValue(key, value)
        return builder.build()

    @contextlib.contextmanager
    def _admin(self) -> Iterator[Any]:
        admin = self._inside.connection.getAdmin()
        try:
            yield admin
        finally:
            admin.close()

    def _regions(self, name: str) -> list[Any]:
        return list(self._inside.region_server().getRegions(self._name(name)))

    def _name(self, name: str) -> Any:
        return self._inside.hadoop.hbase.TableName.valueOf(name)
