"""How far the region servers' clocks are behind this machine's: cells have their timestamps, windows have ours.

Measured by putting a cell without a timestamp into a table of the loader's own, one in each of its regions, and reading
what time it got: the table should have a region on every server. Nothing is ever put into the table that is read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loader.sources.hbase.access.api import HBaseClient, Scan

ROW, QUALIFIER = b"hotswap-clock", b"t"


@dataclass(frozen=True, slots=True)
class Skew:
    """In ms, over all servers asked: at most so far behind our clock, at least so far ahead of it. Never negative."""

    behind_ms: int = 0
    ahead_ms: int = 0


def measure_skew(client: HBaseClient, table: str, now_ms: Callable[[], int]) -> Skew:
    """Overwrites one small cell in each region of `table`. Raises NoSuchTable, Unavailable, Refused."""
    family = sorted(client.families(table))[0]
    each = [_of_region(client, table, region.start + ROW, family, now_ms) for region in client.regions(table)]
    return Skew(max(skew.behind_ms for skew in each), max(skew.ahead_ms for skew in each))


def _of_region(client: HBaseClient, table: str, row: bytes, family: bytes, now_ms: Callable[[], int]) -> Skew:
    """The cell got its time before `after`: what lies between counts as skew, to be on the safe side."""
    client.put_cell(table, row, family, QUALIFIER)
    after = now_ms()
    scan = Scan(row, row + b"\0", [(family, QUALIFIER)])
    (cell,) = (cell for rows in client.scan(table, scan, 1) for found in rows for cell in found.columnValues)
    return Skew(max(0, after - cell.timestamp), max(0, cell.timestamp - after))
