"""HBase through its own RPC: the reads that `api.HBaseClient` promises.

with RpcClient(Cluster(ServersRegistry([("rs1", 16020)], user="hotswap", timeout_s=60), "hotswap")) as hbase:
    for rows in hbase.scan("ads", Scan(start=b"a")):
        ...
"""

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from loader.sources.hbase.access.api import ROW_BYTES, Columns, Patience, Region, Scan
from loader.sources.hbase.access.errors import no_such_family, no_such_table, table_disabled
from loader.sources.hbase.access.filters import scan_of_rows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.rpc import admin, glance
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.connection import CLIENT
from loader.sources.hbase.rpc.gets import Gets
from loader.sources.hbase.rpc.messages import put_request
from loader.sources.hbase.rpc.meta import TableInMeta
from loader.sources.hbase.rpc.remote import TryAgain
from loader.sources.hbase.rpc.retry import Retry, patiently
from loader.sources.hbase.rpc.scanner import TableScan

T = TypeVar("T")
_PATIENT = Patience()


class RpcClient:
    """Cheap to make: what lasts (connections, where regions are) is the cluster's, which threads share."""

    def __init__(
        self, cluster: Cluster, patience: Patience = _PATIENT, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._cluster, self._patience, self._sleep = cluster, patience, sleep

    @property
    def address(self) -> str:
        return self._cluster.registry.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is to be closed: connections wait for the next client."""

    # What there is

    def table_exists(self, table: str) -> bool:
        found = self._meta(table)
        return found.state is not None or bool(found.places)

    def families(self, table: str) -> frozenset[bytes]:
        return frozenset(self.family_settings(table))

    def family_settings(self, table: str) -> dict[bytes, dict[bytes, bytes]]:
        """Empty where HBase does not give this user the right to know."""
        self._existing(table)
        return self._families(table)

    def check_table(self, table: str, families: Sequence[bytes]) -> None:
        """Families that this user may not know of are not checked: HBase itself names them when they are scanned."""
        found = self._existing(table)
        present = frozenset(self._families(table)) if families else frozenset()
        for family in families:
            if present and family not in present:
                raise no_such_family(table, family, present)
        if not found.enabled:
            raise table_disabled(table)

    def regions(self, table: str) -> tuple[Region, ...]:
        """As they are now."""

        def there() -> tuple[Region, ...]:
            found = self._cluster.locations.fresh(table)
            if found.state is None and not found.places:
                raise no_such_table(table, self.address)
            if not found.places:
                raise TryAgain(f"HBase names no region of table {table!r}")
            return tuple(Region(place.start, place.stop) for place in found.places)

        return self._patiently(there)

    # Reads

    def scan(self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES) -> Iterator[list[Row]]:
        for batch in self.scan_packed(table, scan, rows, row_bytes):
            yield list(batch)

    def scan_packed(
        self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        return iter(TableScan(self._cluster, table, scan, rows, row_bytes, self._retry()))

    def any_row(self, table: str, scan: Scan, row_bytes: int = ROW_BYTES) -> bool:
        return self._patiently(lambda: glance.any_row(self._cluster, table, scan))

    def get_rows(
        self, table: str, keys: Sequence[bytes], columns: Columns, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        def wide(keys: list[bytes]) -> Iterator[Sequence[Row]]:
            return self.scan_packed(table, scan_of_rows(keys, columns), len(keys), row_bytes)

        return Gets(self._cluster, table, columns, row_bytes, self._retry(), wide).rows(keys)

    # The one write

    def put_cell(self, table: str, row: bytes, family: bytes, qualifier: bytes) -> None:
        place, server = self._patiently(lambda: self._cluster.locations.of(table, row))
        self._cluster.call(server, CLIENT, "Mutate", put_request(place.name, row, family, qualifier))

    # Inside

    def _families(self, table: str) -> admin.FamilySettings:
        return self._patiently(lambda: admin.family_settings(self._cluster, table)) or {}

    def _existing(self, table: str) -> TableInMeta:
        found = self._meta(table)
        if found.state is None and not found.places:
            raise no_such_table(table, self.address)
        return found

    def _meta(self, table: str) -> TableInMeta:
        if table == "hbase:meta":  # it is there if it can be read, and is not in itself
            return TableInMeta(0, (self._patiently(lambda: self._cluster.locations.of(table, b""))[0],))
        return self._patiently(lambda: self._cluster.locations.fresh(table))

    def _patiently(self, action: Callable[[], T]) -> T:
        return patiently(self._retry(), action)

    def _retry(self) -> Retry:
        return Retry(self._patience, self._sleep)
