"""Spark SQL's types and what ANSI mode makes of two of them: the types of results, and the type that several share.

Sources: Spark's AnsiTypeCoercion, DecimalPrecisionTypeCoercion, and `resultDecimalType` in arithmetic.scala.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loader.mapping.hive_types import INTEGERS, TEXTS, HiveType

MAX_DIGITS = 38
_LEAST_SCALE = 6
"""So many digits behind the point stay where a result would have more than 38 in all."""


@dataclass(frozen=True, slots=True)
class SqlType:
    """`name`: null, boolean, an integer's, float, double, decimal, string, binary, date or timestamp (which is UTC)."""

    name: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.name == "decimal" else self.name

    @property
    def integral(self) -> bool:
        return self.name in INTEGERS

    @property
    def real(self) -> bool:
        return self.name in ("float", "double")

    @property
    def numeric(self) -> bool:
        return self.integral or self.real or self.name == "decimal"


NULL, BOOLEAN, STRING, BINARY = SqlType("null"), SqlType("boolean"), SqlType("string"), SqlType("binary")
INT, BIGINT, FLOAT, DOUBLE = SqlType("int"), SqlType("bigint"), SqlType("float"), SqlType("double")
DATE, TIMESTAMP = SqlType("date"), SqlType("timestamp")

BOUNDS: dict[str, tuple[int, int]] = {
    name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in zip(INTEGERS, (8, 16, 32, 64), strict=True)
}
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}
_RANK = (*INTEGERS, "float", "double")


def of_hive(kind: HiveType) -> SqlType | None:
    """None for a map. A varchar is a string, and so is a char."""
    if kind.name == "decimal":
        return SqlType("decimal", kind.length or 10, kind.scale or 0)
    if kind.name in TEXTS:
        return STRING
    return None if kind.name == "map" else SqlType(kind.name)


def as_decimal(kind: SqlType) -> SqlType:
    """An integer's type as a decimal that holds all of it; a decimal's own."""
    return SqlType("decimal", _DIGITS[kind.name], 0) if kind.integral else kind


def fitting(value: int, scale: int = 0) -> SqlType:
    """The smallest decimal type for a literal, given without its point."""
    return SqlType("decimal", max(len(str(abs(value))), scale, 1), scale)


def sum_type(one: SqlType, other: SqlType) -> SqlType:
    scale = max(one.scale, other.scale)
    return _adjusted(max(one.precision - one.scale, other.precision - other.scale) + scale + 1, scale)


def product_type(one: SqlType, other: SqlType) -> SqlType:
    return _adjusted(one.precision + other.precision + 1, one.scale + other.scale)


def quotient_type(one: SqlType, other: SqlType) -> SqlType:
    scale = max(_LEAST_SCALE, one.scale + other.precision + 1)
    return _adjusted(one.precision - one.scale + other.scale + scale, scale)


def remainder_type(one: SqlType, other: SqlType) -> SqlType:
    scale = max(one.scale, other.scale)
    return _adjusted(min(one.precision - one.scale, other.precision - other.scale) + scale, scale)


def _adjusted(precision: int, scale: int) -> SqlType:
    """Spark's `adjustPrecisionScale`: digits behind the point go first, but six of them stay."""
    if precision <= MAX_DIGITS:
        return SqlType("decimal", precision, scale)
    before = precision - scale
    return SqlType("decimal", MAX_DIGITS, max(MAX_DIGITS - before, min(scale, _LEAST_SCALE)))


def wider_decimal(one: SqlType, other: SqlType) -> SqlType:
    """Holds both, if 38 digits do; else it keeps the digits before the point (SPARK-45905)."""
    scale = max(one.scale, other.scale)
    precision = max(one.precision - one.scale, other.precision - other.scale) + scale
    over = max(precision - MAX_DIGITS, 0)
    return SqlType("decimal", precision - over, max(scale - over, 0))


def common_type(kinds: Sequence[SqlType]) -> SqlType | None:
    """What branches, list elements and arguments are cast to; None if there is no such type.

    Texts beside other types are left to the caller: Spark would cast them, and fail on the row where it cannot.
    """
    found: SqlType | None = NULL
    for kind in kinds:
        found = found and _wider(found, kind)
    return found


def _wider(one: SqlType, other: SqlType) -> SqlType | None:
    if one == other or NULL in (one, other):
        return one if other == NULL else other
    if one.numeric and other.numeric:
        return wider_number(one, other)
    return TIMESTAMP if {one, other} == {DATE, TIMESTAMP} else None


def wider_number(one: SqlType, other: SqlType) -> SqlType:
    if "decimal" in (one.name, other.name):
        return DOUBLE if one.real or other.real else wider_decimal(as_decimal(one), as_decimal(other))
    wider = max(one, other, key=lambda kind: _RANK.index(kind.name))
    return DOUBLE if wider == FLOAT != min(one, other, key=lambda kind: _RANK.index(kind.name)) else wider
