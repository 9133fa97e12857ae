"""Hive's own `hbase.columns.mapping`, so that an existing HBase-backed table's DDL can be pasted in.

Rules from Hive's `HBaseSerDe.parseColumnsMapping` and `ColumnMappings.parseColumnStorageTypes`: entries by position,
white space around each is ignored; `#` with a prefix of `string` or `binary`, or `-`, says how a primitive is stored
(text by default), `#s:b` the same for a map's keys and values; `family:` is a whole family, `family:prefix.*` its
qualifiers with a prefix. Unlike Hive, an entry `:key` must be there.
"""

from dataclasses import dataclass
from enum import Enum


class PlaceKind(Enum):
    """What an entry names."""

    KEY = ":key"
    TIMESTAMP = ":timestamp"
    CELL = "cell"
    FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's bytes are. `qualifier` is a prefix for a FAMILY. `binary`: stored as `#b`."""

    kind: PlaceKind
    family: bytes = b""
    qualifier: bytes = b""
    binary: bool = False

    def __str__(self) -> str:
        if self.kind in (PlaceKind.KEY, PlaceKind.TIMESTAMP):
            return str(self.kind.value)
        qualifier = self.qualifier.decode() + (".*" if self.kind is PlaceKind.FAMILY and self.qualifier else "")
        return f"{self.family.decode()}:{qualifier}"


def parse_columns_mapping(text: str) -> tuple[Place, ...]:
    """`:key#b,d:campaign,m:` → places by position. ValueError names the bad entry."""
    return tuple(parse_place(entry) for entry in text.split(","))


def parse_place(text: str) -> Place:
    """One entry. ValueError says what is wrong with it."""
    entry = "".join(text.split()) if "\n" in text else text.strip()
    name, *storage = entry.split("#")
    if len(storage) > 1:
        raise ValueError(f"{entry!r} has more than one '#'")
    if name in (":key", ":timestamp"):
        return Place(PlaceKind(name), binary=_is_binary(entry, storage, False))
    family, colon, qualifier = name.partition(":")
    if not colon or not family or ":" in qualifier:
        raise ValueError(f"{entry!r} is neither family:qualifier, family:, :key nor :timestamp")
    if not qualifier or qualifier.endswith(".*"):
        prefix = qualifier.removesuffix(".*").encode()
        return Place(PlaceKind.FAMILY, family.encode(), prefix, _is_binary(entry, storage, True))
    return Place(PlaceKind.CELL, family.encode(), qualifier.encode(), _is_binary(entry, storage, False))


def _is_binary(entry: str, storage: list[str], family: bool) -> bool:
    if not storage:
        return False
    options = storage[0].split(":")
    if len(options) != (2 if family else 1) or not all(_is_option(option) for option in options):
        form = "#s:b (keys and values of the map)" if family else "#s, #b or #-"
        raise ValueError(f"{entry!r}: how it is stored is written as {form}")
    return options[-1] != "-" and "binary".startswith(options[-1])


def _is_option(option: str) -> bool:
    return option == "-" or (option != "" and ("string".startswith(option) or "binary".startswith(option)))
