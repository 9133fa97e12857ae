"""A table of events' mapping: messages of a log → columns and partition values of the Hive table."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.build import identity_of, parse_types, partition_keys_of
from loader.mapping.events.fields import AT, EPOCHS, KEY, PART, TIME, Field, fields_of
from loader.mapping.events.json_values import read_json
from loader.mapping.hive_types import TEXTS, HiveType
from loader.mapping.mapping import outside_years_of
from loader.mapping.of_table import OfTable, whole
from loader.mapping.partitions import PartitionKey, place_rows
from loader.mapping.rejected import Rejected
from loader.mapping.transform import Transform
from partitioner.values import PartitionValues

DECODER = 1
"""The version of what this module makes of a message; it is part of a table's definition."""

Problems = dict[int, tuple[str, str | None]]
"""Message's position → why it cannot be a row, and in which column."""
Read = Callable[[pa.Array, Sequence[Field]], tuple[pa.Table, dict[int, str]]]
FORMATS: Mapping[str, Read] = {"json": read_json}

_OF_COLUMN = re.compile(r"Column\(/([^)]+)\) changed from (\w+) to (\w+)")


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """`rows`: the data columns of the events that are kept, in their order; `targets` index `partitions`.

    `times_ms`: when each was appended to its log. Every message is a row, or `rejected`, or `filtered` out.
    """

    rows: pa.Table
    targets: npt.NDArray[np.int32]
    times_ms: pa.Array
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[Rejected, ...]
    filtered: int


@dataclass(frozen=True, slots=True)
class EventMapping(OfTable):
    """Made by `build_event_mapping`, which proves it. `computed`: columns that only the transform fills."""

    format: str
    types: tuple[tuple[str, HiveType], ...]  # every column of the configuration, in order
    fields: tuple[Field, ...]
    keys: tuple[PartitionKey, ...]
    identity: frozenset[str]  # columns that are partition keys and so not in the files
    computed: frozenset[str]
    spelling: str

    @property
    def fixed(self) -> tuple[str, ...]:
        """Of an event the identity is its place in the log, which is in no column."""
        return ()

    @property
    def digest(self) -> str:
        return sha256(self.spelling.encode()).hexdigest()[:16]

    def decode(self, messages: pa.Table, transform: Transform | None = None) -> DecodedEvents:
        """What becomes of a message follows from it alone. `messages`: `:part`, `:at`, `:time_ms`, `:key`, `:value`."""
        messages = messages.combine_chunks()
        table, problems = self._columns(messages)
        filtered = np.zeros(len(messages), np.bool_)
        if transform is not None:
            done = transform.apply(table)
            table, filtered = done.rows, ~np.asarray(done.kept)
            problems = done.problems | problems
        for index, problem in outside_years_of(table).items():
            problems.setdefault(index, problem)
        columns = {name: whole(table[name]) for name in {key.source for key in self.keys}}
        partitions, targets, unplaced = place_rows(self.keys, columns, len(messages))
        problems = unplaced | problems
        bad = np.zeros(len(messages), np.bool_)
        bad[list(problems)] = True
        kept = ~bad & ~filtered
        places, used = _used(np.asarray(targets, np.int32)[kept], partitions)
        return DecodedEvents(
            rows=table.select(self.schema.names).filter(pa.array(kept)),
            targets=places,
            times_ms=whole(messages[":time_ms"]).filter(pa.array(kept)),
            partitions=used,
            rejected=tuple(_rejected(messages, index, *problems[index]) for index in sorted(problems) if bad[index]),
            filtered=int((filtered & ~bad).sum()),
        )

    def _columns(self, messages: pa.Table) -> tuple[pa.Table, Problems]:
        """All columns of the configuration; null where a message has no such field, or has a problem."""
        told = [field for field in self.fields if not field.is_about]
        read, found = FORMATS[self.format](whole(messages[":value"]), told)
        problems: Problems = {index: self._told(reason) for index, reason in found.items()}
        columns: dict[str, pa.Array] = {}
        for field in self.fields:
            column = _about(messages, field) if field.is_about else whole(read[field.column])
            columns[field.column], reasons = typed(column, field)
            for index, reason in reasons.items():
                problems.setdefault(index, (f"{field.column}: {reason}", field.column))
        for name in self.computed - columns.keys():
            columns[name] = pa.nulls(len(messages), dict(self.types)[name].arrow)
        return pa.table([columns[name] for name, _ in self.types], schema=self.full_schema), problems

    def _told(self, reason: str) -> tuple[str, str | None]:
        """The reader's reason in our words, and the column that it is about."""
        match = _OF_COLUMN.search(reason)
        if match is None:
            return f"it is no readable {self.format.upper()}: {reason}", None
        path = tuple(match[1].split("/"))
        column = next((field.column for field in self.fields if field.path == path), None)
        return f"field {'.'.join(path)} is a {match[3]}, and not a {match[2]}", column


def build_event_mapping(
    format: str,
    columns: Mapping[str, str],
    fields: Mapping[str, tuple[str, str | None]],
    partition_by: Sequence[Any],
    time_zone: str | None = None,
    computed: Sequence[str] = (),
) -> EventMapping:
    """From the configuration's typed values. Raises MappingError with the exact column and the nearest right name."""
    types = parse_types(columns)
    filled = frozenset(name.lower() for name in computed)
    from_messages = {name: kind for name, kind in types.items() if name not in filled or name in fields}
    read = fields_of(from_messages, fields)
    keys = partition_keys_of(partition_by, types, time_zone)
    return EventMapping(
        format=format,
        types=tuple(types.items()),
        fields=read,
        keys=keys,
        identity=identity_of(keys, types),
        computed=filled - from_messages.keys(),
        spelling=json.dumps(
            {
                "decoder": DECODER,
                "format": format,
                "columns": [[name, kind.text] for name, kind in types.items()],
                "fields": {field.column: field.spelled for field in read},
                "partition_by": [
                    [key.name, key.type.text, key.source, key.expression, key.count, key.zone] for key in keys
                ],
            }
        ),
    )


def typed(column: pa.Array, field: Field) -> tuple[pa.Array, dict[int, str]]:
    """What was read as the column's own type, and the positions of values that it cannot hold."""
    if field.epoch and not pa.types.is_timestamp(column.type):
        return _moments(column, EPOCHS[field.epoch])
    if field.type.name == "date" and pa.types.is_string(column.type):
        return _dates(column)
    if field.type.length is not None and field.type.name in TEXTS:
        return _fitting(column, field.type)
    return column, {}


def _moments(column: pa.Array, per_unit: int) -> tuple[pa.Array, dict[int, str]]:
    most = (1 << 63) // per_unit - 1
    outside = pc.fill_null(pc.greater(pc.abs_checked(column), most) if len(column) else pa.array([], pa.bool_()), False)
    kept = pc.if_else(outside, None, column)
    moments = pc.multiply(kept, per_unit).cast(pa.timestamp("us"))
    return moments, dict.fromkeys(np.flatnonzero(np.asarray(outside)).tolist(), "no timestamp lies so far away")


def _dates(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """`2026-12-01` and nothing else."""
    encoded = column.dictionary_encode()
    found: list[date | None] = []
    bad: dict[int, str] = {}
    for code, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            found.append(date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None)
        except ValueError:
            found.append(None)
        if found[-1] is None:
            bad[code] = f"{text[:40]!r} is no date (YYYY-MM-DD)"
    codes = encoded.indices
    places = {index: bad[code] for index, code in enumerate(codes.to_pylist()) if code in bad} if bad else {}
    return pa.array(found, pa.date32()).take(codes), places


def _fitting(column: pa.Array, kind: HiveType) -> tuple[pa.Array, dict[int, str]]:
    long = pc.fill_null(pc.greater(pc.utf8_length(column), kind.length), False)
    return column, dict.fromkeys(np.flatnonzero(np.asarray(long)).tolist(), f"it is longer than {kind.text}")


def _about(messages: pa.Table, field: Field) -> pa.Array:
    name = {PART: ":part", AT: ":at", TIME: ":time_ms", KEY: ":key"}[field.path[0]]
    column = whole(messages[name])
    if field.path[0] == TIME and field.type.name == "timestamp":
        return column.cast(pa.timestamp("ms")).cast(pa.timestamp("us"))
    return column.cast(field.type.arrow)


def _rejected(messages: pa.Table, index: int, reason: str, column: str | None) -> Rejected:
    part, at, time_ms, key, value = (
        messages[name][index].as_py() for name in (":part", ":at", ":time_ms", ":key", ":value")
    )
    cells = [(b"", name, time_ms or 0, content) for name, content in ((b"key", key), (b"value", value)) if content]
    return Rejected(place_of(part, at), reason, tuple(cells), column)


def place_of(part: str, at: int) -> bytes:
    """An event's identity, as the quarantine lists it."""
    return f"{part}@{at}".encode()


def _used(
    targets: npt.NDArray[np.int32], partitions: Sequence[PartitionValues]
) -> tuple[npt.NDArray[np.int32], tuple[PartitionValues, ...]]:
    """Without the partitions that only dropped events would have had."""
    used, numbers = np.unique(targets, return_inverse=True)
    return numbers.astype(np.int32), tuple(partitions[index] for index in used.tolist())
