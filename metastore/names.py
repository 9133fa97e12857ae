"""How Hive spells partitions: escaping in paths and names, one text per typed value, and what cannot be spelled.

Sources: Hive's `FileUtils.escapePathName`, `unescapePathName` and `makePartName`, `Warehouse.makeSpecFromName`, and the
column widths of the metastore's own schema (PART_NAME 767, PART_KEY_VAL 256).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from metastore.api import NULL_PARTITION, Column, PartitionValues

MAX_PART_BYTES = 255  # a directory's name on ext4, XFS and HDFS's default
MAX_NAME_BYTES = 767  # PARTITIONS.PART_NAME
MAX_VALUE_CHARS = 256  # PARTITION_KEY_VALS.PART_KEY_VAL

_ESCAPED = frozenset(chr(c) for c in range(0x20)) | frozenset("\"#%'*/:=?\\\x7f{[]^")
_ESCAPE_SEQUENCE = re.compile(r"%([0-9A-Fa-f]{2})")
_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32, "bigint": 64}
_NANOSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
_TYPE = re.compile(r"\s*([a-z]+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")


def escape_path_name(text: str) -> str:
    """A value as it stands in a path. Null and empty become `__HIVE_DEFAULT_PARTITION__`."""
    return "".join(f"%{ord(c):02X}" if c in _ESCAPED else c for c in text) or NULL_PARTITION


def unescape_path_name(text: str) -> str:
    """The inverse of `escape_path_name`; a `%` without two hexadecimal digits stays as it is."""
    return _ESCAPE_SEQUENCE.sub(lambda m: chr(int(m[1], 16)), text)


def partition_name(keys: Sequence[str], values: Sequence[str]) -> str:
    """`(d, k), (2026-01-01, a/b)` → `d=2026-01-01/k=a%2Fb`. ValueError if there are not as many values as keys."""
    if len(keys) != len(values):
        raise ValueError(f"{len(values)} partition values for the {len(keys)} keys ({', '.join(keys)})")
    pairs = zip(keys, values, strict=True)
    return "/".join(f"{escape_path_name(key.lower())}={escape_path_name(value)}" for key, value in pairs)


def parse_partition_name(name: str) -> dict[str, str]:
    """`d=2026-01-01/k=a%2Fb` → `{d: 2026-01-01, k: a/b}`, in order. ValueError on anything else."""
    parts = [part.partition("=") for part in name.split("/")]
    if not all(key and equals and value for key, equals, value in parts):
        raise ValueError(f"{name!r} is not a partition name: expected key=value/key=value")
    return {unescape_path_name(key): unescape_path_name(value) for key, _, value in parts}


def partition_values(name: str) -> PartitionValues:
    """The unescaped values of a partition name, in order."""
    return tuple(parse_partition_name(name).values())


def canonical_values(keys: Sequence[Column], values: Sequence[object]) -> PartitionValues:
    """One spelling for each of a row's partition values; ValueError names the column of one that cannot be spelled."""
    if len(keys) != len(values):
        raise ValueError(f"{len(values)} partition values for {len(keys)} keys")
    return tuple(canonical_value(key.type, value, key.name) for key, value in zip(keys, values, strict=True))


def canonical_value(type_: str, value: object, column: str = "partition value") -> str:
    """The one spelling of a typed value, given as Python value or as text: int 07 is `7`, decimal 1.50 is `1.5`.

    None and "" are `__HIVE_DEFAULT_PARTITION__`. ValueError on what the type cannot hold, on that text itself as a
    value, and on types without one spelling (float and double).
    """
    if value is None or value == "":
        return NULL_PARTITION
    if value == NULL_PARTITION:
        raise ValueError(f"{column}: the text {NULL_PARTITION} stands for null and cannot be a value")
    try:
        return _spell(*parse_type(type_), value)
    except (ValueError, InvalidOperation, TypeError) as error:
        raise ValueError(f"{column}: {value!r} is no {type_} that a partition can be named after ({error})") from error


def parse_type(type_: str) -> tuple[str, int | None, int | None]:
    """`decimal(10,2)` → `("decimal", 10, 2)`; what is not given is None. ValueError on nested types."""
    match = _TYPE.fullmatch(type_.lower())
    if not match:
        raise ValueError(f"{type_} is not a primitive type")
    name, length, scale = match.groups()
    return name, int(length) if length else None, int(scale) if scale else None


def _spell(name: str, length: int | None, scale: int | None, value: object) -> str:
    if name in _INTEGER_BITS:
        return _integer(value, _INTEGER_BITS[name])
    match name:
        case "string" | "varchar" | "char":
            return _text(value, length)
        case "boolean":
            return _boolean(value)
        case "date":
            return _date(value).isoformat()
        case "timestamp":
            return _timestamp(value)
        case "decimal":
            return _decimal(value, length or 10, scale or 0)
    raise ValueError("the type has no one spelling; partition by an integer, date, decimal or string")


def _integer(value: object, bits: int) -> str:
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise TypeError("not an integer")
    number = int(value)
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"out of range for {bits} bits")
    return str(number)


def _text(value: object, length: int | None) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    if length is not None and len(value) > length:
        raise ValueError(f"longer than {length} characters")
    return value


def _boolean(value: object) -> str:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text


def _date(value: object) -> date:
    if isinstance(value, datetime):
        raise TypeError("a timestamp, not a date")
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _timestamp(value: object) -> str:
    """As Hive's `TimestampWritable` prints it: no zone, no trailing zeros in the fraction."""
    if _NANOSECONDS.search(str(value)):
        raise ValueError("finer than microseconds")
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        raise ValueError("a zone has no place in a Hive timestamp")
    text = moment.isoformat(sep=" ")
    return text.rstrip("0") if moment.microsecond else text


def _decimal(value: object, precision: int, scale: int) -> str:
    """As `HiveDecimal` prints it: plain, without trailing zeros."""
    if not isinstance(value, int | str | Decimal) or isinstance(value, bool):
        raise TypeError("not a decimal")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= Decimal(10) ** (precision - scale):
        raise ValueError(f"out of range for decimal({precision},{scale})")
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if len(text.partition(".")[2]) > scale:
        raise ValueError(f"more than {scale} digits after the point")
    return "0" if text == "-0" else text


def name_problem(keys: Sequence[str], values: Sequence[str], latin1: bool = False) -> str | None:
    """Why no path or metastore can hold this partition, or None. `latin1` for the usual metastore on MySQL."""
    return next(_problems(keys, values, latin1), None)


def _problems(keys: Sequence[str], values: Sequence[str], latin1: bool) -> Iterator[str]:
    for key, value in zip(keys, values, strict=True):
        yield from _value_problems(key, value, latin1)
    name_bytes = len(partition_name(keys, values).encode("utf-8", "replace"))
    if name_bytes > MAX_NAME_BYTES:
        yield f"the partition's name takes {name_bytes} bytes, a metastore holds {MAX_NAME_BYTES}"


def _value_problems(key: str, value: str, latin1: bool) -> Iterator[str]:
    if any("\ud800" <= c <= "\udfff" for c in value):
        yield f"{key}: a lone surrogate cannot be written as UTF-8"
        return
    part_bytes = len(partition_name([key], [value]).encode())
    if part_bytes > MAX_PART_BYTES:
        yield f"{key}: its directory's name takes {part_bytes} bytes, a file system holds {MAX_PART_BYTES}"
    if len(value) > MAX_VALUE_CHARS:
        yield f"{key}: {len(value)} characters, a metastore holds {MAX_VALUE_CHARS}"
    if key.startswith(("_", ".")):
        yield f"{key}: Hive hides directories whose name starts with {key[0]!r}"
    if latin1 and not _in_latin1(value):
        yield f"{key}: {value!r} has characters outside latin1, which a metastore on MySQL cannot hold"
    if value.endswith(" "):
        yield f"{key}: {value!r} ends in a space; metastores on MySQL and Derby do not tell it from the value without"
    if "\0" in value:
        yield f"{key}: {value!r} holds a NUL character, which a metastore on PostgreSQL cannot store"


def _in_latin1(text: str) -> bool:
    return all(ord(c) < 0x100 for c in text)
