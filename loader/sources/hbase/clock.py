"""How far the region servers' clocks are behind this machine's: cells have their timestamps, windows have ours.

Measured by putting a cell without a timestamp into a table of the loader's own, one in each of its regions, and reading
what time it got: the table should have a region on every server. Nothing is ever put into the table that is read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loader.sources.hbase.thrift2.client import TColumnValue, TGet, Thrift2, TPut

ROW, QUALIFIER = b"hotswap-clock", b"t"


@dataclass(frozen=True, slots=True)
class Skew:
    """In ms, over all servers asked: at most so far behind our clock, at least so far ahead of it. Never negative."""

    behind_ms: int = 0
    ahead_ms: int = 0


def measure_skew(client: Thrift2, table: str, now_ms: Callable[[], int]) -> Skew:
    """Overwrites one small cell in each region of `table`. Raises NoSuchTable, Unavailable, Refused."""
    family = sorted(client.families(table))[0]
    each = [_of_region(client, table, region.start + ROW, family, now_ms) for region in client.regions(table)]
    return Skew(max(skew.behind_ms for skew in each), max(skew.ahead_ms for skew in each))


def _of_region(client: Thrift2, table: str, row: bytes, family: bytes, now_ms: Callable[[], int]) -> Skew:
    """The cell got its time before `after`: what lies between counts as skew, to be on the safe side."""
    client.put(table, TPut(row=row, columnValues=[TColumnValue(family=family, qualifier=QUALIFIER, value=b"")]))
    after = now_ms()
    (cell,) = (c for c in client.get(table, TGet(row=row)).columnValues if c.qualifier == QUALIFIER)
    return Skew(max(0, after - cell.timestamp), max(0, cell.timestamp - after))
