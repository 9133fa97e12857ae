"""The ads in HBase: what an application writes, and what a plain scan says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from devservers.demo.data import FAMILY, Ad, ad_of, cells_of
from devservers.demo.freshness import Write
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.thrift2.client import TColumnValue, TDelete, Thrift2, TPut

TABLE = "ads"
_PUTS_A_CALL = 1000
_AGE_MS = 3_600_000  # of the rows that are there at first: most rows of a real table did not change just now
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is written at once: whole rows to put, and keys to delete."""

    puts: Sequence[Ad] = ()
    deletes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.puts) + len(self.deletes)


class Source:
    """The HBase table `ads`. Not for several threads."""

    def __init__(self, client: Thrift2) -> None:
        self._client = client

    def fill(self, ads: Sequence[Ad], done: Callable[[int], None]) -> None:
        """Put all, as if an hour ago; `done` hears how many are there."""
        at_ms = now_ms() - _AGE_MS
        for count, some in enumerate(_chunks(ads, _PUTS_A_CALL)):
            self._client.put_multiple(TABLE, [_put(ad, at_ms) for ad in some])
            done(count * _PUTS_A_CALL + len(some))

    def write(self, changes: Changes) -> Write:
        """All of it with the time of now as cell timestamp, so that one window of the loader holds it whole."""
        at_ms = now_ms()
        if changes.puts:
            self._client.put_multiple(TABLE, [_put(ad, at_ms) for ad in changes.puts])
        if changes.deletes:
            self._client.delete_multiple(TABLE, [TDelete(row=key.encode(), timestamp=at_ms) for key in changes.deletes])
        return Write(at_ms, now_ms(), len(changes))

    def scan(self) -> Iterator[Ad]:
        """Every row as HBase has it now."""
        for rows in self._client.scan(TABLE, Scan(caching=2000), rows=2000):
            for row in rows:
                yield ad_of(row.row, {cell.qualifier: cell.value for cell in row.columnValues})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _put(ad: Ad, at_ms: int) -> TPut:
    cells = cells_of(ad).items()
    values = [TColumnValue(family=FAMILY, qualifier=name, value=value) for name, value in cells]
    return TPut(row=ad.ad_id.encode(), columnValues=values, timestamp=at_ms)


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
