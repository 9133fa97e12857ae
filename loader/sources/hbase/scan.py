"""Dirty keys by raw scan: every row that has a cell or a delete marker with a timestamp in the window.

A raw scan shows puts and markers alike, hidden or not, of all versions; it takes families only, no qualifiers. What it
finds are keys: the rows are read again as they are now (`reader.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from loader.sources.hbase.access.api import ALL_VERSIONS, HBaseClient, Scan
from loader.sources.hbase.access.errors import Refused, ServerBusy
from loader.sources.hbase.access.filters import first_cells
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.dirty_keys import DIRTY, SCANNED, DirtyKeys, dirty_keys_from_rows, marker
from loader.sources.hbase.seen_cells import packed_marks, row_marks
from loader.sources.hbase.windows import Window

ROWS_A_CALL = 2000
GLANCED_BYTES = 1 << 20
"""Of a row that is only looked for."""
MARKED_BYTES = 16 << 20
"""A row with more than that in one window gets no marks: it is read again as long as windows overlap it."""
PARTS_A_THREAD = 4


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Keys `[start, stop)` for one scanner; an empty stop is the end of the table. Need not be a region any more."""

    start: bytes
    stop: bytes


def parts_of(client: HBaseClient, table: str, families: Sequence[bytes], most: int) -> tuple[KeySpan, ...]:
    """At most `most` parts, each of as many neighbouring regions, as the regions are now.

    Raises NoSuchTable or NoSuchFamily, on which a scan is silent.
    """
    client.check_table(table, families)
    regions = client.regions(table)
    count = min(most, len(regions))
    cuts = [len(regions) * number // count for number in range(count + 1)]
    return tuple(KeySpan(regions[first].start, regions[last - 1].stop) for first, last in pairwise(cuts))


def scan_part(
    client: HBaseClient, table: str, families: Sequence[bytes], part: KeySpan, window: Window
) -> Iterator[pa.RecordBatch]:
    """What the part holds of the window, then its marker (schema `SCANNED`).

    Regions may split, merge and move meanwhile: a part is a range of keys.
    """
    if not window.empty:
        try:
            for scan in _raw_scans(families, part, window):
                for batch in client.scan_packed(table, scan, ROWS_A_CALL, MARKED_BYTES):
                    yield _dirty(batch, window)
        except (ServerBusy, Refused):
            client.check_table(table, families)  # dropped or disabled in mid-scan: say so
            raise
    yield pa.RecordBatch.from_pylist([marker(part.start, part.stop, window)], SCANNED)


def is_any_in(client: HBaseClient, table: str, families: Sequence[bytes], window: Window) -> bool:
    """Whether the window holds any cell or marker. Reads up to the first one; of a table that is not there: False."""
    scan = _raw_scan(families, KeySpan(b"", b""), window.start_ms, window.end_ms)
    return client.any_row(table, scan, GLANCED_BYTES)


def scan_window(
    connect: Callable[[], HBaseClient], table: str, families: Sequence[bytes], window: Window, threads: int = 1
) -> DirtyKeys:
    """The whole table's dirty keys, in this process; what the streaming source does with tasks.

    Threads wait for HBase side by side: decoding a scan costs far less than the server takes to make it.
    """
    with connect() as client:
        parts = parts_of(client, table, families, PARTS_A_THREAD * threads)

    def read(part: KeySpan) -> list[pa.RecordBatch]:
        with connect() as client:
            return list(scan_part(client, table, families, part, window))

    with ThreadPoolExecutor(threads) as pool:
        batches = [batch for found in pool.map(read, parts) for batch in found]
    return dirty_keys_from_rows(pa.Table.from_batches(batches, SCANNED))


def _raw_scans(families: Sequence[bytes], part: KeySpan, window: Window) -> Iterator[Scan]:
    """Of times that need no marks (the first window has nearly all of the table there) one cell a row, and no value."""
    border = min(max(window.marks_from_ms, window.start_ms), window.end_ms)
    if window.start_ms < border:
        yield _raw_scan(families, part, window.start_ms, border, first_cells())
    if border < window.end_ms:
        yield _raw_scan(families, part, border, window.end_ms)


def _raw_scan(families: Sequence[bytes], part: KeySpan, start_ms: int, end_ms: int, only: bytes | None = None) -> Scan:
    return Scan(
        start=part.start,
        stop=part.stop,
        columns=[(family, None) for family in families],
        versions=ALL_VERSIONS,
        times=(start_ms, end_ms),
        raw=True,
        filter_bytes=only,
        caching=ROWS_A_CALL,
    )


def _dirty(rows: Sequence[Row], window: Window) -> pa.RecordBatch:
    found = packed_marks(rows, window.marks_from_ms) if isinstance(rows, PackedRows) else _marks(rows, window)
    columns = {"kind": pa.array(np.full(len(found[0]), DIRTY, np.int32)), **dict(zip(_FOUND, found, strict=True))}
    nulls = (columns.get(field.name, pa.nulls(len(found[0]), field.type)) for field in SCANNED)
    return pa.RecordBatch.from_arrays(list(nulls), schema=SCANNED)


_FOUND = ("key", "version", "fingerprint")


def _marks(rows: Iterable[Row], window: Window) -> tuple[pa.Array, pa.Array, pa.Array]:
    found = [(row.row, *mark) for row in rows for mark in _marks_of(row, window)]
    keys, versions, fingerprints = zip(*found, strict=True) if found else ((), (), ())
    return pa.array(keys, pa.binary()), pa.array(versions, pa.int64()), pa.array(fingerprints, pa.int64())


def _marks_of(row: Row, window: Window) -> list[tuple[int, int | None]]:
    """One that was left out may hold a cell of any time in the window."""
    return [(window.start_ms, None)] if row.left_out else row_marks(row.columnValues, window.marks_from_ms)
