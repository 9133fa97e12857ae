"""Bytes of a cell ↔ values of a column, whole columns at a time.

A codec decodes what Hive's HBase handler would, with one difference: what it cannot decode it names with a reason,
where Hive shows NULL. `\\N` in a text cell is NULL, as in Hive. `binary` columns are the raw bytes (Hive would take
what happens to look like Base64 for Base64).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.hive_types import INTEGERS, TEXTS, HiveType
from loader.mapping.text_forms import FORMS

Values: TypeAlias = Sequence[bytes | None] | pa.Array
"""One column's cells, as a list or a binary array; None where the row has none."""

Decoded = tuple[pa.Array, dict[int, str]]
"""A column, and the reason for each position that could not be decoded (null there)."""

NULL_TEXT = b"\\N"


@dataclass(frozen=True, slots=True)
class Codec:
    """`encode` gives the bytes back, whole columns without nulls; None where two byte strings may mean one value."""

    name: str
    decode: Callable[[Values], Decoded]
    encode: Callable[[pa.Array], pa.Array] | None = None


def codec_for(hive: HiveType, binary: bool) -> Codec:
    """Hive's own two ways to store a primitive: `#b` (binary) and `#s`. ValueError where there is no `#b` form.

    As in Hive `#b` means nothing for strings.
    """
    if hive.name in TEXTS:
        return _text(hive)
    if hive.name == "binary":
        return _BINARY
    if not binary:
        return _string_form(hive)
    if hive.name == "boolean":
        return _BOOL
    if hive.name in _WIDTHS:
        return _big_endian(hive.name, hive)
    raise ValueError(f"{hive.text} has no #b form; leave it out for text, or give a type")


def codec_named(name: str, hive: HiveType) -> Codec:
    """A codec by its name in the configuration (`CODECS`). ValueError if it does not give the column's type."""
    gives = CODECS[name]
    if hive.name not in gives:
        raise ValueError(f"type {name} gives {' or '.join(gives)}, not {hive.text}")
    if name in _ENDIAN_NAMES:
        return _big_endian(_ENDIAN_NAMES[name], hive)
    simple = {"bool": _BOOL, "binary": _BINARY, "json": _JSON, "timestamp_ms": _TIMESTAMP_MS}
    if name in simple:
        return simple[name]
    return _text(hive) if name == "string" else _string_form(hive)


_ENDIAN_NAMES = {
    "short_be": "smallint",
    "int_be": "int",
    "long_be": "bigint",
    "float_be": "float",
    "double_be": "double",
}
CODECS: dict[str, tuple[str, ...]] = {
    "short_be": ("smallint", "int", "bigint"),
    "int_be": ("int", "bigint"),
    "long_be": ("bigint",),
    "float_be": ("float", "double"),
    "double_be": ("double",),
    "string": TEXTS,
    "decimal_string": ("decimal",),
    "bool": ("boolean",),
    "timestamp_ms": ("timestamp",),
    "date": ("date",),
    "json": ("string",),
    "binary": ("binary",),
}
"""Type names of the configuration → the Hive types that they can fill. `_be`: as `Bytes.toBytes` of HBase writes it."""


# Fixed width, big endian

_WIDTHS = {
    "tinyint": (1, "i1"),
    "smallint": (2, "i2"),
    "int": (4, "i4"),
    "bigint": (8, "i8"),
    "float": (4, "f4"),
    "double": (8, "f8"),
}
_STORED = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


def _big_endian(stored: str, hive: HiveType) -> Codec:
    width, code = _WIDTHS[stored]

    def decode(values: Values) -> Decoded:
        good, reasons = _of_width(values, width)
        return _spread(_numbers(good, width, code), good).cast(hive.arrow), reasons

    def encode(column: pa.Array) -> pa.Array:
        numbers = np.asarray(column.cast(_STORED[stored])).astype(f">{code}")
        return pa.Array.from_buffers(pa.binary(width), len(numbers), [None, pa.py_buffer(numbers)]).cast(pa.binary())

    return Codec(f"{stored}, {width} bytes big endian", decode, encode if stored in INTEGERS else None)


def _binary(values: Values) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.binary())


def _of_width(values: Values, width: int) -> tuple[pa.Array, dict[int, str]]:
    """The column without what has another width, and a reason for each of those."""
    column = _binary(values)
    wrong = pc.fill_null(pc.not_equal(pc.binary_length(column), width), False)
    if not pc.any(wrong).as_py():
        return column, {}
    reasons = {
        index: f"{len(column[index].as_py())} bytes instead of {width}"
        for index in pc.indices_nonzero(wrong).to_pylist()
    }
    return pc.if_else(wrong, pa.scalar(None, pa.binary()), column), reasons


def _numbers(column: pa.Array, width: int, code: str) -> pa.Array:
    """Those that are not null, all of `width` bytes."""
    present = column.drop_null()
    if not len(present):
        return pa.array(np.array([], code))
    _, offsets, data = present.buffers()
    start = np.frombuffer(offsets, np.int32)[present.offset]
    return pa.array(np.frombuffer(data, f">{code}", len(present), start).astype(code))


def _spread(present: pa.Array, column: pa.Array) -> pa.Array:
    """`present` holds the values where `column` is not null; put nulls where it is."""
    if len(present) == len(column):
        return present
    valid = np.asarray(column.is_valid())
    return present.take(pa.array(np.cumsum(valid) - 1, mask=~valid))


# Text: a quick way for columns that are clean, and a slow one that finds what is not


def _text(hive: HiveType) -> Codec:
    def decode(values: Values) -> Decoded:
        try:
            column = _utf8(values)
        except pa.ArrowInvalid:
            return _each(values, lambda text: text, hive)
        if hive.length is not None and pc.any(pc.greater(pc.utf8_length(column), hive.length)).as_py():
            return _each(values, lambda text: _short_enough(text, hive.length or 0), hive)
        return column, {}

    return Codec("text", decode, None if hive.name == "char" else lambda column: column.cast(pa.binary()))


def _string_form(hive: HiveType) -> Codec:
    """Hive's text form of a type, as LazySimpleSerDe reads it."""
    pattern, parse = FORMS[hive.name if hive.name not in INTEGERS else "int"]

    def decode(values: Values) -> Decoded:
        if pattern:
            try:
                column = _utf8(values)
                if pc.all(pc.match_substring_regex(column, pattern)).as_py() is not False:
                    return column.cast(hive.arrow), {}
            except pa.ArrowInvalid:
                pass  # some value is out of range or no text: find out which
        return _each(values, lambda text: parse(text, hive), hive)

    canonical = hive.name in (*INTEGERS, "date")
    return Codec(f"{hive.text} as text", decode, _encode_text if canonical else None)


def _encode_text(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()).cast(pa.binary())


def _utf8(values: Values) -> pa.Array:
    """ArrowInvalid if any is not UTF-8."""
    column = _binary(values)
    nulls = pc.equal(column, NULL_TEXT)
    if pc.any(nulls).as_py():
        column = pc.if_else(nulls, pa.scalar(None, pa.binary()), column)
    return column.cast(pa.string())


def _each(values: Values, parse: Callable[[str], Any], hive: HiveType) -> Decoded:
    """One value after the other, with a reason for each that cannot be."""
    decoded: list[Any] = []
    reasons: dict[int, str] = {}
    for index, value in enumerate(_binary(values).to_pylist()):
        try:
            known = value is None or value == NULL_TEXT
            decoded.append(None if known else pa.scalar(parse(str(value, "utf-8")), hive.arrow).as_py())
        except (ValueError, InvalidOperation, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
            reasons[index] = f"{_shown(value or b'')} is no {hive.text} ({_reason(error)})"
            decoded.append(None)
    return pa.array(decoded, hive.arrow), reasons


def _shown(value: bytes) -> str:
    shown = value[:40].decode("utf-8", "backslashreplace")
    return repr(shown) + ("…" if len(value) > 40 else "")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error).partition("\n")[0] or type(error).__name__


def _short_enough(text: str, length: int) -> str:
    if len(text) > length:
        raise ValueError(f"{len(text)} characters")
    return text


# The rest


def _decode_binary(values: Values) -> Decoded:
    return _binary(values), {}


def _decode_bool(values: Values) -> Decoded:
    """`Bytes.toBytes(true)` is 0xff; Hive takes any byte but 0 for true."""
    good, reasons = _of_width(values, 1)
    return pc.not_equal(good, b"\0"), reasons


def _decode_timestamp_ms(values: Values) -> Decoded:
    """Milliseconds since 1970, 8 bytes big endian → the time of day in UTC."""
    good, reasons = _of_width(values, 8)
    limit = (2**63 - 1) // 1000
    column = _spread(_numbers(good, 8, "i8"), good)
    wrong = pc.fill_null(pc.or_(pc.greater(column, limit), pc.less(column, -limit)), False)
    if pc.any(wrong).as_py():
        for index in pc.indices_nonzero(wrong).to_pylist():
            reasons[index] = f"{column[index].as_py()} ms is no time"
        column = pc.if_else(wrong, pa.scalar(None, pa.int64()), column)
    return pc.multiply(column, 1000).cast(pa.timestamp("us")), reasons


_BINARY = Codec("bytes", _decode_binary, lambda column: column)
_BOOL = Codec("boolean, 1 byte", _decode_bool)
_TIMESTAMP_MS = Codec("milliseconds since 1970, 8 bytes big endian", _decode_timestamp_ms)


def _json_text(text: str) -> str:
    json.loads(text)
    return text


_JSON_TYPE = HiveType("string", "string", pa.string())
_JSON = Codec("JSON", lambda values: _each(values, _json_text, _JSON_TYPE))
