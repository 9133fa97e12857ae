"""The transform slot filled: select and where in Spark SQL.

Written in Spark SQL, evaluated in this process by DuckDB over Arrow: rows are decoded, transformed and stored once a
batch, where they were read, without a Spark job of their own. Only what both engines compute alike is allowed
(tests/integration/test_transform.py compares them on real Spark): the lists below. All else is refused at the start,
among it what does not follow from the row alone (now(), rand(), aggregates, subqueries).

Differences that remain: division by zero is NULL (Spark: an error by default), and upper/lower of letters that
change their number (ß). A row on which an expression fails is rejected.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from loader.basics.printable import first_line
from loader.config.document import KeyPath
from loader.mapping import Mapping as CellMapping
from loader.mapping import MappingError
from loader.mapping.errors import did_you_mean
from loader.mapping.hive_types import INTEGERS
from loader.mapping.transform import Problems, Transformed

_ROW = ":row"
_KEPT = ":kept"

_OPERATORS = (
    *(sql.And, sql.Or, sql.Not, sql.Paren, sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.NullSafeEQ),
    *(sql.Is, sql.In, sql.Between, sql.Like, sql.Add, sql.Sub, sql.Mul, sql.Div, sql.Mod, sql.Neg, sql.DPipe),
    *(sql.Case, sql.If, sql.Column, sql.Identifier, sql.Literal, sql.Boolean, sql.Null),
)
_FUNCTIONS = (
    *(sql.Coalesce, sql.Nullif, sql.Concat, sql.Substring, sql.Left, sql.Right, sql.Trim, sql.Upper, sql.Lower),
    *(sql.Length, sql.Replace, sql.Abs, sql.Greatest, sql.Least),
)
_CASTS = {
    "int": INTEGERS,
    "bigint": INTEGERS,
    "double": INTEGERS,
    "string": (*INTEGERS, "date", "boolean"),
    "date": ("timestamp",),
}
"""Target of a cast → the types of a column that both engines cast alike."""


class SqlTransform:
    """`select`: column → expression, the others stay; `where`: a condition on the columns as decoded."""

    def __init__(self, select: Mapping[str, str], where: str | None, mapping: CellMapping) -> None:
        """Raises MappingError for what cannot be parsed, is not allowed, or has no such column."""
        self._schema = mapping.full_schema
        self._types = {name: kind.name for name, kind in mapping.types}
        self._selected = [name.lower() for name in select]
        for name in self._selected:
            _check_selected(name, mapping)
        expressions = [self._translate(text, ("transform", "select", name)) for name, text in select.items()]
        condition = self._translate(where, ("transform", "where")) if where else "true"
        columns = [f"{text} AS {_quoted(name)}" for name, text in zip(self._selected, expressions, strict=True)]
        self._query = ", ".join(
            [_quoted(_ROW), *columns, f"coalesce(CAST({condition} AS BOOLEAN), false) AS {_quoted(_KEPT)}"]
        )
        self._check_types()

    def apply(self, rows: pa.Table) -> Transformed:
        """`rows` has all columns of the mapping."""
        problems: Problems = {}
        numbered = rows.append_column(_ROW, pa.array(range(len(rows)), pa.int64()))
        results = pa.concat_tables(self._evaluated(numbered, problems))
        for name in self._selected:
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, self._schema.field(name), results[name])
        return Transformed(rows, results[_KEPT].combine_chunks(), problems)

    def _evaluated(self, rows: pa.Table, problems: Problems) -> list[pa.Table]:
        """In order. Rows that fail are found by halving, and come out as nulls."""
        try:
            return [self._run(rows)]
        except (duckdb.Error, pa.ArrowInvalid) as error:
            if len(rows) == 1:
                index = rows[_ROW][0].as_py()
                problems[index] = (f"transform: {first_line(error)}", None)
                return [self._nothing()]
        half = len(rows) // 2
        return [*self._evaluated(rows.slice(0, half), problems), *self._evaluated(rows.slice(half), problems)]

    def _run(self, rows: pa.Table) -> pa.Table:
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.register("decoded", rows)
            query = f"SELECT {self._query} FROM decoded ORDER BY {_quoted(_ROW)}"  # noqa: S608 - made of checked expressions
            found: Any = connection.sql(query).to_arrow_table()
        return pa.table([found[field.name].cast(field.type) for field in self._result], schema=self._result)

    @property
    def _result(self) -> pa.Schema:
        return pa.schema([*(self._schema.field(name) for name in self._selected), pa.field(_KEPT, pa.bool_())])

    def _nothing(self) -> pa.Table:
        nulls = [pa.nulls(1, field.type) for field in self._result]
        return pa.table([*nulls[:-1], pa.array([False])], schema=self._result)

    def _translate(self, text: str, path: KeyPath) -> str:
        try:
            tree: Any = sqlglot.parse_one(text, read="spark")
        except SqlglotError as error:
            raise MappingError(f"{text!r} is no expression: {first_line(error)}", "", path) from error
        for node in tree.walk():
            self._check(node, path)
        return str(tree.sql("duckdb"))

    def _check(self, node: Any, path: KeyPath) -> None:
        if isinstance(node, sql.Column):
            self._check_column(node, path)
        elif isinstance(node, (sql.Cast, sql.TryCast)):
            self._check_cast(node, path)
        elif isinstance(node, sql.DataType):
            if not isinstance(node.parent, (sql.Cast, sql.TryCast)):
                raise MappingError(f"{node.sql('spark')} cannot be used in a transform", _ALLOWED, path)
        elif type(node) not in (*_OPERATORS, *_FUNCTIONS):
            raise MappingError(f"{node.sql('spark')} cannot be used in a transform", _ALLOWED, path)
        elif problem := _argument_problem(node):
            raise MappingError(f"{node.sql('spark')}: {problem}", "", path)

    def _check_column(self, node: sql.Column, path: KeyPath) -> None:
        name = node.name.lower()
        if node.table or name not in self._types:
            raise MappingError(f"{node.sql('spark')} is no column", did_you_mean(name, list(self._types)), path)
        if self._types[name] == "map" or (self._types[name] == "decimal" and node.find_ancestor(sql.Div)):
            raise MappingError(
                f"{name} is {self._types[name]}, which cannot be used like this in a transform", "", path
            )

    def _check_cast(self, node: Any, path: KeyPath) -> None:
        target = node.to.sql("hive").lower()
        given = self._types.get(node.this.name.lower()) if isinstance(node.this, sql.Column) else None
        if given is None or given not in _CASTS.get(target, ()):
            raise MappingError(f"{node.sql('spark')} cannot be used in a transform", _CASTABLE, path)

    def _check_types(self) -> None:
        """Let DuckDB bind the expressions, so that what does not fit fails at the start."""
        empty = self._schema.empty_table().append_column(_ROW, pa.array([], pa.int64()))
        try:
            self._run(empty)
        except (duckdb.Error, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise MappingError(f"transform: {first_line(error)}", "", ("transform",)) from error


_CASTABLE = "Casts that work: " + "; ".join(f"{'/'.join(given)} column to {to}" for to, given in _CASTS.items())
_ALLOWED = "Allowed: columns, literals, comparisons, and/or/not, in, between, like, + - * / %, ||, case, if, cast, " + (
    ", ".join(sorted(function.sql_name().lower() for function in _FUNCTIONS)) + "."
)


def _check_selected(name: str, mapping: CellMapping) -> None:
    path = ("transform", "select", name)
    names = [column for column, _ in mapping.types]
    if name not in names:
        raise MappingError(f"transform selects {name}, which is no column", did_you_mean(name, names), path)
    if name in mapping.row_key.names:
        raise MappingError(f"transform changes {name}, which is part of the row key", "The key is identity.", path)


def _argument_problem(node: Any) -> str:
    """What of a function's or operator's arguments the two engines see differently."""
    arguments = node.args
    if isinstance(node, sql.Substring):
        start = arguments.get("start")
        if not isinstance(start, sql.Literal) or not start.name.isdigit() or int(start.name) < 1:
            return "the start must be a number from 1"
    if isinstance(node, sql.Like) and (not isinstance(node.expression, sql.Literal) or "\\" in node.expression.name):
        return "the pattern must be a text without backslashes"
    if isinstance(node, sql.Trim) and (arguments.get("expression") or arguments.get("position")):
        return "trim takes one argument"
    return ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
