"""Scans and Gets as Thrift2 spells them, and batched Gets whose answers stay of a size."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from loader.sources.hbase.access.api import Columns, Scan
from loader.sources.hbase.access.large_rows import fitting, size_of
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.thrift2.cursor import CELLS, FIRST, WHOLE, next_rows
from loader.sources.hbase.thrift2.idl import TColumn, TGet, TScan, TTimeRange

GETS = 100
"""Gets of one call, at most: their rows come in one answer, whatever their size."""
_RAW = {b"_raw_": b"\xff"}  # how the Java client marks a scan as raw


def thrift_scan(scan: Scan) -> Any:
    """A TScan."""
    times = TTimeRange(minStamp=scan.times[0], maxStamp=scan.times[1]) if scan.times else None
    return TScan(
        startRow=scan.start,
        stopRow=scan.stop,
        columns=_columns(scan.columns),
        caching=scan.caching,
        maxVersions=scan.versions,
        timeRange=times,
        batchSize=WHOLE if scan.whole else None,
        attributes=_RAW if scan.raw else None,
        cacheBlocks=scan.cache_blocks,
        filterBytes=scan.filter_bytes,
    )


def rows_by_gets(
    get_multiple: Callable[[Sequence[Any]], list[Row]],
    scan_wide: Callable[[list[bytes]], Iterator[Sequence[Row]]],
    keys: Sequence[bytes],
    columns: Columns,
    row_bytes: int,
) -> Iterator[Sequence[Row]]:
    """Few at first: nobody knows yet how large rows are. Wide ones, of which HBase sends the beginning, by scan."""
    wanted, done, count = _columns(columns), 0, FIRST
    while part := keys[done : done + count]:
        gets = [TGet(row=key, columns=wanted, maxVersions=1, cacheBlocks=False, storeLimit=CELLS) for key in part]
        found = [row for row in get_multiple(gets) if row.row]
        done, count = done + len(part), min(GETS, next_rows(count, len(part), size_of(found)))
        for wide, rows in groupby(found, key=lambda row: len(row.columnValues) >= CELLS):
            if wide:
                yield from scan_wide([row.row for row in rows])
            else:
                yield fitting(list(rows), row_bytes)


def _columns(columns: Columns) -> list[Any] | None:
    return [TColumn(family=family, qualifier=qualifier) for family, qualifier in columns] or None
