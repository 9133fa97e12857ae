"""Marks of scanned rows: the timestamps of a row's cells, each with a hash of those cells (see `windows.Mark`).

The hash is over the cells as thrift's binary protocol spells them, types and values included: two puts of one
millisecond show as one cell, of which only the value differs. Packed rows are hashed where they lie.
"""

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct

import numpy as np
import pyarrow as pa

from loader.sources.hbase.thrift2.idl import Cell
from loader.sources.hbase.thrift2.packed import PackedRows

_HEAD = Struct("!bhI")
_SIGNED_64 = Struct("<q")
_TAIL = Struct("!bhqbhbb")
_STRING, _I64, _BYTE, _STOP = 11, 10, 3, 0
_BEFORE, _AFTER = 7, 16  # bytes of a cell before its family's name and after its value
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
    simple = (oldest == newest) & _side_by_side(rows)
    numbers, times, hashes = _hashed(rows, marked, simple[marked], marks_from_ms)
    keys = rows.keys().take(pa.array(np.concatenate((old, np.array(numbers, np.int64)))))
    versions = pa.array(np.concatenate((oldest[old], np.array(times, np.int64))))
    return keys, versions, pa.concat_arrays([pa.nulls(len(old), pa.int64()), pa.array(hashes, pa.int64())])


def _hashed(
    rows: PackedRows, marked: np.ndarray, simple: np.ndarray, marks_from_ms: int
) -> tuple[list[int], list[int], list[int]]:
    """Row number, timestamp and hash, for each timestamp. `simple`: rows of one timestamp, whose cells lie in a row."""
    buffer, first = rows.buffer, rows.first
    starts = (rows.family_at[first[marked]] - _BEFORE).tolist()
    ends = (rows.value_at[first[marked + 1] - 1] + rows.value_length[first[marked + 1] - 1] + _AFTER).tolist()
    stamps = rows.timestamp[first[marked]].tolist()
    found: list[tuple[int, int, int]] = []
    for number, alone, start, end, stamp in zip(marked.tolist(), simple.tolist(), starts, ends, stamps, strict=True):
        if alone:
            found.append((number, stamp, _hash(buffer[start:end])))
        else:
            each = row_marks(rows[number].columnValues, marks_from_ms)
            found += [(number, time, mark) for time, mark in each if mark is not None]
    numbers, times, hashes = zip(*found, strict=True) if found else ((), (), ())
    return list(numbers), list(times), list(hashes)


def _side_by_side(rows: PackedRows) -> np.ndarray:
    """Of each row, whether nothing is between its cells: not so where it came in parts."""
    first, last = rows.first[:-1], rows.first[1:] - 1
    spans = rows.value_at[last] + rows.value_length[last] + _AFTER - (rows.family_at[first] - _BEFORE)
    alone: np.ndarray = spans == rows.weights
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
