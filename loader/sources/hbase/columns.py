"""Packed rows → values by column, where every cell is in a column of its own: no Python object a cell."""

from collections.abc import Mapping as MappingOf

import numpy as np
import pyarrow as pa

from loader.mapping import Mapping
from loader.mapping.cells import CellColumn, Gathered
from loader.sources.hbase.access.packed_rows import Ints, PackedRows, binary

_WORD = 8


def gather_packed(rows: PackedRows, mapping: Mapping) -> Gathered | None:
    """As `mapping.cells.gather`; None if the rows are not that simple: a family as a map, a row without a mapped cell,
    two versions of a cell, or one that is no put.
    """
    if mapping.family_maps or (rows.type != 4).any():
        return None
    owners, words = rows.row_of_cell, _Words(rows)
    newest = np.full(len(rows), -1, np.int64)
    columns: dict[str, pa.Array] = {}
    for column in mapping.cells:
        found = words.cells_of(column)
        theirs = owners[found]
        if (np.diff(theirs) <= 0).any():
            return None
        columns[column.name] = _column(rows, found, theirs)
        newest[theirs] = np.maximum(newest[theirs], rows.timestamp[found])
    if (newest < 0).any():
        return None
    maps: MappingOf[str, list[list[tuple[bytes, bytes]]]] = {}
    return Gathered(rows, newest.tolist(), columns, maps, rows.keys())


def _column(rows: PackedRows, found: Ints, owners: Ints) -> pa.Array:
    values = binary(rows.buffer, rows.value_at[found], rows.value_length[found])
    if len(found) == len(rows):
        return values
    places = np.zeros(len(rows), np.int64)
    missing = np.ones(len(rows), np.bool_)
    places[owners], missing[owners] = np.arange(len(found)), False
    return values.take(pa.array(places, mask=missing))


class _Words:
    """Finds the cells of a column by their names, eight bytes at a time."""

    def __init__(self, rows: PackedRows) -> None:
        self._rows = rows
        size = len(rows.buffer)
        self._long = np.ndarray((size - _WORD + 1,), ">u8", rows.buffer, 0, (1,))
        self._last = size - _WORD
        self._first = self._word(rows.qualifier_at)

    def cells_of(self, column: CellColumn) -> Ints:
        """Numbers of the cells of this family and qualifier, in order."""
        rows, name = self._rows, column.qualifier
        head, mask = _number(name[:_WORD])
        alike = ((self._first & mask) == head) & (rows.qualifier_length == len(name))
        found: Ints = np.flatnonzero(alike & (rows.family_length == len(column.family)))
        for start in range(_WORD, len(name), _WORD):
            found = self._only(found, rows.qualifier_at[found] + start, name[start : start + _WORD])
        for start in range(0, len(column.family), _WORD):
            found = self._only(found, rows.family_at[found] + start, column.family[start : start + _WORD])
        return found

    def _only(self, found: Ints, at: Ints, text: bytes) -> Ints:
        wanted, mask = _number(text)
        left: Ints = found[(self._word(at) & mask) == wanted]
        return left

    def _word(self, at: Ints) -> np.ndarray:
        """A cell's last field is longer than a word, so there is always a whole one."""
        word: np.ndarray = self._long[np.minimum(at, self._last)].astype(np.uint64)
        return word


def _number(text: bytes) -> tuple[np.uint64, np.uint64]:
    """Up to eight bytes as the head of a word, and the mask of that head."""
    bits = 8 * (_WORD - len(text))
    mask = (2**64 - 1) >> bits << bits
    return np.uint64(int.from_bytes(text.ljust(_WORD, b"\0"), "big")), np.uint64(mask)
