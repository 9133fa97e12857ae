"""Hive's text forms of the primitive types, one value at a time: what LazySimpleSerDe reads, and an error for what not.

Each reader raises ValueError, or decimal.InvalidOperation, with the reason.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from loader.mapping.hive_types import HiveType


def _integer(text: str, hive: HiveType) -> int:
    """LazyInteger: an optional sign and ASCII digits, nothing else."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError("not a whole number" if text else "empty")
    return int(text)


def _number(text: str, hive: HiveType) -> float:
    """As Java's `Double.parseDouble`."""
    stripped = text.strip()
    if re.fullmatch(r"[+-]?(NaN|Infinity)", stripped):
        return float(stripped)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?", stripped):
        raise ValueError("not a number" if text else "empty")
    return float(stripped.rstrip("dDfF"))


def _decimal(text: str, hive: HiveType) -> Decimal:
    """As HiveDecimal: rounded half up to the scale; NULL in Hive, an error here, if it does not fit then."""
    with localcontext() as context:
        context.prec = 100
        number = Decimal(text.strip())
        if "_" in text or not number.is_finite():
            raise ValueError("not a number")
        return number.quantize(Decimal(1).scaleb(-(hive.scale or 0)), ROUND_HALF_UP)


def _boolean(text: str, hive: HiveType) -> bool:
    """LazyBoolean."""
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


def _date(text: str, hive: HiveType) -> date:
    match = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", text.strip())
    if not match:
        raise ValueError("not yyyy-MM-dd")
    return date(int(match[1]), int(match[2]), int(match[3]))


def _timestamp(text: str, hive: HiveType) -> datetime:
    """`yyyy-MM-dd[ HH:mm:ss[.fffffffff]]`; more than microseconds would be lost and are an error."""
    match = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?)?", text.strip()
    )
    if not match:
        raise ValueError("not yyyy-MM-dd HH:mm:ss.ffffff")
    fraction = (match[3] or "").ljust(9, "0")
    if fraction[6:] != "000":
        raise ValueError("finer than a microsecond")
    return datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00:00'}.{fraction[:6]}")


FORMS: dict[str, tuple[str, Callable[[str, HiveType], Any]]] = {
    "int": (r"^-?[0-9]+$", _integer),
    "float": (r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$", _number),
    "double": (r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$", _number),
    "decimal": ("", _decimal),
    "boolean": ("", _boolean),
    "date": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", _date),
    "timestamp": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$", _timestamp),
}
"""Type → (pattern of texts that Arrow's own cast reads right, how to read one text)."""
