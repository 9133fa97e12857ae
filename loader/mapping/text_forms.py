"""Decoder version 2: the text forms of the primitive types as the lazy types of Hive 4 read them, one value at a time.

Each reader raises ValueError, or decimal.InvalidOperation, with the reason. Where Hive's reading is not followed, and
why, is listed in docs/sources.md, and held against Hive's own classes by tests/integration/test_hive_decoding.py.
"""

import math
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pyarrow as pa

from loader.mapping.hive_types import HiveType
from loader.mapping.text_columns import YEAR, Form

MOST_EXPONENT = 99
"""Of a decimal: FastHiveDecimal reads no larger one."""

_BLANKS = "".join(map(chr, range(0x21)))
"""What Java's `trim` takes away."""
_DECIMAL_BLANKS = " \t\v\f"
"""What FastHiveDecimal takes away."""


def _integer(text: str, hive: HiveType) -> int:
    """LazyInteger: an optional sign and ASCII digits; digits after a point are cut off."""
    match = re.fullmatch(r"([+-]?)(?:([0-9]+)(?:\.[0-9]*)?|\.[0-9]+)", text)
    if not match:
        raise ValueError("not a whole number" if text else "empty")
    return int(match[1] + (match[2] or "0"))


def _number(text: str, hive: HiveType) -> float:
    """As Java's `Double.parseDouble`, but for its hexadecimal form."""
    stripped = text.strip(_BLANKS)
    if re.fullmatch(r"[+-]?NaN", stripped):
        return math.nan
    if re.fullmatch(r"[+-]?Infinity", stripped):
        return float(stripped)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?", stripped):
        raise ValueError("not a number" if stripped else "empty")
    number: float = pa.scalar(stripped.lstrip("+").rstrip("dDfF")).cast(hive.arrow).as_py()
    return number


def _decimal(text: str, hive: HiveType) -> Decimal:
    """As HiveDecimal: rounded half up to the scale; NULL in Hive, an error here, if it does not fit then."""
    match = re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?", text.strip(_DECIMAL_BLANKS))
    if not match:
        raise ValueError("not a number" if text else "empty")
    if abs(int(match[1] or 0)) > MOST_EXPONENT:
        raise ValueError(f"an exponent beyond {MOST_EXPONENT}")
    with localcontext() as context:
        context.prec = 100
        return Decimal(match[0]).quantize(Decimal(1).scaleb(-(hive.scale or 0)), ROUND_HALF_UP)


def _boolean(text: str, hive: HiveType) -> bool:
    """LazyBoolean."""
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


_DATE = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"


def _date(text: str, hive: HiveType) -> date:
    """LazyDate: a time of day after the date is left out."""
    match = re.fullmatch(rf"{_DATE}(?:[ T][0-9:.]*Z?)?", text.strip(_BLANKS))
    if not match:
        raise ValueError("not yyyy-MM-dd")
    return date(int(match[1]), int(match[2]), int(match[3]))


_SPACED = re.compile(rf"{_DATE}(?: ([0-9]{{1,2}}):([0-9]{{1,2}}):([0-9]{{1,2}})(?:\.([0-9]{{1,9}}))?)?")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{0,9}))?)?")


def _timestamp(text: str, hive: HiveType) -> datetime:
    """`yyyy-M-d[ H:m:s[.fffffffff]]`, or ISO's form with a T; digits beyond microseconds are cut off, as by Spark."""
    stripped = text.strip(_BLANKS)
    match = _SPACED.fullmatch(stripped) or _ISO.fullmatch(stripped)
    if not match:
        raise ValueError("not yyyy-MM-dd HH:mm:ss.ffffff")
    year, month, day, hour, minute, second = (int(match[place] or 0) for place in range(1, 7))
    return datetime(year, month, day, hour, minute, second, int((match[7] or "").ljust(6, "0")[:6]))


_FLOAT = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_DAY = rf"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
FORMS = {
    "int": Form(r"^-?[0-9]+$", _integer),
    "float": Form(_FLOAT, _number),
    "double": Form(_FLOAT, _number),
    "decimal": Form("", _decimal),
    "boolean": Form("", _boolean),
    "date": Form(f"^{_DAY}$", _date),
    "timestamp": Form(rf"^{_DAY} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?$", _timestamp),
}
"""By type; "int" stands for all integers."""
