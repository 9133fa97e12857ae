"""Hive's column types as Arrow types. Pure mapping; what a file format makes of them is the loader's business."""

import re
from collections.abc import Sequence

import pyarrow as pa

from partitioner.errors import UnsupportedType
from partitioner.values import ColumnSpec

_PRIMITIVES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_SIZED_TEXT = re.compile(r"(varchar|char)\((\d+)\)")
_DECIMAL = re.compile(r"decimal(?:\((\d+)(?:,(\d+))?\))?")
_NESTED = re.compile(r"(array|map|struct)<(.*)>")


def arrow_schema(columns: Sequence[ColumnSpec]) -> pa.Schema:
    """The schema of data files with `columns`, all nullable."""
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in columns])


def arrow_type(hive_type: str) -> pa.DataType:
    """The Arrow type of a Hive type as the metastore spells it. Raises UnsupportedType.

    `varchar(n)` and `char(n)` are strings; a timestamp has microseconds and no zone; `decimal` alone is (10,0).
    """
    text = re.sub(r"\s+", "", hive_type.lower())
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    if _SIZED_TEXT.fullmatch(text):
        return pa.string()
    if match := _DECIMAL.fullmatch(text):
        return _decimal(hive_type, int(match[1] or 10), int(match[2] or 0))
    if match := _NESTED.fullmatch(text):
        return _nested(hive_type, match[1], _split(match[2], ","))
    raise UnsupportedType(f"no data file can hold the Hive type {hive_type!r}")


def _decimal(hive_type: str, precision: int, scale: int) -> pa.DataType:
    if not 1 <= precision <= 38 or scale > precision:
        raise UnsupportedType(f"{hive_type!r}: Hive's decimals have 1 to 38 digits, at most as many behind the point")
    return pa.decimal128(precision, scale)


def _nested(hive_type: str, kind: str, inner: list[str]) -> pa.DataType:
    if kind == "array" and len(inner) == 1:
        return pa.list_(arrow_type(inner[0]))
    if kind == "map" and len(inner) == 2:
        return pa.map_(arrow_type(inner[0]), arrow_type(inner[1]))
    if kind == "struct":
        fields = [_split(field, ":", at_most=1) for field in inner]
        if all(len(field) == 2 and field[0] for field in fields):
            return pa.struct([pa.field(name, arrow_type(type_)) for name, type_ in fields])
    raise UnsupportedType(f"{hive_type!r} is not a well-formed {kind} type")


def _split(text: str, separator: str, at_most: int = -1) -> list[str]:
    """Split at separators that stand outside of all brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "<(") - (char in ">)")
        if char == separator and depth == 0 and len(parts) - 1 != at_most:
            parts.append("")
        else:
            parts[-1] += char
    return parts
