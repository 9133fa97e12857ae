"""Every cell and marker that HBase still has of one row, and when they came."""

from collections.abc import Sequence
from dataclasses import dataclass

from loader.sources.hbase.access.api import ALL_VERSIONS, HBaseClient, Scan
from loader.sources.hbase.access.row import Cell


@dataclass(frozen=True, slots=True)
class RawTimes:
    """The newest put and the newest delete marker that HBase still has of a row; None: none."""

    put: int | None
    marker: int | None


NOTHING_LEFT = RawTimes(None, None)
PUT = 4
"""`Cell.type` of a put; all others are delete markers."""


def raw_cells(client: HBaseClient, table: str, families: Sequence[bytes], key: bytes) -> list[Cell]:
    """Every cell and delete marker that HBase still has of a row, of the mapped families, hidden or not."""
    columns = [(family, None) for family in families]
    scan = Scan(key, key + b"\0", columns, versions=ALL_VERSIONS, raw=True, caching=1)
    return [cell for rows in client.scan(table, scan, 1) for row in rows for cell in row.columnValues]


def times_of(cells: Sequence[Cell]) -> RawTimes:
    """The newest put and the newest marker."""
    puts = [cell.timestamp for cell in cells if cell.type == PUT]
    markers = [cell.timestamp for cell in cells if cell.type != PUT]
    return RawTimes(max(puts, default=None), max(markers, default=None))
