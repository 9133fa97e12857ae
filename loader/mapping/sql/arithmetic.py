"""`+ - * / %`, the sign and `abs`, as Spark's ANSI mode computes them: no number wraps, division by zero fails.

Source: Spark's arithmetic.scala and Decimal.scala.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from loader.mapping.sql.casts import as_float, cast, cut, half_up, rescaled, within
from loader.mapping.sql.nodes import Node, Refused, Row, Unfit, computed, strict
from loader.mapping.sql.types import (
    DOUBLE,
    NULL,
    SqlType,
    as_decimal,
    fitting,
    product_type,
    quotient_type,
    remainder_type,
    sum_type,
    wider_number,
)

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_SIGN_DIGITS = 34
_QUOTIENT_DIGITS = 39
"""Spark's Decimal takes no remainder after a whole quotient of more digits."""
_DECIMAL_TYPES = {"+": sum_type, "-": sum_type, "*": product_type, "/": quotient_type, "%": remainder_type}


def arithmetic(sign: str, left: Node, right: Node) -> Node:
    """Raises Refused if one is no number."""
    for part in (left, right):
        _check_number(sign, part)
    if NULL in (left.type, right.type):
        left, right = _with_null(sign, left, right)
    left, right = _alike(sign, left, right)
    if left.type.name == "decimal":
        return _decimals(sign, left, right)
    if sign in _OPERATORS:
        return strict(left.type, _exact(left.type, sign), left, right)
    return _by_divisor(left.type, _quotient(left.type) if sign == "/" else _remainder(left.type), left, right)


def negative(part: Node) -> Node:
    _check_number("-", part)
    if part.type.integral:
        return strict(part.type, lambda value: within(part.type, -value), part)
    _check_sign("-", part)
    return strict(DOUBLE if part.type == NULL else part.type, operator.neg, part)


def absolute(part: Node) -> Node:
    _check_number("abs", part)
    if part.type.integral:
        return strict(part.type, lambda value: within(part.type, abs(value)), part)
    _check_sign("abs", part)
    return strict(DOUBLE if part.type == NULL else part.type, abs, part)


def _check_sign(sign: str, part: Node) -> None:
    """Scala's BigDecimal rounds to 34 digits when it changes the sign."""
    if part.type.name == "decimal" and part.type.precision > _SIGN_DIGITS:
        raise Refused(
            f"{sign} of a {part.type}: Spark keeps {_SIGN_DIGITS} digits of it",
            f"Cast it to a decimal of at most {_SIGN_DIGITS} digits first.",
        )


def _check_number(sign: str, part: Node) -> None:
    if not part.type.numeric and part.type != NULL:
        hint = "Days and moments are not reckoned with here." if part.type.name in ("date", "timestamp") else ""
        raise Refused(f"{sign} takes numbers, not a {part.type}", hint)


def _with_null(sign: str, left: Node, right: Node) -> tuple[Node, Node]:
    if sign == "/" and left.type == NULL:
        return cast(left, DOUBLE), cast(right, DOUBLE)
    kind = next((part.type for part in (left, right) if part.type != NULL), DOUBLE)
    return cast(left, kind), cast(right, kind)


def _alike(sign: str, left: Node, right: Node) -> tuple[Node, Node]:
    """Both of one type; decimals keep their own digits."""
    kinds = (left.type, right.type)
    if sign == "/" and not any(kind.name == "decimal" for kind in kinds):
        return cast(left, DOUBLE), cast(right, DOUBLE)
    if any(kind.name == "decimal" for kind in kinds) and not any(kind.real for kind in kinds):
        return decimal_beside(left, right), decimal_beside(right, left)
    wider = wider_number(*kinds)
    return cast(left, wider), cast(right, wider)


def decimal_beside(part: Node, other: Node) -> Node:
    """An integer beside a decimal becomes one: a literal with just its own digits."""
    if not part.type.integral:
        return part
    if part.typed:
        raise Refused(
            "an integer literal with a type of its own cannot stand beside a decimal",
            "Write the number alone: Spark gives 10L and cast(10 as bigint) a different number of digits there.",
        )
    if part.literal and other.type.name == "decimal":
        value = part.of(())
        return cast(part, as_decimal(part.type) if value is None else fitting(value))
    return cast(part, as_decimal(part.type))


def _exact(kind: SqlType, sign: str) -> Callable[[Any, Any], Any]:
    apply = _OPERATORS[sign]
    if kind.integral:
        return lambda left, right: within(kind, apply(left, right))
    return apply if kind == DOUBLE else lambda left, right: as_float(apply(left, right))


def _by_divisor(kind: SqlType, function: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
    """The divisor is evaluated first. NULL divided by zero is NULL; anything else fails."""
    one, other = left.of, right.of

    def of(row: Row) -> Any:
        divisor = other(row)
        if divisor is None:
            return None
        value = one(row)
        if value is None:
            return None
        if not divisor:
            raise Unfit("division by zero")
        return function(value, divisor)

    return computed(kind, of, left, right)


def _quotient(kind: SqlType) -> Callable[[Any, Any], Any]:
    return operator.truediv if kind == DOUBLE else lambda left, right: as_float(left / right)


def _remainder(kind: SqlType) -> Callable[[Any, Any], Any]:
    """With the sign of the dividend."""
    if kind.integral:
        return _cut_remainder
    return lambda left, right: math.nan if math.isinf(left) else math.fmod(left, right)


def _cut_remainder(left: int, right: int) -> int:
    return left - right * cut(left, right) if right > 0 else left + right * cut(left, -right)


def _decimal_remainder(left: int, right: int) -> int:
    """As Java's, which gives up where the whole quotient is too long."""
    digits = str(cut(abs(left), abs(right)))
    if digits[_QUOTIENT_DIGITS:].strip("0"):
        raise Unfit(f"a remainder after a quotient of more than {_QUOTIENT_DIGITS} digits")
    return _cut_remainder(left, right)


def _decimals(sign: str, left: Node, right: Node) -> Node:
    kind = _DECIMAL_TYPES[sign](left.type, right.type)
    one, other = left.type.scale, right.type.scale
    scale = max(one, other)
    raise_one, raise_other = 10 ** (scale - one), 10 ** (scale - other)
    if sign == "*":
        return strict(kind, lambda a, b: rescaled(a * b, one + other, kind), left, right)
    if sign in _OPERATORS:
        apply = _OPERATORS[sign]
        return strict(kind, lambda a, b: rescaled(apply(a * raise_one, b * raise_other), scale, kind), left, right)
    if sign == "%":
        return _by_divisor(
            kind, lambda a, b: rescaled(_decimal_remainder(a * raise_one, b * raise_other), scale, kind), left, right
        )

    def quotient(a: int, b: int) -> int:
        shifted = a * raise_one * 10**kind.scale
        return within(kind, half_up(shifted if b > 0 else -shifted, abs(b) * raise_other))

    return _by_divisor(kind, quotient, left, right)
