"""Where a column of a table of events comes from: a field of the message, or what the log says about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from loader.mapping.errors import MappingError, did_you_mean
from loader.mapping.hive_types import TEXTS, HiveType

PART, AT, TIME, KEY = ":part", ":at", ":time", ":key"
ABOUT: Mapping[str, tuple[str, ...]] = {
    PART: TEXTS,
    AT: ("bigint",),
    TIME: ("bigint", "timestamp"),
    KEY: ("binary", "string"),
}
"""What the log says about a message, and of which type a column of it may be."""
EPOCHS = {"timestamp_s": 1_000_000, "timestamp_ms": 1_000, "timestamp_us": 1}
"""Types of numbers that count from 1970 on, and the microseconds in one."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `path`: the names that lead to its field, or one of ABOUT. `epoch`: of a number that is a time."""

    column: str
    type: HiveType
    path: tuple[str, ...]
    epoch: str | None = None

    @property
    def is_about(self) -> bool:
        return self.path[0] in ABOUT

    @property
    def spelled(self) -> str:
        return ".".join(self.path) + (f" as {self.epoch}" if self.epoch else "")


def fields_of(types: Mapping[str, HiveType], given: Mapping[str, tuple[str, str | None]]) -> tuple[Field, ...]:
    """`given`: column → the field's dotted name and its type, where they are not the column's own.

    Raises MappingError.
    """
    for name in given:
        if name.lower() not in types:
            hint = did_you_mean(name.lower(), list(types))
            raise MappingError(f"fields names {name}, which is no column", hint, ("fields", name))
    spelled = {name.lower(): field for name, field in given.items()}
    found = [_field(name, kind, *spelled.get(name, (name, None))) for name, kind in types.items()]
    _check_nested(found)
    return tuple(found)


def _field(column: str, kind: HiveType, field: str, epoch: str | None) -> Field:
    path = ("fields", column)
    if kind.item is not None:
        hint = "Take its entries as columns of their own: fields: {column: name.entry}."
        raise MappingError(f"column {column} is {kind.text}, which no field of a message is read as", hint, path)
    if field.startswith(":"):
        _check_about(column, kind, field)
        return Field(column, kind, (field,))
    if not all(field.split(".")):
        raise MappingError(f"column {column}: {field!r} names no field", "Write name, or outer.inner.", path)
    if epoch is not None and epoch not in EPOCHS:
        raise MappingError(f"column {column}: {epoch!r} is no type of a field", did_you_mean(epoch, [*EPOCHS]), path)
    if epoch is not None and kind.name != "timestamp":
        raise MappingError(f"column {column} is {kind.text}, and {epoch} makes a timestamp", "Make it one.", path)
    return Field(column, kind, tuple(field.split(".")), epoch)


def _check_about(column: str, kind: HiveType, field: str) -> None:
    if field not in ABOUT:
        hint = did_you_mean(field, [*ABOUT])
        raise MappingError(f"column {column}: a log says nothing called {field}", hint, ("fields", column))
    if kind.name not in ABOUT[field]:
        hint = f"Make it {' or '.join(ABOUT[field])}."
        raise MappingError(f"column {column} is {field} and {kind.text}", hint, ("columns", column))


def _check_nested(fields: Sequence[Field]) -> None:
    """No field is read both as a value and as what holds another."""
    whole = {field.path: field.column for field in fields}
    for field in fields:
        for length in range(1, len(field.path)):
            if field.path[:length] in whole:
                outer = ".".join(field.path[:length])
                message = (
                    f"{outer} is read as a value by {whole[field.path[:length]]}, and by {field.column} as an object"
                )
                raise MappingError(message, "Keep one.", ("fields", field.column))


def read_as(field: Field) -> pa.DataType:
    """The Arrow type that a reader of messages is asked for."""
    if field.epoch:
        return pa.int64()
    return pa.string() if field.type.name == "date" else field.type.arrow
