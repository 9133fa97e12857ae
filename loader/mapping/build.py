"""From the configuration's values to a proved Mapping."""

import json
from collections import Counter
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from typing import Any

from loader.mapping.cells import CellColumn, FamilyColumn
from loader.mapping.codec import Codec
from loader.mapping.codecs import CODECS, DECODER, DECODERS, codec_for, codec_named
from loader.mapping.column_names import LONGEST_KEY, name_problem
from loader.mapping.columns_mapping import Place, PlaceKind, parse_columns_mapping, parse_place
from loader.mapping.errors import MappingError, did_you_mean, uneven_hint
from loader.mapping.hive_types import HiveType, parse_hive_type
from loader.mapping.mapping import Mapping
from loader.mapping.partitions import PartitionKey, parse_partition_key
from loader.mapping.row_key import KeyColumn, RowKey

NAMES_THAT_WORK = "Letters, digits, _, - and most other signs work. The HBase cell keeps its name: only map it."

Types = dict[str, HiveType]
ColumnSource = tuple[Place, str | None]
"""Where a column comes from, and the name of its codec if one was given."""


def build_mapping(
    columns: MappingOf[str, str],
    mapping: Any,
    partition_by: Sequence[Any] = (),
    time_zone: str | None = None,
    row_key: Any | None = None,
    computed: Sequence[str] = (),
    decoder: int = DECODER,
) -> Mapping:
    """From the configuration's typed values; `computed`: columns that the transform's select gives a value.

    `decoder`: the version of the decoder that the table's rows are read by, one of DECODERS.
    Raises MappingError with the exact column and the nearest right name.
    """
    if decoder not in DECODERS:
        raise MappingError(f"there is no version {decoder} of the decoder", f"There are {_listed(DECODERS)}.")
    types = parse_types(columns)
    given = frozenset(name.lower() for name in computed)
    _check_known(given, types, "transform")
    part_names = [name.lower() for name in _get(row_key, "columns", ())]
    sources = _sources(mapping, types, part_names)
    _check_mapped(sources, types, given, part_names)
    key = _row_key(row_key, part_names, sources, types, decoder)
    keys = partition_keys_of(partition_by, types, time_zone)
    identity = identity_of(keys, types)
    timestamps = [name for name, (place, _) in sources.items() if place.kind is PlaceKind.TIMESTAMP]
    return Mapping(
        types=tuple(types.items()),
        row_key=key,
        cells=tuple(_cell(name, *source, types[name], decoder) for name, source in _of(sources, PlaceKind.CELL)),
        family_maps=tuple(
            _family(name, *source, types[name], decoder) for name, source in _of(sources, PlaceKind.FAMILY)
        ),
        timestamp=_timestamp(timestamps, types),
        keys=keys,
        identity=identity,
        computed=given - sources.keys() - set(part_names),
        spelling=_spelling(types, sources, key, keys, given, decoder),
    )


def parse_types(columns: MappingOf[str, str]) -> Types:
    types: Types = {}
    for name, text in columns.items():
        if name.lower() in types:
            raise MappingError(f"column {name} is there twice", "Hive does not tell capitals apart.", ("columns", name))
        if problem := name_problem(name.lower()):
            raise MappingError(f"column {name} {problem}", NAMES_THAT_WORK, ("columns", name))
        try:
            types[name.lower()] = parse_hive_type(text)
        except ValueError as error:
            raise MappingError(f"column {name}: {error}", "", ("columns", name)) from error
    return types


# Where each column comes from


def _sources(mapping: Any, types: Types, key_columns: Sequence[str]) -> dict[str, ColumnSource]:
    if isinstance(mapping, str):
        return _positional(mapping, types)
    sources: dict[str, ColumnSource] = {}
    for name, entry in mapping.items():
        column = name.lower()
        if column not in types:
            raise MappingError(f"{name} is mapped, but no column", did_you_mean(column, list(types)), ("mapping", name))
        if column in sources:
            raise MappingError(f"column {name} is mapped twice", "Keep one.", ("mapping", name))
        cell = entry if isinstance(entry, str) else _get(entry, "cell", None)
        place = _place(name, cell or (":key" if column in key_columns else ""))
        sources[column] = place, None if isinstance(entry, str) else _get(entry, "type", None)
    for column in key_columns:
        sources.setdefault(column, (Place(PlaceKind.KEY), None))
    return sources


def _place(name: str, cell: str) -> Place:
    try:
        return parse_place(cell)
    except ValueError as error:
        raise MappingError(f"column {name}: {error}", "Write it as family:qualifier.", ("mapping", name)) from error


def _positional(mapping: str, types: Types) -> dict[str, ColumnSource]:
    try:
        places = parse_columns_mapping(mapping)
    except ValueError as error:
        raise MappingError(str(error), "Write each entry as family:qualifier, in the order of the columns.") from error
    if len(places) != len(types):
        message = f"the mapping has {len(places)} entries for {len(types)} columns"
        raise MappingError(message, uneven_hint(list(types), [str(place) for place in places]))
    return {name: (place, None) for name, place in zip(types, places, strict=True)}


def _check_mapped(
    sources: MappingOf[str, ColumnSource], types: Types, computed: frozenset[str], parts: Sequence[str]
) -> None:
    _check_known(parts, types, "row_key")
    missing = [name for name in types if name not in sources and name not in computed]
    if missing:
        raise MappingError(f"column {missing[0]} is not mapped", "Give it a cell, or remove it from columns.")
    places = Counter((place.kind, place.family, place.qualifier) for place, _ in sources.values())
    for name, (place, _) in sources.items():
        if place.kind is not PlaceKind.KEY and places[place.kind, place.family, place.qualifier] > 1:
            raise MappingError(f"{place} is mapped to two columns, {name} is one", "Keep one.", ("mapping", name))
    if not any(place.kind in (PlaceKind.CELL, PlaceKind.FAMILY) for place, _ in sources.values()):
        raise MappingError("no column is mapped to a cell", "A row exists if it has a mapped cell: map at least one.")


def _check_known(names: Sequence[str] | frozenset[str], types: Types, setting: str) -> None:
    for name in sorted(names):
        if name not in types:
            raise MappingError(
                f"{setting} names {name}, which is no column", did_you_mean(name, list(types)), (setting,)
            )


# The columns of each kind


def _of(sources: MappingOf[str, ColumnSource], kind: PlaceKind) -> list[tuple[str, ColumnSource]]:
    return [(name, source) for name, source in sources.items() if source[0].kind is kind]


def _codec(name: str, place: Place, codec: str | None, hive: HiveType, decoder: int) -> Codec:
    path = ("mapping", name)
    if codec is not None and codec not in CODECS:
        raise MappingError(f"column {name}: {codec!r} is no type", did_you_mean(codec, sorted(CODECS)), path)
    if codec is not None and place.binary:
        raise MappingError(f"column {name}: #b and a type are two answers to one question", "Keep one.", path)
    try:
        return codec_named(codec, hive, decoder) if codec else codec_for(hive, place.binary, decoder)
    except ValueError as error:
        raise MappingError(f"column {name}: {error}", "Change the column's type or how it is decoded.", path) from error


def _cell(name: str, place: Place, codec: str | None, hive: HiveType, decoder: int) -> CellColumn:
    if hive.item is not None:
        hint = f"Write {place.family.decode()}: for the whole family."
        raise MappingError(f"column {name} is a map, but {place} is one cell", hint, ("mapping", name))
    return CellColumn(name, place.family, place.qualifier, _codec(name, place, codec, hive, decoder))


def _family(name: str, place: Place, codec: str | None, hive: HiveType, decoder: int) -> FamilyColumn:
    if hive.item is None:
        hint = f"Write {place.family.decode()}:qualifier, or make it a map<string,string>."
        raise MappingError(f"column {name} is {hive.text}, but {place} is a whole family", hint, ("mapping", name))
    return FamilyColumn(name, place.family, place.qualifier, _codec(name, place, codec, hive.item, decoder), hive.arrow)


def _timestamp(names: Sequence[str], types: Types) -> str | None:
    if not names:
        return None
    if types[names[0]].name not in ("bigint", "timestamp"):
        message = f"column {names[0]} is :timestamp and {types[names[0]].text}"
        raise MappingError(message, "Make it bigint or timestamp.", ("columns", names[0]))
    return names[0]


# The row key


def _row_key(
    row_key: Any | None, parts: Sequence[str], sources: MappingOf[str, ColumnSource], types: Types, decoder: int
) -> RowKey:
    mapped = [name for name, _ in _of(sources, PlaceKind.KEY)]
    if row_key is None:
        return RowKey((_key_column(_only_key(mapped), sources, types, decoder),))
    delimiter, widths = _get(row_key, "delimiter", None), _get(row_key, "widths", None)
    names = list(dict.fromkeys(parts))
    if len(names) != len(parts):
        raise MappingError("row_key names a column twice", "Each part is one column.", ("row_key",))
    if stray := set(mapped) ^ set(names):
        message = f"{', '.join(sorted(stray))}: mapped to :key and named in row_key must be the same columns"
        raise MappingError(message, "Name every part of the key in row_key, map none of them to a cell.", ("row_key",))
    columns = tuple(_key_column(name, sources, types, decoder) for name in names)
    _check_cut(columns, delimiter, widths)
    return RowKey(columns, delimiter.encode() if delimiter else None, tuple(widths) if widths else None)


def _only_key(mapped: Sequence[str]) -> str:
    if not mapped:
        raise MappingError("no column is mapped to :key", "Map one to :key, or say in row_key what the key is made of.")
    if len(mapped) > 1:
        message = f"{' and '.join(mapped)} are all mapped to :key"
        raise MappingError(message, "Say in row_key how the key is cut into them.", ("mapping", mapped[1]))
    return mapped[0]


def _key_column(name: str, sources: MappingOf[str, ColumnSource], types: Types, decoder: int) -> KeyColumn:
    place, codec = sources[name]
    column = KeyColumn(name, _codec(name, place, codec, types[name], decoder))
    if column.codec.encode is None:
        message = f"column {name}: a row key cannot be written back from {column.codec.name}"
        raise MappingError(message, "Use string, binary, an integer or a date for key columns.", ("mapping", name))
    return column


def _check_cut(columns: Sequence[KeyColumn], delimiter: str | None, widths: Sequence[int] | None) -> None:
    if len(columns) == 1 and (delimiter or widths):
        raise MappingError("row_key cuts the key, but names one column", "Name all its parts.", ("row_key",))
    if len(columns) > 1 and bool(delimiter) == bool(widths):
        raise MappingError("row_key needs either delimiter or widths", "Say how the key is cut.", ("row_key",))
    if widths and (len(widths) != len(columns) or min(widths) < 1):
        message = f"row_key has {len(widths)} widths for {len(columns)} columns"
        raise MappingError(message, "Give each column its bytes, at least 1.", ("row_key", "widths"))
    if delimiter and (fixed := [column.name for column in columns[:-1] if "big endian" in column.codec.name]):
        message = f"column {fixed[0]} is binary and may hold the delimiter"
        raise MappingError(message, "Use widths, or text.", ("row_key", "delimiter"))


# Partition keys


def partition_keys_of(entries: Sequence[Any], types: Types, zone: str | None) -> tuple[PartitionKey, ...]:
    """Raises MappingError."""
    return tuple(_partition_key(entry, types, zone) for entry in entries)


def _partition_key(entry: Any, types: Types, zone: str | None) -> PartitionKey:
    name = (entry if isinstance(entry, str) else _get(entry, "name", "")).lower()
    source = None if isinstance(entry, str) else _get(entry, "source", None) or _get(entry, "from", None)
    expression = None if isinstance(entry, str) else _get(entry, "expression", None) or _get(entry, "as", None)
    type_ = None if isinstance(entry, str) else _get(entry, "type", None)
    if problem := name_problem(name, LONGEST_KEY):
        raise MappingError(f"partition key {name} {problem}", NAMES_THAT_WORK, ("partition_by",))
    if name.startswith("_"):
        message = f"partition key {name} begins with _: Hive hides the folders of its partitions"
        raise MappingError(message, "Give it another name, with `from:` this column.", ("partition_by",))
    return parse_partition_key(name, (source or name).lower(), expression, type_, types, zone)


def identity_of(keys: Sequence[PartitionKey], types: Types) -> frozenset[str]:
    """The columns that leave the files; a derived key must not take a column's name."""
    if twice := [name for name, count in Counter(key.name for key in keys).items() if count > 1]:
        raise MappingError(f"partition key {twice[0]} is there twice", "Keep one.", ("partition_by",))
    for key in keys:
        if key.name in types and (key.source != key.name or key.expression != "identity"):
            message = f"partition key {key.name} has the name of a column"
            raise MappingError(message, "Give it another name: Hive keeps both side by side.", ("partition_by",))
    identity = frozenset(key.name for key in keys if key.name in types)
    if identity == types.keys():
        raise MappingError("every column is a partition key", "Files need at least one column.", ("partition_by",))
    return identity


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))


def _get(entry: Any, name: str, default: Any) -> Any:
    """Settings come as objects from the configuration, or as plain dicts."""
    if entry is None:
        return default
    return entry.get(name, default) if isinstance(entry, MappingOf) else getattr(entry, name, default)


def _spelling(
    types: Types,
    sources: MappingOf[str, ColumnSource],
    key: RowKey,
    keys: Sequence[PartitionKey],
    computed: frozenset[str],
    decoder: int,
) -> str:
    plain: dict[str, Any] = {
        "columns": [[name, kind.text] for name, kind in types.items()],
        "cells": {name: [str(place), place.binary, codec] for name, (place, codec) in sources.items()},
        "row_key": [list(key.names), key.delimiter.hex() if key.delimiter else None, list(key.widths or ())],
        "partition_by": [[k.name, k.type.text, k.source, k.expression, k.count, k.zone] for k in keys],
        "computed": sorted(computed),
    }
    if decoder > 1:  # digests of tables that version 1 reads are older than it
        plain["decoder"] = decoder
    return json.dumps(plain, sort_keys=True)
