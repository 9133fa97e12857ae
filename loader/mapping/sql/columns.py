"""Arrow columns → the values that expressions are evaluated on, and their results → columns of a table's types."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.errors import did_you_mean
from loader.mapping.hive_types import HiveType
from loader.mapping.sql.casts import DAY, FIRST_DAY, LAST_DAY, cast
from loader.mapping.sql.nodes import Evaluate, Node, Refused, Row, Unfit, strict
from loader.mapping.sql.types import SqlType, of_hive

_YEARS = {"date": (FIRST_DAY, LAST_DAY), "timestamp": (FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1)}
_DECIMAL_BYTES = 16


class Columns:
    """The columns that expressions can read. Those that one does read are noted: only they are taken from Arrow."""

    def __init__(self, types: Mapping[str, HiveType]) -> None:
        self._types = types
        self._places: dict[str, int] = {}

    def node(self, name: str, spelled: str) -> Node:
        """`name` in lower case. Raises Refused for what is no column, or a map."""
        if name not in self._types:
            raise Refused(f"{spelled} is no column", did_you_mean(name, list(self._types)), placed=True)
        kind = self._types[name]
        given = of_hive(kind)
        if given is None:
            raise Refused(
                f"{name} is a {kind.name}, which cannot be used in a transform", "Map its cells to columns.", True
            )
        node = Node(given, _reader(given, self._places.setdefault(name, len(self._places)), name))
        if kind.name != "char":
            return node
        width = kind.length or 0
        return replace(strict(given, lambda value: value.ljust(width), node), char=width)

    def rows(self, table: pa.Table) -> Iterator[Row]:
        if not self._places:
            return repeat((), len(table))
        return zip(*(_values(table[name]) for name in self._places), strict=True)


def _reader(kind: SqlType, place: int, name: str) -> Evaluate:
    if kind.name not in _YEARS:
        return lambda row: row[place]
    first, last = _YEARS[kind.name]

    def of(row: Row) -> Any:
        value = row[place]
        if value is not None and not first <= value <= last:
            raise Unfit(f"{name} is outside of the years 0001 to 9999")
        return value

    return of


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_decimal(column.type):
        return [value for chunk in column.chunks for value in _unscaled(chunk)]
    values: list[Any] = column.to_pylist()
    return values


def _unscaled(chunk: pa.Array) -> list[int | None]:
    """Decimals without their point."""
    data = memoryview(chunk.buffers()[1])[chunk.offset * _DECIMAL_BYTES :]
    there = chunk.is_valid().to_pylist()
    return [
        int.from_bytes(data[place * _DECIMAL_BYTES : (place + 1) * _DECIMAL_BYTES], "little", signed=True)
        if valid
        else None
        for place, valid in enumerate(there)
    ]


def array_of(values: Sequence[Any], kind: HiveType) -> pa.Array:
    """As the column of a table holds them."""
    if kind.name == "decimal":
        valid = pa.array([value is not None for value in values], pa.bool_())
        data = b"".join((value or 0).to_bytes(_DECIMAL_BYTES, "little", signed=True) for value in values)
        found = pa.Array.from_buffers(kind.arrow, len(values), [None, pa.py_buffer(data)])
        return pc.if_else(valid, found, pa.scalar(None, kind.arrow))
    plain = {"date": pa.int32(), "timestamp": pa.int64()}.get(kind.name, kind.arrow)
    return pa.array(values, plain).cast(kind.arrow)


def stored(node: Node, kind: HiveType) -> Node:
    """As a column of `kind` takes it: cast as Spark casts what is inserted (store assignment ANSI). Raises Refused."""
    target = of_hive(kind)
    if target is None:
        raise Refused(f"a {kind.name} cannot be filled by a transform", "Map a whole family to it.")
    if "boolean" in (node.type.name, target.name) and target.numeric != node.type.numeric:
        raise Refused(f"a {node.type} cannot be put into a {target}", "Cast it, or compare it with something.")
    node = cast(node, target)
    return strict(target, _sized(kind), node) if kind.name in ("varchar", "char") else node


def _sized(kind: HiveType) -> Callable[[str], str]:
    """Spaces above the length go, as Spark cuts them; a char is stored as Hive stores it, without those at its end."""
    width = kind.length or 0

    def sized(value: str) -> str:
        fitting = value[:width] + value[width:].rstrip(" ")
        if len(fitting) > width:
            raise Unfit(f"{len(value)} characters do not fit {kind.text}")
        return fitting.rstrip(" ") if kind.name == "char" else fitting

    return sized
