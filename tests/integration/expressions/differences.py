"""What of many expressions the two engines see differently, each told by its smallest part that differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tests.integration.expressions.engines import FAILS, BySpark, Result, by_transform
from tests.integration.expressions.generated import Expression
from tests.integration.expressions.odd_rows import TYPES


@dataclass(frozen=True)
class Difference:
    """`row`: None if the types differ, or Spark refuses what the transform takes."""

    expression: str
    row: dict[str, Any] | None
    spark: Any
    transform: Any

    def __str__(self) -> str:
        where = f" on {self.row}" if self.row else ""
        return f"{self.expression}{where}:\n    Spark {self.spark!r:.200}\n    here  {self.transform!r:.200}"


@dataclass(frozen=True)
class Comparison:
    """`compared`: values; `refused`: expressions that the transform does not take."""

    compared: int
    refused: list[str]
    differences: list[Difference]


def compare(spark: BySpark, rows: pa.Table, made: Sequence[Expression], only_whole: bool = False) -> Comparison:
    """`only_whole`: expressions that fail on no row."""
    refused: list[str] = []
    taken: list[Expression] = []
    for expression in made:
        ours = by_transform(expression.text, rows, TYPES)
        if isinstance(ours, str):
            refused.append(f"{expression.text}: {ours}")
        elif not (only_whole and FAILS in ours.values):
            taken.append(expression)
    return Comparison(len(taken) * len(rows), refused, differences(spark, rows, taken))


def differences(spark: BySpark, rows: pa.Table, taken: Sequence[Expression]) -> list[Difference]:
    """Of expressions that the transform takes."""
    found = []
    for expression, other in zip(taken, spark.results([expression.text for expression in taken]), strict=True):
        ours = by_transform(expression.text, rows, TYPES)
        assert isinstance(ours, Result)
        if _difference(expression.text, rows, other, ours):
            found.append(_smallest(spark, rows, expression))
    return found


def _smallest(spark: BySpark, rows: pa.Table, expression: Expression) -> Difference:
    parts = list(dict.fromkeys(part.text for part in expression.below()))
    for text, other in sorted(zip(parts, spark.results(parts), strict=True), key=lambda pair: len(pair[0])):
        ours = by_transform(text, rows, TYPES)
        if isinstance(ours, Result) and (found := _difference(text, rows, other, ours)):
            return found
    raise AssertionError(f"{expression.text} differs once, and then not")


def _difference(text: str, rows: pa.Table, spark: Result | str, ours: Result) -> Difference | None:
    if isinstance(spark, str) or spark.kind != ours.kind:
        return Difference(text, None, spark if isinstance(spark, str) else spark.kind, ours.kind)
    pairs = enumerate(zip(spark.values, ours.values, strict=True))
    return next((_on_row(text, rows, index, *pair) for index, pair in pairs if pair[0] != pair[1]), None)


def _on_row(text: str, rows: pa.Table, index: int, spark: Any, ours: Any) -> Difference:
    row = rows.slice(index, 1).to_pylist()[0]
    return Difference(text, {name: row[name] for name in _named(text)}, spark, ours)


def _named(text: str) -> Iterator[str]:
    words = set("".join(char if char.isalnum() else " " for char in text).split())
    return (name for name in TYPES if name in words)
