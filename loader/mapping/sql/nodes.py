"""An expression that is ready to be evaluated: its type, and a function from one row to its value.

Values: int for integers, for decimals (without their point), for dates (days since 1970) and timestamps (microseconds);
float for float and double; str, bytes, bool; None for NULL. An expression that fails on a row raises Unfit: what Spark
does not evaluate (the branch not taken, the right side of a false `and`) does not fail here either.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loader.mapping.sql.types import SqlType

Row = Sequence[Any]
Evaluate = Callable[[Row], Any]


class Unfit(Exception):
    """The expression has no value on this row: Spark would raise an error. Its text is the reason."""


class Refused(Exception):
    """The expression cannot be used, whatever the row. `hint`: what to write instead.

    `placed`: the message names the part of the expression that it is about.
    """

    def __init__(self, message: str, hint: str = "", placed: bool = False) -> None:
        super().__init__(message)
        self.hint, self.placed = hint, placed


@dataclass(frozen=True, slots=True)
class Node:
    """`constant`: no column is read. `literal`: written as such, maybe with a sign. `char`: a column char(n), n.

    `typed`: an integer literal that is cast, as `10L`, which the parser does not tell from `cast(10 as bigint)`.
    """

    type: SqlType
    of: Evaluate
    constant: bool = False
    literal: bool = False
    char: int = 0
    typed: bool = False


def literal(kind: SqlType, value: Any) -> Node:
    return Node(kind, lambda row: value, constant=True, literal=True)


def computed(kind: SqlType, of: Evaluate, *parts: Node) -> Node:
    """Made of constants it is evaluated now; if it fails, it fails on each row that comes to it."""
    if not all(part.constant for part in parts):
        return Node(kind, of)
    try:
        value = of(())
    except Unfit:
        return Node(kind, of, constant=True)
    return Node(kind, lambda row: value, constant=True)


def strict(kind: SqlType, function: Callable[..., Any], *parts: Node) -> Node:
    """NULL if a part is; the parts are evaluated in order, up to the first NULL."""
    if len(parts) == 1:
        return computed(kind, _of_one(function, parts[0].of), *parts)
    if len(parts) == 2:
        if parts[1].literal and parts[1].of(()) is not None:
            return computed(kind, _of_one_and(function, parts[0].of, parts[1].of(())), *parts)
        return computed(kind, _of_two(function, parts[0].of, parts[1].of), *parts)
    return computed(kind, _of_many(function, [part.of for part in parts]), *parts)


def _of_one(function: Callable[[Any], Any], one: Evaluate) -> Evaluate:
    def of(row: Row) -> Any:
        value = one(row)
        return None if value is None else function(value)

    return of


def _of_one_and(function: Callable[[Any, Any], Any], one: Evaluate, right: Any) -> Evaluate:
    def of(row: Row) -> Any:
        left = one(row)
        return None if left is None else function(left, right)

    return of


def _of_two(function: Callable[[Any, Any], Any], one: Evaluate, other: Evaluate) -> Evaluate:
    def of(row: Row) -> Any:
        left = one(row)
        if left is None:
            return None
        right = other(row)
        return None if right is None else function(left, right)

    return of


def _of_many(function: Callable[..., Any], parts: Sequence[Evaluate]) -> Evaluate:
    def of(row: Row) -> Any:
        values = []
        for part in parts:
            value = part(row)
            if value is None:
                return None
            values.append(value)
        return function(*values)

    return of
