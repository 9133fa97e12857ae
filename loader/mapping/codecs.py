"""Bytes of a cell ↔ values of a column, whole columns at a time.

A codec decodes what Hive's HBase handler would, with one difference: what it cannot decode it names with a reason,
where Hive shows NULL. `\\N` in a text cell is NULL, as in Hive. `binary` columns are the raw bytes (Hive would take
what happens to look like Base64 for Base64).
"""

import json
import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.hive_types import INTEGERS, TEXTS, HiveType
from loader.mapping.text_forms import FORMS

Values = Sequence[bytes | None]
"""One column's cells; None where the row has none."""

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
    "tinyint": (1, "b"),
    "smallint": (2, "h"),
    "int": (4, "i"),
    "bigint": (8, "q"),
    "float": (4, "f"),
    "double": (8, "d"),
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
        numbers = array(code, b"".join(value for value in good if value is not None))
        column = pa.Array.from_buffers(_STORED[stored], len(numbers), [None, pa.py_buffer(_swapped(numbers))])
        return _spread(column, good).cast(hive.arrow), reasons

    def encode(column: pa.Array) -> pa.Array:
        numbers = array(code, column.cast(_STORED[stored]).to_pylist())
        joined = pa.py_buffer(_swapped(numbers))
        return pa.Array.from_buffers(pa.binary(width), len(numbers), [None, joined]).cast(pa.binary())

    return Codec(f"{stored}, {width} bytes big endian", decode, encode if stored in INTEGERS else None)


def _of_width(values: Values, width: int) -> tuple[Values, dict[int, str]]:
    if {len(value) for value in values if value is not None} <= {width}:
        return values, {}
    reasons = {
        index: f"{len(value)} bytes instead of {width}"
        for index, value in enumerate(values)
        if value is not None and len(value) != width
    }
    return [None if index in reasons else value for index, value in enumerate(values)], reasons


def _swapped(numbers: "array[Any]") -> "array[Any]":
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _spread(present: pa.Array, values: Values) -> pa.Array:
    """`present` holds the values that are not None; put nulls where they are."""
    if len(present) == len(values):
        return present
    positions = iter(range(len(present)))
    return present.take(pa.array([None if value is None else next(positions) for value in values], pa.int64()))


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
    column = pa.array(values, pa.binary())
    if NULL_TEXT in values:
        column = pc.if_else(pc.equal(column, NULL_TEXT), pa.scalar(None, pa.binary()), column)
    return column.cast(pa.string())


def _each(values: Values, parse: Callable[[str], Any], hive: HiveType) -> Decoded:
    """One value after the other, with a reason for each that cannot be."""
    decoded: list[Any] = []
    reasons: dict[int, str] = {}
    for index, value in enumerate(values):
        try:
            known = value is None or value == NULL_TEXT
            decoded.append(None if known else pa.scalar(parse(str(value, "utf-8")), hive.arrow).as_py())  # type: ignore[arg-type]
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
    return pa.array(values, pa.binary()), {}


def _decode_bool(values: Values) -> Decoded:
    """`Bytes.toBytes(true)` is 0xff; Hive takes any byte but 0 for true."""
    good, reasons = _of_width(values, 1)
    return pa.array([None if value is None else value != b"\0" for value in good], pa.bool_()), reasons


def _decode_timestamp_ms(values: Values) -> Decoded:
    """Milliseconds since 1970, 8 bytes big endian → the time of day in UTC."""
    good, reasons = _of_width(values, 8)
    limit = (2**63 - 1) // 1000
    decoded: list[int | None] = []
    for index, value in enumerate(good):
        milliseconds = None if value is None else int.from_bytes(value, "big", signed=True)
        if milliseconds is not None and abs(milliseconds) > limit:
            reasons[index], milliseconds = f"{milliseconds} ms is no time", None
        decoded.append(None if milliseconds is None else milliseconds * 1000)
    return pa.array(decoded, pa.int64()).cast(pa.timestamp("us")), reasons


_BINARY = Codec("bytes", _decode_binary, lambda column: column)
_BOOL = Codec("boolean, 1 byte", _decode_bool)
_TIMESTAMP_MS = Codec("milliseconds since 1970, 8 bytes big endian", _decode_timestamp_ms)


def _json_text(text: str) -> str:
    json.loads(text)
    return text


_JSON_TYPE = HiveType("string", "string", pa.string())
_JSON = Codec("JSON", lambda values: _each(values, _json_text, _JSON_TYPE))
