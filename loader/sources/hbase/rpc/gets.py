"""Batched Gets, some for each region, one call for each server; an answer counts only where each key has its own."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from loader.basics.errors import HotswapError
from loader.sources.hbase.access.api import Columns
from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.access.large_rows import Batch, fitting_batches, size_of
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.messages import ANSWER, Got, multi_answers, multi_request
from loader.sources.hbase.rpc.meta import Place
from loader.sources.hbase.rpc.remote import Server, Thrown, TryAgain
from loader.sources.hbase.rpc.retry import PASSING, Retry
from loader.sources.hbase.rpc.rows import packed

FIRST = 16
"""Gets of the first call: nobody knows yet how large rows are."""
MOST = 500
FASTER = 8
WIDE = 32
"""Cells of a row of which HBase is asked for the beginning only, where whole families are wanted."""

Portion = tuple[Place, list[bytes]]


class Gets:
    """Rows of one table by their keys (sorted, unique), in key order. `scan_wide` reads the ones that are too wide."""

    def __init__(
        self,
        cluster: Cluster,
        table: str,
        columns: Columns,
        most: int,
        retry: Retry,
        scan_wide: Callable[[list[bytes]], Iterator[Batch]],
    ) -> None:
        self._cluster, self._table, self._columns = cluster, table, columns
        self._most, self._retry, self._scan_wide = most, retry, scan_wide
        self._limit = WIDE if any(qualifier is None for _, qualifier in columns) or not columns else 0

    def rows(self, keys: Sequence[bytes]) -> Iterator[Batch]:
        done, count = 0, FIRST
        while part := list(keys[done : done + count]):
            try:
                answered, rows = self._answered(part)
            except PASSING as error:
                self._retry.pause(error)
                if isinstance(error, TryAgain) and error.too_large:
                    count = max(1, count // 2)
                continue
            self._retry.progress()
            done += answered
            count = min(MOST, count * FASTER, max(1, ANSWER * answered // max(1, sum(map(size_of, rows)))))
            for batch in rows:
                yield from self._narrow(batch)

    def _narrow(self, rows: PackedRows) -> Iterator[Batch]:
        """Rows of which the beginning came are read anew, by scan."""
        wide = set(rows.with_cells(self._limit)) if self._limit else set()
        for is_wide, numbers in groupby(range(len(rows)), key=lambda number: number in wide):
            run = list(numbers)
            if is_wide:
                yield from self._scan_wide([rows.key(number) for number in run])
            else:
                yield from fitting_batches(rows[run[0] : run[-1] + 1], self._most)

    def _answered(self, keys: Sequence[bytes]) -> tuple[int, list[PackedRows]]:
        """How many of the first keys have been answered for, at least one, and their rows. Raises what went wrong."""
        portions = self._portions(keys)
        servers: dict[Server, list[int]] = {}
        for number, (place, _) in enumerate(portions):
            assert place.server is not None
            servers.setdefault(place.server, []).append(number)
        found: dict[int, PackedRows | HotswapError | None] = {}
        for server, numbers in servers.items():
            found |= self._of_server(server, {number: portions[number] for number in numbers})
        answered, rows = 0, []
        for number, (place, part) in enumerate(portions):
            one = found[number]
            if isinstance(one, HotswapError):
                self._cluster.locations.failed(self._table, place, one)
                if not answered or not isinstance(one, PASSING):
                    raise one
                break
            answered += len(part)
            rows += [one] if one is not None else []
        return answered, rows

    def _portions(self, keys: Sequence[bytes]) -> list[Portion]:
        locate = self._cluster.locations.of
        located = ((locate(self._table, key)[0], key) for key in keys)
        return [(place, [key for _, key in pairs]) for place, pairs in groupby(located, key=lambda pair: pair[0])]

    def _of_server(self, server: Server, portions: dict[int, Portion]) -> dict[int, PackedRows | HotswapError | None]:
        """Of each region its rows (None: none of the keys has one), or its error."""
        request = multi_request(((place.name, keys) for place, keys in portions.values()), self._columns, self._limit)
        asked = [len(keys) for _, keys in portions.values()]
        try:
            with self._cluster.connection(server) as connection:
                answer = connection.call("Multi", request)
            each = multi_answers(answer.message, asked)
            counts = [count for got in each if not isinstance(got, Thrown) for count in got if count]
            whole = packed(answer.frame, answer.cells, counts) if counts or answer.cells < len(answer.frame) else None
        except ValueError as error:
            lost = ConnectionLost(f"HBase at {connection.where} answered Gets in a way that proves nothing: {error}")
            return dict.fromkeys(portions, lost)
        except PASSING as error:
            return dict.fromkeys(portions, error)
        return dict(zip(portions, self._by_region(each, whole, connection.where), strict=True))

    def _by_region(
        self, each: Sequence[Got], whole: PackedRows | None, where: str
    ) -> Iterator[PackedRows | HotswapError | None]:
        """The rows of an answer lie in the order of its regions."""
        at = 0
        for got in each:
            if isinstance(got, Thrown):
                yield got.error(where, "Multi")
                continue
            there = sum(1 for count in got if count)
            yield whole[at : at + there] if whole is not None and there else None
            at += there
