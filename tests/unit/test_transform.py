"""The transform slot: what it does to rows, and what it refuses."""

from typing import Any

import pyarrow as pa
import pytest

from loader.mapping import MappingError
from loader.mapping.build import build_mapping
from loader.mapping.transform_sql import SqlTransform

COLUMNS = {"id": "string", "c": "string", "n": "bigint", "small": "tinyint", "x": "double"}
MAPPING = build_mapping(COLUMNS, ":key,d:c,d:n,d:small,d:x", ("c",))


def rows(**columns: list[Any]) -> pa.Table:
    length = len(next(iter(columns.values())))
    filled = {name: columns.get(name, [None] * length) for name in COLUMNS}
    return pa.table(filled, schema=MAPPING.full_schema)


def test_a_selected_column_is_replaced_and_the_others_stay() -> None:
    result = SqlTransform({"c": "upper(c)"}, None, MAPPING).apply(rows(id=["k"], c=["red"], n=[1]))
    assert result.rows.to_pylist() == [{"id": "k", "c": "RED", "n": 1, "small": None, "x": None}]


def test_expressions_see_the_columns_as_decoded() -> None:
    result = SqlTransform({"n": "n + 1", "x": "n * 1.5"}, "n = 1", MAPPING).apply(rows(id=["k"], n=[1]))
    assert result.rows.select(["n", "x"]).to_pylist() == [{"n": 2, "x": 1.5}]
    assert result.kept.to_pylist() == [True]


def test_where_keeps_only_what_is_true() -> None:
    result = SqlTransform({}, "n > 1", MAPPING).apply(rows(id=["a", "b", "c"], n=[1, None, 2]))
    assert result.kept.to_pylist() == [False, False, True]


def test_rows_keep_their_order() -> None:
    given = rows(id=[str(number) for number in range(5000)], n=list(range(5000)))
    result = SqlTransform({"x": "n / 2"}, None, MAPPING).apply(given)
    assert result.rows["x"].to_pylist() == [number / 2 for number in range(5000)]


def test_a_result_takes_the_columns_type_only_if_nothing_is_lost() -> None:
    result = SqlTransform({"n": "x * 2"}, None, MAPPING).apply(rows(id=["a", "b"], x=[1.5, 1.25]))
    assert result.rows["n"].to_pylist() == [3, None]
    assert list(result.problems) == [1]


def test_a_row_on_which_an_expression_fails_is_a_problem_of_its_own() -> None:
    result = SqlTransform({"n": "n * n"}, None, MAPPING).apply(rows(id=["a", "b", "c"], n=[2, 2**62, 3]))
    assert list(result.problems) == [1]
    assert [result.rows["n"][index].as_py() for index in (0, 2)] == [4, 9]


def test_no_rows_are_no_rows() -> None:
    assert len(SqlTransform({"n": "1"}, "true", MAPPING).apply(rows(id=[])).rows) == 0


REFUSED = [
    ("now()", "cannot be used"),
    ("rand()", "cannot be used"),
    ("current_date", "cannot be used"),
    ("count(n)", "cannot be used"),
    ("(select 1)", "cannot be used"),
    ("sum(n) over ()", "cannot be used"),
    ("read_text('/etc/passwd')", "cannot be used"),
    ("cast(x as int)", "cannot be used"),
    ("substring(c, n)", "start must be a number"),
    ("c like n", "pattern must be a text"),
    ("nn + 1", "nn is no column"),
    ("t.n", "t.n is no column"),
    ("n +", "is no expression"),
    ("n; drop table x", "cannot be used"),
]


@pytest.mark.parametrize(("expression", "message"), REFUSED)
def test_what_does_not_follow_from_the_row_alone_is_refused(expression: str, message: str) -> None:
    with pytest.raises(MappingError, match=message) as caught:
        SqlTransform({"n": expression}, None, MAPPING)
    assert caught.value.path == ("transform", "select", "n")


def test_the_nearest_right_column_is_named() -> None:
    with pytest.raises(MappingError) as caught:
        SqlTransform({}, "smal = 1", MAPPING)
    assert "small" in caught.value.hint


def test_types_that_do_not_fit_are_refused_at_the_start() -> None:
    with pytest.raises(MappingError, match="transform"):
        SqlTransform({"n": "-c"}, None, MAPPING)


def test_the_row_key_cannot_be_changed() -> None:
    with pytest.raises(MappingError, match="row key"):
        SqlTransform({"id": "'x'"}, None, MAPPING)
