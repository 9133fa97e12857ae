"""All rows of a range of keys as they are now, in key order: what a comparison and a first load read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from loader.mapping import Mapping
from loader.mapping.rejected import Rejected
from loader.mapping.transform import Transform
from loader.sources.hbase.access.api import ALL_VERSIONS, ROW_BYTES, HBaseClient, Scan
from loader.sources.hbase.access.errors import Refused, ServerBusy
from loader.sources.hbase.access.filters import random_keys, rows_filter
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.reread import decode, transformed
from partitioner.values import PartitionValues

BLOCK = 5_000
"""Rows in memory at a time."""
KEY_BYTES = 1 << 20
"""Where keys alone are asked for, no more of a row is read."""
NO_END = 2**63 - 1
"""The largest timestamp that a time range takes."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring rows that exist. `table`: the data columns; `targets` index `partitions`.

    `last`: the last key that was looked at, rows that do not exist or were rejected included.
    """

    keys: pa.Array
    versions: list[int]
    table: pa.Table
    partitions: tuple[PartitionValues, ...]
    targets: list[int]
    rejected: tuple[Rejected, ...]
    last: bytes


class Ranges(Protocol):
    """A source whose rows are ordered by key; `RangeReader` is HBase."""

    def regions(self) -> tuple[tuple[bytes, bytes], ...]: ...

    def blocks(self, start: bytes, stop: bytes) -> Iterator[Block]: ...

    def sampled(self, start: bytes, stop: bytes, chance: float) -> Iterator[Block]: ...

    def rows(self, keys: list[bytes]) -> Iterator[Block]: ...

    def touched_since(self, keys: list[bytes], low_ms: int) -> set[bytes]: ...


@dataclass(frozen=True, slots=True)
class RangeReader:
    """Reads one HBase table. `connect` makes a client, which lives as long as one call."""

    connect: Callable[[], HBaseClient]
    table: str
    mapping: Mapping
    transform: Transform | None = None
    row_bytes: int = ROW_BYTES

    def regions(self) -> tuple[tuple[bytes, bytes], ...]:
        """[start, stop) of every region, in key order; the last stop is empty. Raises NoSuchTable, NoSuchFamily."""
        with self.connect() as client:
            client.check_table(self.table, self.mapping.families)
            return tuple((region.start, region.stop) for region in client.regions(self.table))

    def blocks(self, start: bytes, stop: bytes, filter_bytes: bytes | None = None) -> Iterator[Block]:
        """Keys [start, stop), an empty stop being the end. Regions may split, merge and move meanwhile.

        Raises NoSuchTable if the table is dropped or disabled under the scan, which HBase ends without an error.
        """
        scan = Scan(start, stop, self.mapping.qualifiers, filter_bytes=filter_bytes)
        with self.connect() as client:
            try:
                for rows in client.scan(self.table, scan, BLOCK, self.row_bytes):
                    yield self._block(rows)
            except (ServerBusy, Refused):
                client.check_table(self.table, self.mapping.families)
                raise
            client.check_table(self.table, self.mapping.families)

    def sampled(self, start: bytes, stop: bytes, chance: float) -> Iterator[Block]:
        """A share of the rows, each by chance. HBase cuts no rows for such a filter: so keys first, then their rows."""
        scan = Scan(start, stop, self.mapping.qualifiers, whole=True, filter_bytes=random_keys(chance))
        with self.connect() as client:
            for rows in client.scan(self.table, scan, BLOCK):
                yield from self.rows([row.row for row in rows])

    def rows(self, keys: list[bytes]) -> Iterator[Block]:
        """Those of `keys` (sorted, unique) that exist."""
        for first in range(0, len(keys), BLOCK):
            part = keys[first : first + BLOCK]
            yield from self.blocks(part[0], part[-1] + b"\0", rows_filter(part))

    def touched_since(self, keys: list[bytes], low_ms: int) -> set[bytes]:
        """Those of `keys` (sorted, unique) with a cell or a marker, hidden or not, from `low_ms` on."""
        found: set[bytes] = set()
        families = [(family, None) for family in self.mapping.families]
        with self.connect() as client:
            for first in range(0, len(keys), BLOCK):
                part = keys[first : first + BLOCK]
                scan = Scan(
                    start=part[0],
                    stop=part[-1] + b"\0",
                    columns=families,
                    versions=ALL_VERSIONS,
                    times=(low_ms, NO_END),
                    raw=True,
                    filter_bytes=rows_filter(part),
                )
                batches = client.scan(self.table, scan, BLOCK, KEY_BYTES)
                found.update(row.row for rows in batches for row in rows)
        return found

    def _block(self, rows: list[Row]) -> Block:
        decoded = decode(self.mapping, rows, self.row_bytes)
        if self.transform is not None:
            decoded = transformed(decoded, self.transform)
        decoded, partitions, targets = self.mapping.place(decoded)
        return Block(
            pa.array(decoded.keys, pa.binary()),
            decoded.versions,
            decoded.table.select(self.mapping.schema.names),
            partitions,
            targets,
            decoded.rejected,
            rows[-1].row,
        )
