"""Hive types and the Arrow types that hold them."""

import re
from dataclasses import dataclass

import pyarrow as pa

_MAP = re.compile(r"map\s*<\s*(\w+)\s*,(.+)>")
_PRIMITIVE = re.compile(r"([a-z]+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")

_SIMPLE = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),  # no zone; nanoseconds would end in the year 2262
}
INTEGERS = ("tinyint", "smallint", "int", "bigint")
TEXTS = ("string", "varchar", "char")
LONGEST = {"varchar": 65535, "char": 255}
"""`HiveVarchar.MAX_VARCHAR_LENGTH`, `HiveChar.MAX_CHAR_LENGTH`."""


@dataclass(frozen=True, slots=True)
class HiveType:
    """A parsed Hive type. `name` without its parameters; `length` of varchar and char, precision of decimal."""

    text: str
    name: str
    arrow: pa.DataType
    length: int | None = None
    scale: int | None = None
    item: "HiveType | None" = None  # of a map: what the string keys lead to


def parse_hive_type(text: str) -> HiveType:
    """`decimal(10,2)`, `map<string,bigint>` … ValueError for a type that no cell can be decoded to."""
    spelled = text.strip().lower()
    if nested := _MAP.fullmatch(spelled):
        return _map(nested[1], nested[2])
    primitive = _PRIMITIVE.fullmatch(spelled)
    name = (
        {"integer": "int", "dec": "decimal", "numeric": "decimal"}.get(primitive[1], primitive[1]) if primitive else ""
    )
    if primitive and name in _SIMPLE and primitive[2] is None:
        return HiveType(name, name, _SIMPLE[name])
    if primitive and name in LONGEST and primitive[2] and not primitive[3]:
        return _sized(name, int(primitive[2]))
    if primitive and name == "decimal":
        return _decimal(int(primitive[2] or 10), int(primitive[3] or 0))
    raise ValueError(f"{text} is not a type that a cell can be decoded to")


def _map(key: str, item: str) -> HiveType:
    if key != "string":
        raise ValueError(f"map<{key},…>: a family's qualifiers are decoded as strings only")
    value = parse_hive_type(item)
    if value.item is not None:
        raise ValueError("a map's values cannot be maps")
    return HiveType(f"map<string,{value.text}>", "map", pa.map_(pa.string(), value.arrow), item=value)


def _sized(name: str, length: int) -> HiveType:
    if not 1 <= length <= LONGEST[name]:
        raise ValueError(f"{name}({length}): Hive's {name} has 1 to {LONGEST[name]} characters")
    return HiveType(f"{name}({length})", name, pa.string(), length)


def _decimal(precision: int, scale: int) -> HiveType:
    if not 1 <= precision <= 38 or scale > precision:
        raise ValueError(f"decimal({precision},{scale}): precision is 1 to 38, scale at most precision")
    return HiveType(f"decimal({precision},{scale})", "decimal", pa.decimal128(precision, scale), precision, scale)
