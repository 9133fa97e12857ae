"""Arrow's values as Python's and JSON's, for showing and comparing: none of them fails."""

import math
import struct
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from loader.basics.printable import printable

_NAN = struct.pack(">d", math.nan)


def plain_values(batch: pa.RecordBatch, row: int) -> dict[str, Any]:
    """One row by column name. What Python has no value for (the year 0, a day of the year 38421) is told as text."""
    return {name: _plain_value(batch.column(name)[row]) for name in batch.schema.names}


def _plain_value(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        nested = pa.types.is_nested(value.type)
        return f"<{value.type} with a date or time out of range>" if nested else str(value.cast(pa.string()))


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON can hold them; equal bits stay equal, and no others: so NaN equals NaN, and −0.0 not 0.0."""
    return {name: _as_json(value) for name, value in row.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return printable(value)
    if isinstance(value, dict):
        return as_json(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _float(value: float) -> float | str:
    if math.isnan(value) and struct.pack(">d", value) != _NAN:
        return f"nan (bits {struct.pack('>d', value).hex()})"
    is_plain = math.isfinite(value) and (value != 0 or math.copysign(1, value) > 0)
    return value if is_plain else str(value)
