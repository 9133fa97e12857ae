"""The transform slot filled: select and where in Spark SQL, with the meaning they have in Spark (ANSI mode, UTC).

Evaluated in this process, row by row, by the rules in loader/mapping/sql: rows are decoded, transformed and stored once
a batch, where they were read, without Spark. What is not among those rules is refused at the start, and so is what does
not follow from the row alone. tests/integration/test_transform_fuzz.py holds them to Spark.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from loader.config.document import KeyPath
from loader.mapping import MappingError
from loader.mapping.errors import did_you_mean
from loader.mapping.hive_types import HiveType
from loader.mapping.sql.analysis import analyzed
from loader.mapping.sql.columns import Columns, array_of, stored
from loader.mapping.sql.logic import condition
from loader.mapping.sql.nodes import Evaluate, Node, Refused, Row, Unfit
from loader.mapping.transform import Columned, Problems, Transformed


class SqlTransform:
    """`select`: column → expression, the others stay; `where`: a condition on the columns as decoded."""

    def __init__(self, select: Mapping[str, str], where: str | None, mapping: Columned) -> None:
        """Raises MappingError for what cannot be parsed, is not allowed, or has no such column."""
        self._types = dict(mapping.types)
        self._columns = Columns(self._types)
        self._selected = {name.lower(): self._column(name, text, mapping) for name, text in select.items()}
        self._where = self._proved(where, ("transform", "where"), _condition) if where else None

    def _column(self, name: str, text: str, mapping: Columned) -> Evaluate:
        kind = _selected(name.lower(), mapping)
        return self._proved(text, ("transform", "select", name), lambda node: stored(node, kind))

    def _proved(self, text: str, path: KeyPath, finish: Callable[[Node], Node]) -> Evaluate:
        try:
            return finish(analyzed(text, self._columns)).of
        except Refused as error:
            raise MappingError(f"transform: {error}", error.hint, path) from error

    def apply(self, rows: pa.Table) -> Transformed:
        """`rows` has all columns of the mapping. Of a row that is left out nothing else is evaluated."""
        problems: Problems = {}
        kept: list[bool] = []
        results: dict[str, list[Any]] = {name: [] for name in self._selected}
        for index, row in enumerate(self._columns.rows(rows)):
            keep = self._where is None or _value(self._where, row, index, None, problems) is True
            kept.append(keep)
            for name, of in self._selected.items():
                results[name].append(_value(of, row, index, name, problems) if keep else None)
        for name, values in results.items():
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, rows.schema.field(name), array_of(values, self._types[name]))
        return Transformed(rows, pa.array(kept, pa.bool_()), problems)


def _condition(node: Node) -> Node:
    return condition("where", node)


def _value(of: Evaluate, row: Row, index: int, column: str | None, problems: Problems) -> Any:
    """None, and a problem noted, where the expression has no value."""
    try:
        return of(row)
    except (Unfit, ArithmeticError, ValueError) as error:
        problems.setdefault(index, (f"transform: {error}", column))
        return None


def _selected(name: str, mapping: Columned) -> HiveType:
    """The column's type. Raises MappingError if no expression can fill it."""
    path = ("transform", "select", name)
    types = dict(mapping.types)
    if name not in types:
        raise MappingError(f"transform selects {name}, which is no column", did_you_mean(name, list(types)), path)
    if name in mapping.fixed:
        raise MappingError(f"transform changes {name}, which is part of the row key", "The key is identity.", path)
    return types[name]
