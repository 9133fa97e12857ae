"""The noun: what turns the bytes of a column's cells into values, and what it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

Values: TypeAlias = Sequence[bytes | None] | pa.Array
"""One column's cells, as a list or a binary array; None where the row has none."""

Decoded = tuple[pa.Array, dict[int, str]]
"""A column, and the reason for each position that could not be decoded (null there)."""


@dataclass(frozen=True, slots=True)
class Codec:
    """`decode` gives a value or a reason for each cell, the same whatever cells stand beside it.

    `encode` gives the bytes back, whole columns without nulls; None where two byte strings may mean one value.
    """

    name: str
    decode: Callable[[Values], Decoded]
    encode: Callable[[pa.Array], pa.Array] | None = None


def as_binary(values: Values) -> pa.Array:
    """The cells as a binary array."""
    return values if isinstance(values, pa.Array) else pa.array(values, pa.binary())


def reason_of(error: Exception) -> str:
    """One line of why a value could not be read."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error).partition("\n")[0] or type(error).__name__
