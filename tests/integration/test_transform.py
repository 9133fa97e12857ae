"""What the transform allows means the same in Spark: every expression over the same rows, in both."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from loader.mapping.build import build_mapping
from loader.mapping.sql.transform import SqlTransform

TYPES = {"a": "string", "b": "string", "n": "bigint", "i": "int", "x": "double", "d": "date", "t": "timestamp"}
COLUMNS = {"id": "string", **TYPES, "m": "decimal(10,2)", "ok": "boolean"}
RESULTS = {"text": "string", "long": "bigint", "real": "double", "day": "date", "flag": "boolean"}
MAPPING = build_mapping(
    {**COLUMNS, **RESULTS},
    {"id": ":key", **{name: f"d:{name}" for name in COLUMNS if name != "id"}},
    ["a"],
    computed=[*RESULTS],
)
ROWS = [
    ("1", "red", "ed", 7, 2, 1.5, date(2026, 1, 31), datetime(2026, 1, 31, 23, 59), Decimal("1.25"), True),
    ("2", "", " pad ", -7, -2, -0.5, date(1969, 12, 31), datetime(1969, 12, 31, 0, 0), Decimal("-0.50"), False),
    ("3", None, "x%_", 0, 3, 0.0, None, None, None, None),
    (
        "4",
        "Grün, 世界",
        "rü",
        None,
        None,
        None,
        date(2000, 2, 29),
        datetime(2000, 2, 29, 12, 30),
        Decimal("9.99"),
        True,
    ),
]
EXPRESSIONS = [
    ("text", "upper(a) || '-' || b"),
    ("text", "concat(a, b)"),
    ("text", "lower(substring(a, 2, 3))"),
    ("text", "substr(a, 2)"),
    ("text", "left(a, 2)"),
    ("text", "right(a, 2)"),
    ("text", "trim(b)"),
    ("text", "replace(a, 'r', 'R')"),
    ("text", "nullif(a, '')"),
    ("text", "coalesce(a, b, 'none')"),
    ("text", "if(n > 0, 'up', 'down')"),
    ("text", "case when n > 0 then a when n is null then 'null' else b end"),
    ("text", "case i when 2 then 'two' else 'other' end"),
    ("text", "trim('\\u00a0x')"),
    ("text", "trim(' \\tx ')"),
    ("text", "left(a, -1)"),
    ("text", "right(a, -2)"),
    ("text", "left(a, 0)"),
    ("text", "substring(a, -2)"),
    ("text", "substring(a, 0, 2)"),
    ("text", "replace(a, '', '-')"),
    ("text", "upper('ß')"),
    ("text", "cast(t as string)"),
    ("text", "cast(m as string)"),
    ("text", "cast(n as string)"),
    ("text", "cast(d as string)"),
    ("text", "cast(ok as string)"),
    ("text", "greatest(a, b)"),
    ("text", "least(a, b)"),
    ("long", "n + i * 2 - 1"),
    ("long", "-n"),
    ("long", "n % i"),
    ("long", "abs(n)"),
    ("long", "length(a)"),
    ("long", "greatest(n, i)"),
    ("long", "least(n, 3)"),
    ("long", "cast(i as bigint)"),
    ("real", "n / i"),
    ("real", "n / 4"),
    ("real", "x * 1.5 + n"),
    ("real", "cast(n as double) / 3"),
    ("day", "cast(t as date)"),
    ("day", "coalesce(d, cast(t as date))"),
    ("flag", "a = 'red' or b = 'ed'"),
    ("flag", "a <> 'red' and not ok"),
    ("flag", "a <=> null"),
    ("flag", "a like 'r%d'"),
    ("flag", "b like '%_'"),
    ("flag", "a in ('red', 'blue')"),
    ("flag", "n not in (7, 8)"),
    ("flag", "n between -7 and 0"),
    ("flag", "a is not null"),
    ("flag", "a < b"),
    ("flag", "m > 1.25"),
    ("flag", "d < '2000-01-01'"),
    ("flag", "x >= n"),
    ("flag", "ok and n > 0"),
]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    padded = [(*row, *[None] * len(RESULTS)) for row in ROWS]
    names = [name for name, _ in MAPPING.types]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in padded], MAPPING.full_schema)


CONDITIONS = [text for column, text in EXPRESSIONS if column == "flag"]


@pytest.fixture(scope="module")
def by_spark(spark: Any) -> dict[str, list[Any]]:
    """Expression → its results in order of the rows; all in one query, for Spark starts slowly."""
    types = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()).replace("t timestamp", "t timestamp_ntz")
    frame = spark.createDataFrame(ROWS, types)
    casts = [f"cast({text} as {RESULTS[column]})" for column, text in EXPRESSIONS]
    found = frame.selectExpr("id", *casts).orderBy("id").collect()
    return {text: [row[place + 1] for row in found] for place, (_, text) in enumerate(EXPRESSIONS)}


@pytest.mark.parametrize(("column", "expression"), EXPRESSIONS)
def test_both_engines_agree(rows: pa.Table, by_spark: dict[str, list[Any]], column: str, expression: str) -> None:
    ours = SqlTransform({column: expression}, None, MAPPING).apply(rows)
    assert ours.rows[column].to_pylist() == by_spark[expression]
    assert ours.problems == {}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_both_engines_keep_the_same_rows(rows: pa.Table, by_spark: dict[str, list[Any]], condition: str) -> None:
    kept = SqlTransform({}, condition, MAPPING).apply(rows).kept
    assert kept.to_pylist() == [result is True for result in by_spark[condition]]


STORED = {
    "code": "char(5)",
    "short": "varchar(3)",
    "cost": "decimal(12,2)",
    "count": "int",
    "price": "float",
    "at": "timestamp",
}
INSERTED = [
    ("code", "a"),
    ("code", "a || '   '"),
    ("short", "left(a, 2) || '      '"),
    ("cost", "m * 1.1"),
    ("cost", "x / 3"),
    ("cost", "n"),
    ("count", "m * 1.5"),
    ("count", "x * 3"),
    ("price", "x / 3"),
    ("price", "m / 7"),
    ("at", "d"),
    ("code", "ok"),
]


@pytest.mark.parametrize(("column", "expression"), INSERTED)
def test_a_result_is_stored_as_spark_inserts_it(spark: Any, column: str, expression: str) -> None:
    """A char is read with its spaces, wherever it comes from."""
    mapping = build_mapping(
        {**COLUMNS, **STORED},
        {"id": ":key", **{name: f"d:{name}" for name in COLUMNS if name != "id"}},
        ["a"],
        computed=[*STORED],
    )
    short = [
        tuple("ab" if name == "a" and row[1] else value for name, value in zip(COLUMNS, row, strict=True))
        for row in ROWS
    ]
    frame = spark.createDataFrame(short, ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()))
    frame.createOrReplaceTempView("given_rows")
    spark.sql(f"CREATE TABLE stored_rows (id string, {column} {STORED[column]}) USING parquet")
    try:
        spark.sql(f"INSERT INTO stored_rows SELECT id, {expression} FROM given_rows")
        theirs = [row[0] for row in spark.sql(f"SELECT {column} FROM stored_rows ORDER BY id").collect()]
    finally:
        spark.sql("DROP TABLE stored_rows")
    names = [name for name, _ in mapping.types]
    padded = [dict(zip(names, (*row, *[None] * len(STORED)), strict=True)) for row in short]
    done = SqlTransform({column: expression}, None, mapping).apply(pa.Table.from_pylist(padded, mapping.full_schema))
    ours = [
        value.ljust(5) if column == "code" and value is not None else value for value in done.rows[column].to_pylist()
    ]
    assert (ours, done.problems) == (theirs, {})
