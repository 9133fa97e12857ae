"""The transform slot: what it does to rows, and what it refuses."""

import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from loader.mapping import MappingError
from loader.mapping.build import build_mapping
from loader.mapping.sql.transform import SqlTransform

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


def test_a_result_is_cast_to_the_columns_type_as_spark_casts_it() -> None:
    result = SqlTransform({"n": "x * 2"}, None, MAPPING).apply(rows(id=["a", "b", "c"], x=[1.5, 1.25, -1.25]))
    assert result.rows["n"].to_pylist() == [3, 2, -2]
    assert result.problems == {}


def test_a_result_that_does_not_fit_is_its_rows_problem_and_names_the_column() -> None:
    given = rows(id=["a", "b", "c"], x=[1.0, 1e30, float("nan")], n=[100, 128, 1])
    result = SqlTransform({"small": "n", "n": "x"}, None, MAPPING).apply(given)
    assert result.problems == {
        1: ("transform: 128 does not fit tinyint", "small"),
        2: ("transform: nan does not fit bigint", "n"),
    }
    assert result.rows["small"].to_pylist() == [100, None, 1]


MONEY = build_mapping(
    {
        "id": "string",
        "c": "string",
        "cost": "decimal(12,2)",
        "price": "double",
        "code": "char(5)",
        "name": "varchar(3)",
    },
    ":key,d:c,d:cost,d:price,d:code,d:name",
    ("c",),
)


def of_money(select: dict[str, str], **columns: Any) -> Any:
    names = [name for name, _ in MONEY.types]
    given = {name: [columns.get(name)] for name in names}
    return SqlTransform(select, None, MONEY).apply(pa.table(given, schema=MONEY.full_schema))


@pytest.mark.parametrize(
    ("cost", "dearer"), [("10.05", "11.06"), ("-10.05", "-11.06"), ("0.04", "0.04"), ("0.05", "0.06"), (None, None)]
)
def test_a_decimal_is_rounded_half_up_to_the_columns_scale(cost: str | None, dearer: str | None) -> None:
    result = of_money({"cost": "cost * 1.1"}, cost=None if cost is None else Decimal(cost))
    assert result.rows["cost"].to_pylist() == [None if dearer is None else Decimal(dearer)]
    assert result.problems == {}


def test_a_decimal_with_too_many_digits_is_its_rows_problem() -> None:
    result = of_money({"cost": "cost * 1.1"}, cost=Decimal("9999999999.99"))
    assert result.problems == {0: ("transform: 10999999999.99 does not fit decimal(12,2)", "cost")}


def test_a_double_without_a_decimal_is_null_as_in_spark() -> None:
    assert of_money({"cost": "price"}, price=float("inf")).rows["cost"].to_pylist() == [None]
    assert of_money({"cost": "price"}, price=2.675).rows["cost"].to_pylist() == [Decimal("2.68")]


def test_a_char_is_padded_in_expressions_and_stored_without_its_spaces() -> None:
    assert of_money({"c": "code || '!'"}, code="ab").rows["c"].to_pylist() == ["ab   !"]
    assert of_money({"cost": "length(code)"}, code="ab").rows["cost"].to_pylist() == [Decimal("5.00")]
    assert of_money({"c": "if(code = 'ab', 'yes', 'no')"}, code="ab").rows["c"].to_pylist() == ["yes"]
    assert of_money({"code": "upper(code)"}, code="ab").rows["code"].to_pylist() == ["AB"]


def test_a_constant_that_fails_beside_a_char_fails_its_rows_and_not_the_start() -> None:
    result = of_money({"c": "if(code = concat('a', 2147483647 + 1), 'yes', 'no')"}, code="ab")
    assert result.problems == {0: ("transform: 2147483648 does not fit int", "c")}
    assert of_money({"c": "if(code is null, cast(1 / 0 as decimal(3,1)) || '', 'no')"}, code="ab").rows[
        "c"
    ].to_pylist() == ["no"]


def test_what_a_varchar_cannot_hold_is_its_rows_problem_but_for_spaces() -> None:
    assert of_money({"name": "c"}, c="abc   ").rows["name"].to_pylist() == ["abc"]
    assert of_money({"name": "c"}, c="abcd").problems == {0: ("transform: 4 characters do not fit varchar(3)", "name")}


def test_of_a_row_that_is_left_out_nothing_is_evaluated() -> None:
    result = SqlTransform({"n": "1 / n"}, "n <> 0", MAPPING).apply(rows(id=["a", "b"], n=[0, 1]))
    assert (result.kept.to_pylist(), result.problems) == ([False, True], {})


def test_a_branch_that_is_not_taken_cannot_fail() -> None:
    select = {"x": "case when n = 0 then -1 else 1 / n end", "c": "if(n = 0 or 1 / n > 0, 'up', 'down')"}
    result = SqlTransform(select, None, MAPPING).apply(rows(id=["a", "b"], n=[0, -4]))
    assert result.rows.select(["x", "c"]).to_pylist() == [{"x": -1.0, "c": "up"}, {"x": -0.25, "c": "down"}]


def test_division_by_zero_is_its_rows_problem() -> None:
    result = SqlTransform({"x": "n / small"}, None, MAPPING).apply(rows(id=["a", "b"], n=[1, None], small=[0, 0]))
    assert result.problems == {0: ("transform: division by zero", "x")}


def test_a_where_that_fails_is_its_rows_problem_and_names_no_column() -> None:
    result = SqlTransform({}, "n / small > 1", MAPPING).apply(rows(id=["a"], n=[1], small=[0]))
    assert result.problems == {0: ("transform: division by zero", None)}


def test_a_moment_outside_of_four_digit_years_is_its_rows_problem() -> None:
    mapping = build_mapping({"id": "string", "c": "string", "at": "timestamp"}, ":key,d:c,d:at", ("c",))
    far = pa.array([10**18], pa.int64()).cast(pa.timestamp("us"))
    given = pa.table({"id": ["a"], "c": ["x"], "at": far}, schema=mapping.full_schema)
    result = SqlTransform({"c": "cast(at as string)"}, None, mapping).apply(given)
    assert result.problems == {0: ("transform: at is outside of the years 0001 to 9999", "c")}


def test_slices_of_a_table_are_read_from_where_they_begin() -> None:
    names = [name for name, _ in MONEY.types]
    costs = [Decimal("1.00"), None, Decimal("3.00")]
    given = pa.table({name: costs if name == "cost" else [None] * 3 for name in names}, schema=MONEY.full_schema)
    result = SqlTransform({"cost": "cost + 1"}, None, MONEY).apply(pa.concat_tables([given.slice(1), given.slice(2)]))
    assert result.rows["cost"].to_pylist() == [None, Decimal("4.00"), Decimal("4.00")]


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
    ("cast(c as int)", "cannot be cast"),
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


INSTEAD = [
    ("try_cast(x as int)", "Use cast"),
    ("cast(x as string)", "decimal"),
    ("c || x", "decimal"),
    ("n = c", "Cast one of them"),
    ("c like 'a\\\\_'", "without backslashes"),
    ("trim('x' from c)", "cut spaces only"),
    ("btrim(c)", "Use trim"),
    ("date_add(c, 1)", "Days and moments"),
    ("regexp_replace(c, 'a', 'b')", "Use like"),
    ("now()", "from the row alone"),
    ("n div 2", "cast\\(a / b as bigint\\)"),
    ("round(x)", "decimal type"),
    ("c = 'a' = true", "parentheses"),
    ("n + 1 || c", "parentheses"),
    ("n > 9223372036854775808.5", "Leave the comparison out"),
    ("n = 'five'", "Write digits"),
    ("'it''s'", "quote"),
    ("isnull(c)", "is null"),
    ("soundex(c)", "Allowed: columns"),
]


@pytest.mark.parametrize(("expression", "hint"), INSTEAD)
def test_what_is_refused_says_what_to_write_instead(expression: str, hint: str) -> None:
    with pytest.raises(MappingError, match="transform: ") as caught:
        SqlTransform({"c": expression}, None, MAPPING)
    assert re.search(hint, caught.value.hint), caught.value.hint


@pytest.mark.parametrize("text", ["(" * 400 + "n" + ")" * 400, " or ".join(["n = 1"] * 3000)])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(MappingError, match="nested more than"):
        SqlTransform({}, text, MAPPING)


def test_a_long_list_is_not_deep() -> None:
    listed = ", ".join(str(number) for number in range(5000))
    assert SqlTransform({}, f"n in ({listed})", MAPPING).apply(rows(id=["a"], n=[4999])).kept.to_pylist() == [True]


@pytest.mark.parametrize("where", ["n", "c", "1"])
def test_a_where_that_is_no_condition_is_refused(where: str) -> None:
    with pytest.raises(MappingError, match="where takes a condition"):
        SqlTransform({}, where, MAPPING)


def test_a_pattern_is_matched_in_time_in_proportion_to_the_text() -> None:
    pattern = "%a" * 30 + "%b"
    given = rows(id=["k"], c=["a" * 20_000])
    assert SqlTransform({}, f"c like '{pattern}'", MAPPING).apply(given).kept.to_pylist() == [False]


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
