"""Codecs of cells that hold text: a quick way for what Arrow reads as we do, and one value at a time for the rest.

Which way a value goes follows from the value alone, so that its fate does not depend on its neighbours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.codec import Codec, Decoded, Values, as_binary, reason_of
from loader.mapping.hive_types import INTEGERS, HiveType

NULL_TEXT = b"\\N"

YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
"""Pattern of the years 1 to 9999: Arrow's cast takes 0000 as well."""

Read = Callable[[str, HiveType], Any]
"""One text → a value that Arrow can hold in the type. Raises any Exception, with the reason, for what it is not."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a type is written as text. `plain`: pattern of texts that Arrow's cast reads as `read` does; "": none."""

    plain: str
    read: Read


def form_codec(hive: HiveType, form: Form) -> Codec:
    """Values of any type but text, written as text."""

    def decode(values: Values) -> Decoded:
        column = without_null_text(as_binary(values))
        cast, rest = _plain(column, form.plain, hive.arrow) if form.plain else (None, column)
        if cast is not None and rest is None:
            return cast, {}
        read, reasons = each(rest, lambda text: form.read(text, hive), hive)
        return read if cast is None else pc.coalesce(cast, read), reasons

    canonical = hive.name in (*INTEGERS, "date")
    return Codec(f"{hive.text} as text", decode, _encode if canonical else None)


def text_codec(hive: HiveType, cut: bool) -> Codec:
    """Strings. `cut`: a text that is too long for its varchar or char is cut, as in Hive, and else has a reason."""

    def read(text: str) -> str:
        if hive.length is None or len(text) <= hive.length:
            return text
        if not cut:
            raise ValueError(f"{len(text)} characters")
        return text[: hive.length]

    def decode(values: Values) -> Decoded:
        column = without_null_text(as_binary(values))
        try:
            texts = column.cast(pa.string())
        except pa.ArrowInvalid:  # some value is not UTF-8: find out which
            return each(column, read, hive)
        if hive.length is not None and pc.any(pc.greater(pc.utf8_length(texts), hive.length)).as_py():
            return each(column, read, hive)
        return texts, {}

    return Codec("text", decode, None if hive.name == "char" else _encode_text)


def each(column: pa.Array, read: Callable[[str], Any], hive: HiveType) -> Decoded:
    """One value after the other, with a reason for each that cannot be: whatever goes wrong, it is that value's."""
    decoded: list[Any] = []
    reasons: dict[int, str] = {}
    for index, value in enumerate(column.to_pylist()):
        try:
            decoded.append(None if value is None else pa.scalar(read(str(value, "utf-8")), hive.arrow).as_py())
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - any failure of one value is its row's, and never the batch's
            reasons[index] = f"{_shown(value or b'')} is no {hive.text} ({reason_of(error)})"
            decoded.append(None)
    return pa.array(decoded, hive.arrow), reasons


def _plain(column: pa.Array, pattern: str, kind: pa.DataType) -> tuple[pa.Array | None, pa.Array | None]:
    """What Arrow casts, with nulls for the rest; and the rest, with nulls for what is cast. None: nothing."""
    is_plain = pc.match_substring_regex(column, pattern)
    all_plain = pc.all(is_plain).as_py() is not False
    nothing = pa.scalar(None, pa.binary())
    try:
        plain = column if all_plain else pc.if_else(is_plain, column, nothing)
        cast = plain.cast(pa.string()).cast(kind)
    except pa.ArrowInvalid:  # one of them is out of range
        return None, column
    return cast, None if all_plain else pc.if_else(is_plain, nothing, column)


def without_null_text(column: pa.Array) -> pa.Array:
    nulls = pc.equal(column, NULL_TEXT)
    return pc.if_else(nulls, pa.scalar(None, pa.binary()), column) if pc.any(nulls).as_py() else column


def _encode(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()).cast(pa.binary())


def _encode_text(column: pa.Array) -> pa.Array:
    return column.cast(pa.binary())


def _shown(value: bytes) -> str:
    shown = value[:40].decode("utf-8", "backslashreplace")
    return repr(shown) + ("…" if len(value) > 40 else "")
