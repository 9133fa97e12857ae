"""One region's scanner, and a scan of a table made of them that heals."""

from collections.abc import Generator, Iterator
from contextlib import closing, suppress

from loader.basics.errors import HotswapError
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.access.large_rows import Batch
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.connection import Answer, Connection
from loader.sources.hbase.rpc.messages import Scanned, close_request, next_request, scan_request, scanned
from loader.sources.hbase.rpc.meta import Place
from loader.sources.hbase.rpc.remote import TryAgain
from loader.sources.hbase.rpc.retry import PASSING, Retry
from loader.sources.hbase.rpc.rows import WholeRows


class RegionScan:
    """Whole rows of one region, up to `rows` at a time. The next answer is asked for before this one is decoded.

    Iterating ends only when the region has said that it has no more. `over`: a filter has said so for all regions.
    `whole.last` is where to go on; `whole.given_up`: a new scanner is wanted behind it.
    """

    def __init__(self, connection: Connection, region: bytes, scan: Scan, start: bytes, rows: int, most: int) -> None:
        self._connection, self._scan, self._rows = connection, scan, rows
        self._open = scan_request(region, scan, start, rows)
        self.whole = WholeRows(most)
        self.over = False
        self._scanner: int | None = None
        self._calls = 0
        self._more = True

    def __iter__(self) -> Generator[Batch]:
        self._connection.send("Scan", self._open)
        try:
            while self._more and not self.whole.given_up:
                answer, told = self._received()
                if self._more:
                    self._ask_next()
                yield from self.whole.add(answer, told.counts, told.goes_on)
            if not self.whole.given_up:
                yield from self.whole.end()
        finally:
            self._close()

    def _received(self) -> tuple[Answer, Scanned]:
        try:
            answer = self._connection.receive()[1]
            told = scanned(answer.message)
        except ValueError as error:
            raise ConnectionLost(f"{self._connection.where} sent no answer that can be read: {error}") from error
        if not told.more and told.more_here:
            if self._scan.filter_bytes is None:
                raise TryAgain(f"{self._connection.where} ended a scan in the middle of a region")
            self.over = True
        self._more = told.more_here and told.more
        self._scanner = told.scanner if told.scanner is not None else self._scanner
        return answer, told

    def _ask_next(self) -> None:
        if self._scanner is None:
            raise ConnectionLost(f"{self._connection.where} has more of a region and names no scanner")
        self._calls += 1
        self._connection.send("Scan", next_request(self._scanner, self._calls, self._rows))

    def _close(self) -> None:
        """A scanner that is given up. An answer on its way must not be taken for another's."""
        with suppress(HotswapError):
            while self._connection.waiting and not self._connection.closed:
                self._received()
            if self._more and self._scanner is not None and not self._connection.closed:
                self._connection.call("Scan", close_request(self._scanner))


class TableScan:
    """A scan of a table, region after region, each as it is now: they may split, merge and move, servers may go."""

    def __init__(self, cluster: Cluster, table: str, scan: Scan, rows: int, most: int, retry: Retry) -> None:
        self._cluster, self._table, self._scan = cluster, table, scan
        self._rows, self._most, self._retry = rows, most, retry
        self._at = scan.start
        self._done = False

    def __iter__(self) -> Iterator[Batch]:
        while not self._done:
            place: Place | None = None
            try:
                place, server = self._cluster.locations.of(self._table, self._at)
                with self._cluster.connection(server) as connection:
                    yield from self._region(connection, place)
            except PASSING as error:
                if place is not None:
                    self._cluster.locations.failed(self._table, place, error)
                self._retry.pause(error)

    def _region(self, connection: Connection, place: Place) -> Iterator[Batch]:
        region = RegionScan(connection, place.name, self._scan, self._at, self._rows, self._most)
        with closing(iter(region)) as batches:
            for batch in batches:
                if region.whole.last is not None:
                    self._at = region.whole.last + b"\0"
                self._retry.progress()
                yield batch
        if region.whole.given_up:
            return
        self._done = region.over or not place.stop or bool(self._scan.stop and place.stop >= self._scan.stop)
        self._at = place.stop
        self._retry.progress()
