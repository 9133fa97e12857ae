"""Casts as Spark's ANSI mode makes them: numbers are cut or rounded half up, and what does not fit fails its row.

Source: Spark's Cast.scala, Decimal.scala, `canANSIStoreAssign`.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from fractions import Fraction
from struct import pack, unpack
from typing import Any

import numpy as np

from loader.mapping.sql.nodes import Node, Refused, Unfit, literal, strict
from loader.mapping.sql.types import BOUNDS, NULL, SqlType

Convert = Callable[[Any], Any]

_EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400_000_000
FIRST_DAY, LAST_DAY = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
_EPOCH_TIME = datetime(1970, 1, 1)
_LONG_DIGITS, _DOUBLE_DIGITS = 18, 15


def cast(node: Node, target: SqlType) -> Node:
    """`node` as `target`; itself if it has that type. Raises Refused where there is no such cast."""
    if node.type == target:
        return node
    if node.type == NULL or (node.literal and node.of(()) is None):
        return literal(target, None)
    if node.literal and node.type.name == "string":
        return _cast_text(node.of(()), target)
    return strict(target, converter(node.type, target), node)


def converter(given: SqlType, target: SqlType) -> Convert:
    """From a value that is not NULL. Raises Refused; the function raises Unfit."""
    if target.name == "string":
        return _spelling(given)
    if given.numeric and target.numeric:
        return _number(given, target)
    pair = (given.name, target.name)
    if given.numeric and target.name == "boolean":
        return bool
    if given.name == "boolean" and target.numeric:
        one = 10**target.scale
        return lambda value: within(target, int(value) * one) if target.name == "decimal" else _plain(target, value)
    if pair == ("date", "timestamp"):
        return lambda days: days * DAY
    if pair == ("timestamp", "date"):
        return lambda moment: moment // DAY
    raise Refused(f"{given} cannot be cast to {target} in a transform", _hint(given, target))


def _hint(given: SqlType, target: SqlType) -> str:
    if given.name == "string":
        return f"Give the column that type instead: cells decode from text to {target.name} by themselves."
    return (
        "Casts that work: numbers to numbers, boolean to and from numbers, date to and from timestamp, all to string."
    )


def _plain(target: SqlType, value: bool) -> Any:
    return float(value) if target.real else int(value)


# Numbers


def _number(given: SqlType, target: SqlType) -> Convert:
    if given.real:
        return _from_real(given, target)
    scale = given.scale
    if target.name == "double":
        return (lambda value: value / 10**scale) if scale else float
    if target.name == "float":
        return lambda value: nearest_float(value, 10**scale)
    if target.name == "decimal":
        return lambda value: rescaled(value, scale, target)
    if given.name == "decimal":
        _check_whole(given, target)
        return lambda value: within(target, cut(value, 10**scale))
    return lambda value: within(target, value)


def _check_whole(given: SqlType, target: SqlType) -> None:
    """Spark goes by way of a double to the smaller integers, and fails where a long has no such power of ten."""
    if given.scale > _LONG_DIGITS:
        hint = f"Cast it to a decimal with at most {_LONG_DIGITS} digits behind the point first."
        raise Refused(f"a {given} cannot be cast to {target} in a transform", hint)
    if target.name != "bigint" and given.precision > _DOUBLE_DIGITS:
        raise Refused(
            f"a {given} cannot be cast to {target} in a transform", "Cast it to bigint first, which is exact."
        )


def _from_real(given: SqlType, target: SqlType) -> Convert:
    if target.name == "double":
        return lambda value: value
    if target.name == "float":
        return as_float
    if target.name == "decimal":
        return lambda value: _decimal_of(value, target)
    return lambda value: _whole(value, target)


def _whole(value: float, target: SqlType) -> int:
    """Cut at the point. As in Spark, a real of just 2^63 is the greatest bigint."""
    if math.isfinite(value):
        number = int(value)
        low, high = BOUNDS[target.name]
        if low <= number <= high:
            return number
        if number == high + 1 and target.name == "bigint":
            return high
    raise Unfit(f"{value} does not fit {target}")


def _decimal_of(value: float, target: SqlType) -> int | None:
    """By its shortest spelling, as Java's `Double.toString` since Java 19.

    NaN and the infinities are NULL, in Spark's ANSI mode, too.
    """
    if not math.isfinite(value):
        return None
    digits, _, exponent = repr(value).partition("e")
    whole, _, behind = digits.partition(".")
    number, scale = int(whole + behind), len(behind) - int(exponent or 0)
    return rescaled(number, scale, target) if scale >= 0 else rescaled(number * 10**-scale, 0, target)


def rescaled(value: int, scale: int, target: SqlType) -> int:
    """A decimal of `scale` as one of `target`: rounded half up, Unfit if it has too many digits then."""
    if target.scale >= scale:
        return within(target, value * 10 ** (target.scale - scale))
    return within(target, half_up(value, 10 ** (scale - target.scale)))


def half_up(value: int, by: int) -> int:
    """`value / by`, ties away from zero."""
    rounded = (2 * abs(value) + by) // (2 * by)
    return -rounded if value < 0 else rounded


def cut(value: int, by: int) -> int:
    """`value / by`, toward zero."""
    return -(-value // by) if value < 0 else value // by


def within(target: SqlType, value: int) -> int:
    if target.name == "decimal":
        if abs(value) >= 10**target.precision:
            raise Unfit(f"{decimal_text(value, target.scale)} does not fit {target}")
    else:
        low, high = BOUNDS[target.name]
        if not low <= value <= high:
            raise Unfit(f"{value} does not fit {target}")
    return value


def as_float(value: float) -> float:
    """The nearest number of 32 bits."""
    try:
        return float(unpack("f", pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def nearest_float(value: int, by: int) -> float:
    """`value / by` rounded once to 32 bits; rounding to 64 first would settle some ties wrongly."""
    found = as_float(value / by)
    if math.isinf(found) or (by == 1 and abs(value) < 2**53):
        return found
    exact, middle = Fraction(value, by), np.float32(found)
    around = (middle, np.nextafter(middle, np.float32(-np.inf)), np.nextafter(middle, np.float32(np.inf)))
    return min((float(one) for one in around), key=lambda one: (abs(Fraction(one) - exact), _is_odd(one)))


def _is_odd(value: float) -> int:
    return int(unpack("I", pack("f", value))[0]) & 1


# Texts


def _spelling(given: SqlType) -> Convert:
    if given.integral:
        return str
    if given.name == "decimal":
        return lambda value: decimal_text(value, given.scale)
    if given.name == "boolean":
        return lambda value: "true" if value else "false"
    if given.name == "date":
        return lambda days: date.fromordinal(days + _EPOCH).isoformat()
    if given.name == "timestamp":
        return _timestamp_text
    raise Refused(
        f"a {given} cannot become a text in a transform",
        "Java's spelling of such a number depends on its version. Cast it to decimal(p,s) first."
        if given.real
        else "Declare the column as string: it decodes from the same bytes.",
    )


def decimal_text(value: int, scale: int) -> str:
    digits = str(abs(value)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if value < 0 else text


def _timestamp_text(moment: int) -> str:
    days, rest = divmod(moment, DAY)
    text = f"{date.fromordinal(days + _EPOCH).isoformat()} {(_EPOCH_TIME + timedelta(microseconds=rest)).time()}"
    return text.rstrip("0") if "." in text else text


def _cast_text(text: str, target: SqlType) -> Node:
    """Of a literal. Only the canonical spellings are let in: on them all versions of Spark agree."""
    parse = _CANONICAL.get("int" if target.integral else target.name)
    if parse is None or not re.fullmatch(parse[0], text, re.ASCII):
        form = parse[1] if parse else "another literal"
        raise Refused(f"the text '{text}' cannot be used as {target}", f"Write {form}.")
    try:
        return literal(target, parse[2](text, target))
    except (Unfit, ValueError) as error:
        raise Refused(f"the text '{text}' cannot be used as {target}: {error}", f"Write {parse[1]}.") from error


def _number_of(text: str, target: SqlType) -> int:
    whole, _, behind = text.partition(".")
    return rescaled(int(whole + behind), len(behind), target)


def _timestamp_of(text: str, target: SqlType) -> int:
    return (datetime.fromisoformat(text) - _EPOCH_TIME) // timedelta(microseconds=1)


_ALL = SqlType("decimal", 400, 200)
_REAL = (r"-?\d+(\.\d+)?", "digits, with a point if you like")
_CANONICAL: dict[str, tuple[str, str, Callable[[str, SqlType], Any]]] = {
    "int": (r"-?\d+", "digits", lambda text, target: within(target, int(text))),
    "decimal": (*_REAL, _number_of),
    "double": (*_REAL, lambda text, target: float(text)),
    "float": (*_REAL, lambda text, target: nearest_float(_number_of(text, _ALL), 10**_ALL.scale)),
    "boolean": (r"true|false", "true or false", lambda text, target: text == "true"),
    "date": (r"\d{4}-\d\d-\d\d", "yyyy-MM-dd", lambda text, target: date.fromisoformat(text).toordinal() - _EPOCH),
    "timestamp": (
        r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?",
        "yyyy-MM-dd HH:mm:ss[.ffffff]",
        lambda text, target: _timestamp_of(_six_digits(text), target),
    ),
}


def _six_digits(text: str) -> str:
    before, point, behind = text.partition(".")
    return before + point + behind.ljust(6, "0") if point else before
