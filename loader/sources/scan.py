"""Dirty keys by raw scan: every row that has a cell or a delete marker with a timestamp in the window.

A raw scan shows puts and markers alike, hidden or not, of all versions; it takes families only, no qualifiers. What it
finds are keys: the rows are read again as they are now (`reader.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from loader.sources.connection import Refused, ServerBusy
from loader.sources.dirty import DIRTY, SCANNED, DirtyKeys, dirty_keys_from_rows, marker
from loader.sources.idl import Row, TColumn, TScan, TTimeRange
from loader.sources.marks import packed_marks, row_marks
from loader.sources.packed import PackedRows
from loader.sources.thrift2 import Thrift2
from loader.sources.windows import Window

ALL_VERSIONS = 2147483647
RAW = {b"_raw_": b"\xff"}  # how the Java client marks a scan as raw
ROWS_A_CALL = 2000


@dataclass(frozen=True, slots=True)
class Part:
    """Keys `[start, stop)` for one scanner; an empty stop is the end of the table. Need not be a region any more."""

    start: bytes
    stop: bytes


def parts_of(client: Thrift2, table: str, families: Sequence[bytes]) -> tuple[Part, ...]:
    """One part a region, as the regions are now. Raises NoSuchTable or NoSuchFamily, on which a scan is silent."""
    client.check_table(table, families)
    return tuple(Part(region.start, region.stop) for region in client.regions(table))


def scan_part(
    client: Thrift2, table: str, families: Sequence[bytes], part: Part, window: Window
) -> Iterator[pa.RecordBatch]:
    """What the part holds of the window, then its marker (schema `SCANNED`).

    Regions may split, merge and move meanwhile: a part is a range of keys.
    """
    if not window.empty:
        try:
            for batch in client.scan_packed(table, _raw_scan(families, part, window), ROWS_A_CALL):
                yield _dirty(batch, window)
        except (ServerBusy, Refused):
            client.check_table(table, families)  # dropped or disabled in mid-scan: say so
            raise
    yield pa.RecordBatch.from_pylist([marker(part.start, part.stop, window)], SCANNED)


def scan_window(connect: Callable[[], Thrift2], table: str, families: Sequence[bytes], window: Window) -> DirtyKeys:
    """The whole table's dirty keys, in this process, region after region; what the streaming source does with tasks."""
    with connect() as client:
        batches = [
            batch
            for part in parts_of(client, table, families)
            for batch in scan_part(client, table, families, part, window)
        ]
    return dirty_keys_from_rows(pa.Table.from_batches(batches, SCANNED))


def _raw_scan(families: Sequence[bytes], part: Part, window: Window) -> Any:
    return TScan(
        startRow=part.start,
        stopRow=part.stop,
        columns=[TColumn(family=family) for family in families],
        caching=ROWS_A_CALL,
        maxVersions=ALL_VERSIONS,
        timeRange=TTimeRange(minStamp=window.start_ms, maxStamp=window.end_ms),
        attributes=RAW,
        cacheBlocks=False,
    )


def _dirty(rows: Sequence[Row], window: Window) -> pa.RecordBatch:
    found = packed_marks(rows, window.marks_from_ms) if isinstance(rows, PackedRows) else _marks(rows, window)
    columns = {"kind": pa.array(np.full(len(found[0]), DIRTY, np.int32)), **dict(zip(_FOUND, found, strict=True))}
    nulls = (columns.get(field.name, pa.nulls(len(found[0]), field.type)) for field in SCANNED)
    return pa.RecordBatch.from_arrays(list(nulls), schema=SCANNED)


_FOUND = ("key", "version", "fingerprint")


def _marks(rows: Iterable[Row], window: Window) -> tuple[pa.Array, pa.Array, pa.Array]:
    found = [(row.row, *mark) for row in rows for mark in row_marks(row.columnValues, window.marks_from_ms)]
    keys, versions, fingerprints = zip(*found, strict=True) if found else ((), (), ())
    return pa.array(keys, pa.binary()), pa.array(versions, pa.int64()), pa.array(fingerprints, pa.int64())
