"""One expression over many rows: by Spark, each failure of a row caught on its own, and by the transform's rules."""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from loader.mapping.hive_types import HiveType
from loader.mapping.sql.analysis import analyzed
from loader.mapping.sql.columns import Columns
from loader.mapping.sql.nodes import Node, Refused, Row, Unfit
from tests.integration.expressions.odd_rows import COLUMNS, write_rows

FAILS = "fails"
"""In place of a value: the expression fails on the row."""

_OPTIMIZATIONS = (
    *("ConstantFolding", "NullPropagation", "NullDownPropagation", "BooleanSimplification", "SimplifyConditionals"),
    *("SimplifyBinaryComparison", "OptimizeIn", "LikeSimplification", "SimplifyCasts", "ReorderAssociativeOperator"),
    *("PushFoldableIntoBranches", "UnwrapCastInBinaryComparison", "ReplaceNullWithFalseInPredicate", "CombineConcats"),
    *("SimplifyCaseConversionExpressions", "ConstantPropagation", "FoldablePropagation"),
)
PLAIN = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.subexpressionElimination.enabled": "false",
    "spark.sql.alwaysInlineCommonExpr": "true",
    "spark.sql.optimizer.excludedRules": ",".join(
        f"org.apache.spark.sql.catalyst.optimizer.{name}" for name in _OPTIMIZATIONS
    ),
}
"""Expressions as they are written: what a row fails on must not depend on what the optimizer made of it."""


@dataclass(frozen=True)
class Result:
    """`kind`: the type as Spark spells it. Values are comparable: floats by their bits."""

    kind: str
    values: list[Any]


class BySpark:
    """Rows as a table of Spark's, with its char, varchar and timestamp columns."""

    def __init__(
        self, spark: Any, rows: pa.Table, folder: Path, name: str, columns: Mapping[str, str] = COLUMNS
    ) -> None:
        folder.mkdir(parents=True)
        write_rows(rows, folder / "rows.parquet")
        declared = ", ".join(f"{column} {kind}" for column, kind in {**columns, "id": "bigint"}.items())
        spark.sql(f"CREATE TABLE {name} ({declared}) USING parquet LOCATION '{folder.as_uri()}'")
        self._spark, self._name, self._frame = spark, name, spark.table(name)

    def drop(self) -> None:
        self._spark.sql(f"DROP TABLE {self._name}")

    def results(self, texts: Sequence[str]) -> list[Result | str]:
        """Of each expression, in order of `id`; a text instead is why Spark refuses it."""
        try:
            return list(self._run(texts))
        except Exception as error:  # noqa: BLE001 - py4j knows many
            if len(texts) == 1:
                return [str(error).partition("\n")[0]]
        half = len(texts) // 2
        return [*self.results(texts[:half]), *self.results(texts[half:])]

    def _run(self, texts: Sequence[str]) -> Iterator[Result]:
        columns = [self._caught(text).alias(f"_{place}") for place, text in enumerate(texts)]
        found = self._frame.select("id", *columns)
        table = pa.Table.from_batches(found._collect_as_arrow()).sort_by("id")
        for place, _ in enumerate(texts):
            kind = found.schema[f"_{place}"].dataType["v"].dataType.simpleString()
            column = table[f"_{place}"].combine_chunks()
            values = _plain(column.field("v"))
            fine = column.is_valid().to_pylist()
            yield Result(kind, [value if good else FAILS for value, good in zip(values, fine, strict=True)])

    def _caught(self, text: str) -> Any:
        """A struct around the value, NULL where the expression fails: Spark's own TryEval."""
        from pyspark.sql import Column

        jvm = self._spark._jvm
        parsed = self._spark._jsparkSession.sessionState().sqlParser().parseExpression(f"named_struct('v', {text})")
        caught = jvm.org.apache.spark.sql.catalyst.expressions.TryEval(parsed)
        return Column(jvm.org.apache.spark.sql.classic.ExpressionUtils.column(caught))


@contextmanager
def as_written(spark: Any) -> Iterator[None]:
    """Spark evaluates expressions as they are written."""
    for name, value in PLAIN.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name in PLAIN:
            spark.conf.unset(name)


def by_transform(text: str, rows: pa.Table, types: Mapping[str, HiveType]) -> Result | str:
    """A text is why the transform refuses it."""
    columns = Columns(types)
    try:
        node = analyzed(text, columns)
    except Refused as error:
        return str(error)
    kind = "void" if node.type.name == "null" else str(node.type)
    return Result(kind, [_bits(_value(node, row)) for row in columns.rows(rows)])


def _value(node: Node, row: Row) -> Any:
    try:
        return node.of(row)
    except Unfit:
        return FAILS


def _plain(column: pa.Array) -> list[Any]:
    if pa.types.is_decimal(column.type):
        scale = column.type.scale
        return [None if value is None else _unscaled(value, scale) for value in column.to_pylist()]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return [_bits(value) for value in column.to_pylist()]


def _unscaled(value: Any, scale: int) -> int:
    sign, digits, exponent = value.as_tuple()
    assert -exponent == scale
    return (-1 if sign else 1) * int("".join(map(str, digits)))


def _bits(value: Any) -> Any:
    """-0.0 is another value than 0.0, and every NaN the same."""
    if not isinstance(value, float):
        return value
    return "NaN" if math.isnan(value) else struct.pack(">d", value).hex()
