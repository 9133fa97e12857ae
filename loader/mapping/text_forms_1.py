"""Decoder version 1: how tables whose first batch it wrote go on to read the text forms of the primitive types.

Never changed: a row of such a table must read the same for ever. What version 2 does otherwise is in `text_forms`.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pyarrow as pa

from loader.mapping.hive_types import HiveType
from loader.mapping.text_columns import YEAR, Form


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
    number: float = pa.scalar(stripped.lstrip("+").rstrip("dDfF")).cast(hive.arrow).as_py()
    return number


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


_FLOAT = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
FORMS = {
    "int": Form(r"^-?[0-9]+$", _integer),
    "float": Form(_FLOAT, _number),
    "double": Form(_FLOAT, _number),
    "decimal": Form("", _decimal),
    "boolean": Form("", _boolean),
    "date": Form(rf"^{YEAR}-[0-9]{{2}}-[0-9]{{2}}$", _date),
    "timestamp": Form(rf"^{YEAR}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?$", _timestamp),
}
"""By type; "int" stands for all integers."""
