"""Rows of cells → lists of values by column: the one loop over cells."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa

from loader.basics.printable import printable
from loader.mapping.codec import Codec, Decoded

Cells = list[bytes | None]
Column: TypeAlias = Sequence[bytes | None] | pa.Array
"""One column's cells; a binary array where they were never single objects."""
_Entries = list[tuple[bytes, bytes]]


class CellLike(Protocol):
    """One cell, as `sources.idl.Cell`."""

    family: bytes
    qualifier: bytes
    value: bytes
    timestamp: int


class RowLike(Protocol):
    """One row, as `sources.idl.Row`."""

    @property
    def row(self) -> bytes: ...
    @property
    def columnValues(self) -> Sequence[CellLike]: ...


@dataclass(frozen=True, slots=True)
class CellColumn:
    """A column filled from one cell."""

    name: str
    family: bytes
    qualifier: bytes
    codec: Codec

    def decode(self, gathered: "Gathered") -> Decoded:
        return self.codec.decode(gathered.cells[self.name])


@dataclass(frozen=True, slots=True)
class FamilyColumn:
    """A map column: every qualifier of the family that starts with `prefix`, under its full name."""

    name: str
    family: bytes
    prefix: bytes
    codec: Codec
    type: pa.DataType

    def decode(self, gathered: "Gathered") -> Decoded:
        """As Hive: a row without such cells has an empty map."""
        maps = gathered.maps[self.name]
        items, item_reasons = self.codec.decode([value for found in maps for _, value in found])
        names, name_reasons = _names([qualifier for found in maps for qualifier, _ in found])
        offsets = [0]
        for found in maps:
            offsets.append(offsets[-1] + len(found))
        column = pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), names, items).cast(self.type)
        return column, _by_row({**item_reasons, **name_reasons}, offsets)


def _names(qualifiers: list[bytes]) -> Decoded:
    reasons: dict[int, str] = {}
    names: list[str] = []
    for index, qualifier in enumerate(qualifiers):
        try:
            names.append(qualifier.decode())
        except UnicodeDecodeError:
            reasons[index] = f"the qualifier {printable(qualifier)} is not UTF-8"
            names.append("")
    return pa.array(names, pa.string()), reasons


def _by_row(reasons: dict[int, str], offsets: list[int]) -> dict[int, str]:
    if not reasons:
        return {}
    spans = enumerate(itertools.pairwise(offsets))
    found = {row: [reasons[item] for item in range(start, end) if item in reasons] for row, (start, end) in spans}
    return {row: texts[0] for row, texts in found.items() if texts}


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows that exist (those with a mapped cell), their newest mapped timestamps, and their values by column.

    `keys`: the row keys; None: ask the rows.
    """

    rows: Sequence[RowLike]
    versions: list[int]
    cells: Mapping[str, Column]
    maps: Mapping[str, list[_Entries]]
    keys: pa.Array | None = None


def gather(rows: Sequence[RowLike], cells: Sequence[CellColumn], families: Sequence[FamilyColumn]) -> Gathered:
    """One pass over all cells. Cells that no column is mapped to are passed over."""
    places = _Places(cells, families)
    existing: list[RowLike] = []
    versions: list[int] = []
    lists: list[Cells] = [[] for _ in cells]
    maps: list[list[_Entries]] = [[] for _ in families]
    for row in rows:
        values: Cells = [None] * len(cells)
        entries: list[_Entries] = [[] for _ in families]
        newest = places.sort(row.columnValues, values, entries)
        if newest < 0:
            continue
        existing.append(row)
        versions.append(newest)
        for column, value in zip(lists, values, strict=True):
            column.append(value)
        for found, entry in zip(maps, entries, strict=True):
            found.append(entry)
    named = {column.name: values for column, values in zip(cells, lists, strict=True)}
    return Gathered(
        existing, versions, named, {column.name: found for column, found in zip(families, maps, strict=True)}
    )


class _Places:
    """Where a cell goes: family → qualifier → number of the column; family → (prefix, number of the map)."""

    def __init__(self, cells: Sequence[CellColumn], families: Sequence[FamilyColumn]) -> None:
        self._cells: dict[bytes, dict[bytes, int]] = {}
        self._maps: dict[bytes, list[tuple[bytes, int]]] = {}
        for number, cell in enumerate(cells):
            self._cells.setdefault(cell.family, {})[cell.qualifier] = number
        for number, family in enumerate(families):
            self._maps.setdefault(family.family, []).append((family.prefix, number))

    def sort(self, cells: Sequence[CellLike], values: Cells, entries: "list[_Entries]") -> int:
        """Fill one row's values and map entries; its newest mapped timestamp, -1 if it has no mapped cell."""
        newest = -1
        nowhere: dict[bytes, int] = {}
        for cell in cells:
            number = self._cells.get(cell.family, nowhere).get(cell.qualifier)
            if number is not None:
                values[number] = cell.value
                if cell.timestamp > newest:  # noqa: PLR1730 - max() costs a tenth of the loop
                    newest = cell.timestamp
            for prefix, place in self._maps.get(cell.family, ()):
                if cell.qualifier.startswith(prefix):
                    entries[place].append((cell.qualifier, cell.value))
                    newest = max(newest, cell.timestamp)
        return newest
