"""Comparisons, conditions and choices, as Spark evaluates them: three-valued, and no further than it must.

NaN equals itself and is above all numbers, -0.0 equals 0.0. Sources: Spark's predicates.scala, conditionalExpressions
and nullExpressions.scala, SQLOrderingUtil; ApplyCharTypePadding for columns char(n).
"""

import operator
from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

from loader.mapping.sql.arithmetic import decimal_beside
from loader.mapping.sql.casts import cast
from loader.mapping.sql.nodes import Node, Refused, Row, Unfit, computed, literal, strict
from loader.mapping.sql.types import BOOLEAN, BOUNDS, NULL, SqlType, common_type, wider_decimal

Test = Callable[[Any, Any], bool]


def compare(sign: str, left: Node, right: Node) -> Node:
    """`=`, `<>`, `<`, `<=`, `>`, `>=`."""
    left, right = comparable(left, right)
    return strict(BOOLEAN, _tests(left.type)[sign], left, right)


def null_safe_equal(left: Node, right: Node) -> Node:
    left, right = comparable(left, right)
    one, other, equal = left.of, right.of, _tests(left.type)["="]

    def of(row: Row) -> bool:
        first, second = one(row), other(row)
        return first is second if first is None or second is None else equal(first, second)

    return computed(BOOLEAN, of, left, right)


def _tests(kind: SqlType) -> dict[str, Test]:
    return _REAL_TESTS if kind.real else _TESTS


_TESTS: dict[str, Test] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _same(one: float, other: float) -> bool:
    return one == other or (isnan(one) and isnan(other))


def _less(one: float, other: float) -> bool:
    return one < other or (isnan(other) and not isnan(one))


_REAL_TESTS: dict[str, Test] = {
    "=": _same,
    "<>": lambda one, other: not _same(one, other),
    "<": _less,
    "<=": lambda one, other: not _less(other, one),
    ">": lambda one, other: _less(other, one),
    ">=": lambda one, other: not _less(one, other),
}


def comparable(left: Node, right: Node) -> tuple[Node, Node]:
    """Both of one type. Raises Refused."""
    left, right = _texts_cast([left, right])
    _check_literal(left, right)
    _check_literal(right, left)
    if "decimal" in (left.type.name, right.type.name) and all(part.type.numeric for part in (left, right)):
        left, right = _decimals(left, right)
    return _padded(*_alike("a comparison", [left, right]))


def _check_literal(part: Node, other: Node) -> None:
    """Spark answers true or false for such a comparison, for NULL as well, or NULL, by its operator."""
    if part.literal and part.type.name == "decimal" and other.type.integral and part.of(()) is not None:
        low, high = BOUNDS["bigint"]
        if not low * 10**part.type.scale <= part.of(()) <= high * 10**part.type.scale:
            raise Refused("an integer is compared with a number beyond every bigint", "Leave the comparison out.")


def _decimals(left: Node, right: Node) -> tuple[Node, Node]:
    """An integer is compared with a decimal literal as it is: no digit is lost."""
    if any(part.type.real for part in (left, right)):
        return left, right
    one, other = decimal_beside(left, right), decimal_beside(right, left)
    wider = wider_decimal(one.type, other.type)
    return cast(one, wider), cast(other, wider)


def _alike(what: str, parts: Sequence[Node]) -> list[Node]:
    kind = common_type([part.type for part in parts])
    if kind is None:
        kinds = " and ".join(dict.fromkeys(str(part.type) for part in parts))
        raise Refused(f"{what} takes one type, not {kinds}", "Cast one of them.")
    return [cast(part, kind) for part in parts]


def _texts_cast(parts: Sequence[Node]) -> list[Node]:
    """A literal text beside numbers, days and moments becomes one of them, as Spark promotes it."""
    others = [part.type for part in parts if part.type.name != "string" and part.type != NULL]
    kind = common_type(others) if others else None
    if kind is None or not any(part.type.name == "string" and part.literal for part in parts):
        return list(parts)
    target = SqlType("bigint") if kind.integral else SqlType("double") if kind.numeric else kind
    return [cast(part, target) if part.type.name == "string" and part.literal else part for part in parts]


# Columns char(n): Spark pads them to n, and what they are compared with


def _padded(left: Node, right: Node) -> tuple[Node, Node]:
    width = max(_width(left), _width(right))
    if not (left.char or right.char) or not (_width(left) and _width(right)):
        return left, right
    return _pad(left, width), _pad(right, width)


def _width(part: Node) -> int:
    """Of a text that is padded for a comparison; 0 if it is not."""
    if part.char or not part.constant or part.type.name != "string":
        return part.char
    try:
        value = part.of(())
    except Unfit:
        return 0
    return 0 if value is None else len(value)


def _pad(part: Node, width: int) -> Node:
    return strict(part.type, lambda value: value.ljust(width), part)


# Conditions


def both(left: Node, right: Node) -> Node:
    """`and`: the right side is not evaluated where the left one is false."""
    return _decided(False, *_conditions("and", left, right))


def either(left: Node, right: Node) -> Node:
    return _decided(True, *_conditions("or", left, right))


def _decided(by: bool, left: Node, right: Node) -> Node:
    one, other = left.of, right.of

    def of(row: Row) -> Any:
        first = one(row)
        second = by if first is by else other(row)
        if second is by:
            return by
        return None if first is None or second is None else not by

    return computed(BOOLEAN, of, left, right)


def negated(part: Node) -> Node:
    return strict(BOOLEAN, operator.not_, *_conditions("not", part))


def is_null(part: Node) -> Node:
    of = part.of
    return computed(BOOLEAN, lambda row: of(row) is None, part)


def is_truth(part: Node, value: bool) -> Node:
    of = _conditions("is true", part)[0].of
    return computed(BOOLEAN, lambda row: of(row) is value, part)


def condition(what: str, part: Node) -> Node:
    """Raises Refused for what is neither true nor false."""
    return _conditions(what, part)[0]


def _conditions(what: str, *parts: Node) -> list[Node]:
    for part in parts:
        if part.type not in (BOOLEAN, NULL):
            raise Refused(f"{what} takes a condition, not a {part.type}", "Compare it with something.")
    return [cast(part, BOOLEAN) for part in parts]


# Choices


def among(value: Node, items: Sequence[Node]) -> Node:
    """`in`: evaluated up to the first equal item."""
    first, *rest = _alike("in", _texts_cast([value, *items]))
    if first.char and all(item.constant for item in rest):
        width = max(first.char, *(_width(item) for item in rest))
        first, rest = _pad(first, width), [_pad(item, width) for item in rest]
    one, others, equal = first.of, [item.of for item in rest], _tests(first.type)["="]

    def of(row: Row) -> bool | None:
        wanted = one(row)
        if wanted is None:
            return None
        unknown = False
        for other in others:
            found = other(row)
            if found is None:
                unknown = True
            elif equal(wanted, found):
                return True
        return None if unknown else False

    return computed(BOOLEAN, of, first, *rest)


def coalesce(parts: Sequence[Node]) -> Node:
    parts = _alike("coalesce", _texts_cast(parts))
    functions = [part.of for part in parts]

    def of(row: Row) -> Any:
        return next((value for function in functions if (value := function(row)) is not None), None)

    return computed(parts[0].type, of, *parts)


def choice(branches: Sequence[tuple[Node, Node]], other: Node | None) -> Node:
    """`case` and `if`: the value of the first branch whose condition is true."""
    if any(test.type == NULL for test, _ in branches):
        raise Refused("case takes a condition, not null", "Leave the branch out.")
    conditions = [condition("case", test) for test, _ in branches]
    values = _alike("case", _texts_cast([*(value for _, value in branches), other or literal(NULL, None)]))
    pairs = [(test.of, value.of) for test, value in zip(conditions, values, strict=False)]
    last = values[-1].of

    def of(row: Row) -> Any:
        for test, value in pairs:
            if test(row):
                return value(row)
        return last(row)

    return computed(values[0].type, of, *conditions, *values)


def nullif(left: Node, right: Node) -> Node:
    return choice([(compare("=", left, right), cast(literal(NULL, None), left.type))], left)


def extreme(name: str, parts: Sequence[Node]) -> Node:
    """`greatest` and `least`: NULLs are passed over."""
    if len(parts) < 2:
        raise Refused(f"{name} takes two arguments or more")
    parts = _alike(name, _texts_cast(parts))
    better = _tests(parts[0].type)[">" if name == "greatest" else "<"]
    functions = [part.of for part in parts]

    def of(row: Row) -> Any:
        best = None
        for value in [function(row) for function in functions]:
            if value is not None and (best is None or better(value, best)):
                best = value
        return best

    return computed(parts[0].type, of, *parts)
