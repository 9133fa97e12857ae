"""Marks of scanned rows: the timestamps of a row's cells, each with a hash of those cells (see `windows.Mark`).

The hash is over the cells as HBase's answer spells them, types and values included: two puts of one millisecond show
as one cell, of which only the value differs. Packed rows are hashed where they lie, others as Thrift2 spells them. So
another way to HBase gives other marks: what windows overlap is read once more then.
"""

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct

import numpy as np
import pyarrow as pa

from loader.sources.hbase.access.packed_rows import Ints, PackedRows
from loader.sources.hbase.access.row import Cell

_HEAD = Struct("!bhI")
_SIGNED_64 = Struct("<q")
_TAIL = Struct("!bhqbhbb")
_STRING, _I64, _BYTE, _STOP = 11, 10, 3, 0
_NEVER = np.iinfo(np.int64).max


def row_marks(cells: Iterable[Cell], marks_from_ms: int = 0) -> list[tuple[int, int | None]]:
    """(timestamp, hash of the row's cells of that timestamp); all older than `marks_from_ms` as one without a hash."""
    found: dict[int, list[bytes]] = {}
    old = _NEVER
    for cell in cells:
        if cell.timestamp < marks_from_ms:
            old = min(old, cell.timestamp)
        else:
            found.setdefault(cell.timestamp, []).append(_spelled(cell))
    marks: list[tuple[int, int | None]] = [(timestamp, _hash(b"".join(parts))) for timestamp, parts in found.items()]
    return [(old, None), *marks] if old < _NEVER else marks


def packed_marks(rows: PackedRows, marks_from_ms: int = 0) -> tuple[pa.Array, pa.Array, pa.Array]:
    """The same of many rows at once: their keys, timestamps and hashes (null for the old ones)."""
    first, stamps = rows.first[:-1], rows.timestamp
    oldest, newest = np.minimum.reduceat(stamps, first), np.maximum.reduceat(stamps, first)
    old = np.flatnonzero(oldest < marks_from_ms)
    marked = np.flatnonzero(newest >= marks_from_ms)
    numbers, times, hashes = _hashed(rows, marked, marks_from_ms, oldest == newest)
    keys = rows.keys().take(pa.array(np.concatenate((old, np.array(numbers, np.int64)))))
    versions = pa.array(np.concatenate((oldest[old], np.array(times, np.int64))))
    return keys, versions, pa.concat_arrays([pa.nulls(len(old), pa.int64()), pa.array(hashes, pa.int64())])


def _hashed(
    rows: PackedRows, marked: np.ndarray, marks_from_ms: int, alone: np.ndarray
) -> tuple[list[int], list[int], list[int]]:
    """Row number, timestamp and hash, for each timestamp. `alone`: of each row whether it has just one."""
    buffer, first = rows.buffer, rows.first
    starts, ends = rows.cell_borders
    simple = alone & _side_by_side(starts, ends, first)
    spans = (starts[first[marked]].tolist(), ends[first[marked + 1] - 1].tolist())
    stamps = rows.timestamp[first[marked]].tolist()
    found: list[tuple[int, int, int]] = []
    for number, is_simple, start, end, stamp in zip(
        marked.tolist(), simple[marked].tolist(), *spans, stamps, strict=True
    ):
        if is_simple:
            found.append((number, stamp, _hash(buffer[start:end])))
            continue
        parts: dict[int, list[bytes]] = {}
        for cell in range(first[number], first[number + 1]):
            parts.setdefault(int(rows.timestamp[cell]), []).append(buffer[starts[cell] : ends[cell]])
        found += [(number, time, _hash(b"".join(part))) for time, part in parts.items() if time >= marks_from_ms]
    numbers, times, hashes = zip(*found, strict=True) if found else ((), (), ())
    return list(numbers), list(times), list(hashes)


def _side_by_side(starts: Ints, ends: Ints, first: Ints) -> np.ndarray:
    """Of each row, whether nothing is between its cells: not so where it came in parts."""
    spans = ends[first[1:] - 1] - starts[first[:-1]]
    alone: np.ndarray = spans == np.add.reduceat(ends - starts, first[:-1])
    return alone


def _spelled(cell: Cell) -> bytes:
    """As the server sends it."""
    texts = (cell.family, cell.qualifier, cell.value)
    heads = (_HEAD.pack(_STRING, number, len(text)) for number, text in enumerate(texts, 1))
    fields = b"".join(part for pair in zip(heads, texts, strict=True) for part in pair)
    return fields + _TAIL.pack(_I64, 4, cell.timestamp, _BYTE, 6, cell.type, _STOP)


def _hash(spelled: bytes) -> int:
    digest: int = _SIGNED_64.unpack(blake2b(spelled, digest_size=8).digest())[0]
    return digest
