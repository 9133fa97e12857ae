"""The text of an expression → a node that is ready to be evaluated, or Refused with what to write instead.

sqlglot reads it as Spark would, but for what is refused here: where its precedence differs from Spark's, parentheses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isfinite
from typing import Any

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from loader.basics.printable import first_line
from loader.mapping.hive_types import parse_hive_type
from loader.mapping.sql import logic, texts
from loader.mapping.sql.arithmetic import absolute, arithmetic, negative
from loader.mapping.sql.casts import cast
from loader.mapping.sql.columns import Columns
from loader.mapping.sql.nodes import Node, Refused, literal
from loader.mapping.sql.refusals import ALLOWED, HINTS
from loader.mapping.sql.types import (
    BIGINT,
    BOOLEAN,
    BOUNDS,
    DOUBLE,
    INT,
    MAX_DIGITS,
    NULL,
    STRING,
    SqlType,
    fitting,
    of_hive,
)

DEEPEST = 150
"""Levels of an expression."""


def analyzed(text: str, columns: Columns) -> Node:
    """Raises Refused."""
    try:
        tree: Any = sqlglot.parse_one(text, read="spark")
        depth = _depth(tree)
    except SqlglotError as error:
        raise Refused(f"{text!r} is no expression: {first_line(error)}") from error
    except RecursionError:
        depth = DEEPEST + 1
    if depth > DEEPEST:
        raise Refused(f"the expression is nested more than {DEEPEST} levels deep", "Use `in`, or fewer parentheses.")
    return _Analysis(columns).node(tree)


def _depth(tree: Any) -> int:
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for node in level for child in node.iter_expressions()]
    return deepest


@dataclass(frozen=True, slots=True)
class _Analysis:
    columns: Columns

    def node(self, tree: Any) -> Node:
        rule = _RULES.get(type(tree))
        if rule is None:
            raise Refused(f"{_spelled(tree)} cannot be used in a transform", _hint(tree), placed=True)
        read, build = rule
        if any(value for name, value in tree.args.items() if name not in read):
            raise Refused(f"{_spelled(tree)} cannot be used like this in a transform", _hint(tree), placed=True)
        _check_precedence(tree)
        try:
            return build(self, tree)
        except Refused as error:
            if error.placed:
                raise
            raise Refused(f"{_spelled(tree)}: {error}", error.hint, placed=True) from error

    def argument(self, tree: Any, name: str = "this") -> Node:
        return self.node(tree.args[name])

    def optional(self, tree: Any, name: str) -> Node | None:
        found = tree.args.get(name)
        return None if found is None else self.node(found)

    def pair(self, tree: Any) -> tuple[Node, Node]:
        return self.argument(tree), self.argument(tree, "expression")

    def several(self, tree: Any) -> list[Node]:
        """`this`, if there is one, and `expressions`."""
        first = [tree.this] if tree.args.get("this") is not None else []
        return [self.node(part) for part in [*first, *tree.expressions]]

    def column(self, tree: Any) -> Node:
        if tree.args.get("table") or not isinstance(tree.this, sql.Identifier):
            raise Refused(f"{_spelled(tree)} is no column", "Columns stand by their names alone.", placed=True)
        return self.columns.node(tree.name.lower(), _spelled(tree))


def _spelled(tree: Any) -> str:
    text = str(tree.sql("spark"))
    return text if len(text) <= 80 else f"{text[:80]}…"


def _hint(tree: Any) -> str:
    names = [tree.name] if isinstance(tree, sql.Anonymous) else [tree.key]
    if isinstance(tree, sql.Func):
        names += tree.sql_names()
    return next((HINTS[name.lower()] for name in names if name.lower() in HINTS), ALLOWED)


# Where the parser and Spark bind differently, or Spark does not bind at all

_COMPARISONS = (sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.NullSafeEQ)
_PREDICATES = (*_COMPARISONS, sql.Is, sql.In, sql.Between, sql.Like)
_SUMS = (sql.Add, sql.Sub)


def _check_precedence(tree: Any) -> None:
    """Operands of their own kind must stand in parentheses where a mix can be read in two ways."""
    inner = [part for part in tree.iter_expressions() if not isinstance(part, sql.Paren)]
    mixed = (
        (isinstance(tree, sql.DPipe) and any(isinstance(part, _SUMS) for part in inner))
        or (isinstance(tree, _SUMS) and any(isinstance(part, sql.DPipe) for part in inner))
        or (isinstance(tree, _PREDICATES) and any(isinstance(part, (*_PREDICATES, sql.Not)) for part in inner))
    )
    if mixed and not (isinstance(tree, sql.In) and not isinstance(tree.this, (*_PREDICATES, sql.Not))):
        raise Refused(f"{_spelled(tree)} can be read in two ways", "Put its parts in parentheses.", placed=True)


# Literals


def _literal(analysis: _Analysis, tree: Any) -> Node:
    return literal(STRING, tree.name) if tree.is_string else _number(tree.name)


def _number(spelled: str) -> Node:
    """Whole: int, bigint or decimal; with a point: a decimal; with an exponent: a double."""
    if "e" in spelled.lower():
        if not isfinite(float(spelled)):
            raise Refused(f"{spelled} is too large for a double")
        return literal(DOUBLE, float(spelled))
    sign, digits, exponent = Decimal(spelled).as_tuple()
    value = int("".join(map(str, digits))) * (-1 if sign else 1)
    if "." not in spelled:
        for kind in (INT, BIGINT):
            if BOUNDS[kind.name][0] <= value <= BOUNDS[kind.name][1]:
                return literal(kind, value)
    kind = fitting(value, -int(exponent))
    if kind.precision > MAX_DIGITS:
        raise Refused(f"{spelled} has more than {MAX_DIGITS} digits")
    return literal(kind, value)


def _negative(analysis: _Analysis, tree: Any) -> Node:
    """A sign before a number is part of the literal: -2147483648 is an int."""
    if isinstance(tree.this, sql.Literal) and not tree.this.is_string:
        return _number(f"-{tree.this.name}")
    return negative(analysis.argument(tree))


# Casts


def _cast(analysis: _Analysis, tree: Any) -> Node:
    if tree.args.get("safe"):
        raise Refused("try_cast cannot be used in a transform", HINTS["try_cast"])
    target = _target(tree.args["to"])
    given = analysis.argument(tree)
    typed = given.literal and given.type.integral and target.integral
    return replace(cast(given, target), char=0, literal=False, typed=typed)


def _target(tree: Any) -> SqlType:
    """Zones: a timestamp of this table is UTC, and so is Spark's here."""
    text = str(tree.sql("spark")).lower()
    try:
        kind = None if text == "timestamp_ntz" else of_hive(parse_hive_type(text))
    except ValueError:
        kind = None
    if kind is None or text.startswith(("char", "varchar")):
        raise Refused(f"a cast to {text} cannot be used in a transform", "Cast to string, a number, date or timestamp.")
    return kind


# Functions and operators

_Rule = tuple[tuple[str, ...], Callable[[_Analysis, Any], Node]]


def _is(analysis: _Analysis, tree: Any) -> Node:
    of, asked = analysis.argument(tree), tree.expression
    if isinstance(asked, sql.Null):
        return logic.is_null(of)
    if isinstance(asked, sql.Boolean):
        return logic.is_truth(of, bool(asked.this))
    raise Refused("`is` takes null, true or false")


def _in(analysis: _Analysis, tree: Any) -> Node:
    if not tree.expressions:
        raise Refused("`in` takes a list of values")
    return logic.among(analysis.argument(tree), [analysis.node(part) for part in tree.expressions])


def _between(analysis: _Analysis, tree: Any) -> Node:
    value, low, high = analysis.argument(tree), analysis.argument(tree, "low"), analysis.argument(tree, "high")
    return logic.both(logic.compare(">=", value, low), logic.compare("<=", value, high))


def _like(analysis: _Analysis, tree: Any) -> Node:
    pattern = tree.expression
    if not isinstance(pattern, sql.Literal) or not pattern.is_string or "\\" in pattern.name:
        raise Refused("the pattern must be a text without backslashes", HINTS["like"])
    found = texts.like(analysis.argument(tree), pattern.name)
    return logic.negated(found) if tree.args.get("negate") else found


def _concat(analysis: _Analysis, tree: Any) -> Node:
    if not tree.args.get("safe"):
        raise Refused("one text follows another", "Write one text; a quote in it as \\'.")
    return texts.concat("concat", analysis.several(tree))


def _choice(analysis: _Analysis, tree: Any) -> Node:
    subject = analysis.optional(tree, "this")
    branches = []
    for branch in tree.args["ifs"]:
        test = analysis.argument(branch)
        branches.append(
            (test if subject is None else logic.compare("=", subject, test), analysis.argument(branch, "true"))
        )
    return logic.choice(branches, analysis.optional(tree, "default"))


def _if(analysis: _Analysis, tree: Any) -> Node:
    branch = (analysis.argument(tree), analysis.argument(tree, "true"))
    return logic.choice([branch], analysis.optional(tree, "false"))


def _substring(analysis: _Analysis, tree: Any) -> Node:
    start = analysis.optional(tree, "start")
    if start is None:
        raise Refused("a substring needs a start")
    return texts.substring(analysis.argument(tree), start, analysis.optional(tree, "length"))


def _replace(analysis: _Analysis, tree: Any) -> Node:
    by = analysis.optional(tree, "replacement") or literal(STRING, "")
    return texts.replace(*analysis.pair(tree), by)


_PAIR = ("this", "expression")
_LIST = ("this", "expressions")


def _comparison(sign: str) -> _Rule:
    return _PAIR, lambda analysis, tree: logic.compare(sign, *analysis.pair(tree))


def _arithmetic(sign: str) -> _Rule:
    return (*_PAIR, "typed", "safe"), lambda analysis, tree: arithmetic(sign, *analysis.pair(tree))


def _unary(build: Callable[[Node], Node]) -> _Rule:
    return ("this",), lambda analysis, tree: build(analysis.argument(tree))


_RULES: dict[type, _Rule] = {
    sql.Column: (("this", "table"), lambda analysis, tree: analysis.column(tree)),
    sql.Literal: (("this", "is_string"), _literal),
    sql.Boolean: (("this",), lambda analysis, tree: literal(BOOLEAN, bool(tree.this))),
    sql.Null: ((), lambda analysis, tree: literal(NULL, None)),
    sql.Paren: (("this",), lambda analysis, tree: analysis.argument(tree)),
    sql.Neg: (("this",), _negative),
    sql.Cast: (("this", "to"), _cast),
    sql.TryCast: (("this", "to", "safe"), _cast),
    sql.EQ: _comparison("="),
    sql.NEQ: _comparison("<>"),
    sql.LT: _comparison("<"),
    sql.LTE: _comparison("<="),
    sql.GT: _comparison(">"),
    sql.GTE: _comparison(">="),
    sql.NullSafeEQ: (_PAIR, lambda analysis, tree: logic.null_safe_equal(*analysis.pair(tree))),
    sql.And: (_PAIR, lambda analysis, tree: logic.both(*analysis.pair(tree))),
    sql.Or: (_PAIR, lambda analysis, tree: logic.either(*analysis.pair(tree))),
    sql.Not: _unary(logic.negated),
    sql.Is: (_PAIR, _is),
    sql.In: (_LIST, _in),
    sql.Between: (("this", "low", "high"), _between),
    sql.Like: ((*_PAIR, "negate"), _like),
    sql.Add: _arithmetic("+"),
    sql.Sub: _arithmetic("-"),
    sql.Mul: _arithmetic("*"),
    sql.Div: _arithmetic("/"),
    sql.Mod: _arithmetic("%"),
    sql.Abs: _unary(absolute),
    sql.DPipe: ((*_PAIR, "safe"), lambda analysis, tree: texts.concat("||", analysis.pair(tree))),
    sql.Concat: (("expressions", "safe"), _concat),
    sql.Coalesce: ((*_LIST, "is_nvl"), lambda analysis, tree: logic.coalesce(analysis.several(tree))),
    sql.Nullif: (_PAIR, lambda analysis, tree: logic.nullif(*analysis.pair(tree))),
    sql.Case: (("this", "ifs", "default"), _choice),
    sql.If: (("this", "true", "false"), _if),
    sql.Greatest: ((*_LIST, "ignore_nulls"), lambda analysis, tree: logic.extreme("greatest", analysis.several(tree))),
    sql.Least: ((*_LIST, "ignore_nulls"), lambda analysis, tree: logic.extreme("least", analysis.several(tree))),
    sql.Upper: _unary(texts.upper),
    sql.Lower: _unary(texts.lower),
    sql.Length: _unary(texts.length),
    sql.Trim: (
        ("this", "position"),
        lambda analysis, tree: texts.trim(analysis.argument(tree), str(tree.args.get("position") or "BOTH").upper()),
    ),
    sql.Substring: (("this", "start", "length"), _substring),
    sql.Left: (_PAIR, lambda analysis, tree: texts.left(*analysis.pair(tree))),
    sql.Right: (_PAIR, lambda analysis, tree: texts.right(*analysis.pair(tree))),
    sql.Replace: ((*_PAIR, "replacement"), _replace),
}
"""What may be used: the arguments that are understood (any other refuses it), and how the node is made."""
