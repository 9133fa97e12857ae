"""Dirty keys by raw scan: every row that has a cell or a delete marker with a timestamp in the window.

A raw scan shows puts and markers alike, hidden or not, of all versions; it takes families only, no qualifiers. What it
finds are keys: the rows are read again as they are now (`reader.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct
from typing import Any

import pyarrow as pa

from loader.sources.connection import Refused, ServerBusy
from loader.sources.dirty import DIRTY, SCANNED, DirtyKeys, dirty_keys_from_rows, marker
from loader.sources.idl import Cell, Row, TColumn, TScan, TTimeRange
from loader.sources.thrift2 import Thrift2
from loader.sources.windows import Window

ALL_VERSIONS = 2147483647
RAW = {b"_raw_": b"\xff"}  # how the Java client marks a scan as raw
ROWS_A_CALL = 1000

_HEAD = Struct("<bIII")
_SIGNED_64 = Struct("<q")


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
            for batch in client.scan(table, _raw_scan(families, part, window), ROWS_A_CALL):
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


def _dirty(rows: Iterable[Row], window: Window) -> pa.RecordBatch:
    keys: list[bytes] = []
    versions: list[int] = []
    fingerprints: list[int | None] = []
    for row in rows:
        for version, fingerprint in row_marks(row.columnValues, window.marks_from_ms):
            keys.append(row.row)
            versions.append(version)
            fingerprints.append(fingerprint)
    columns = {
        "kind": pa.array([DIRTY] * len(keys), pa.int32()),
        "key": pa.array(keys, pa.binary()),
        "version": pa.array(versions, pa.int64()),
        "fingerprint": pa.array(fingerprints, pa.int64()),
    }
    nulls = (columns.get(field.name, pa.nulls(len(keys), field.type)) for field in SCANNED)
    return pa.RecordBatch.from_arrays(list(nulls), schema=SCANNED)


def row_marks(cells: Iterable[Cell], marks_from_ms: int = 0) -> list[tuple[int, int | None]]:
    """(timestamp, hash of the row's cells of that timestamp); all older than `marks_from_ms` as one without a hash.

    The hash covers types and values: two puts of one millisecond show as one cell, of which only the value differs.
    """
    found: dict[int, list[bytes]] = {}
    old = -1
    for cell in cells:
        timestamp = cell.timestamp
        if timestamp < marks_from_ms:
            old = timestamp if old < 0 else min(old, timestamp)
            continue
        family, qualifier, value = cell.family, cell.qualifier, cell.value
        head = _HEAD.pack(cell.type, len(family), len(qualifier), len(value))
        found.setdefault(timestamp, []).extend((head, family, qualifier, value))
    marks: list[tuple[int, int | None]] = [(timestamp, _hash(pieces)) for timestamp, pieces in found.items()]
    return [(old, None), *marks] if old >= 0 else marks


def _hash(pieces: list[bytes]) -> int:
    digest: int = _SIGNED_64.unpack(blake2b(b"".join(pieces), digest_size=8).digest())[0]
    return digest
