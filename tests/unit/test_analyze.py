"""Column statistics of every Hive type that has any, computed from a file."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loader.ops.analyze import statistics_of
from loader.storage.local import LocalFiles
from metastore.api import ColumnStatistics
from metastore.statistics import has_statistics
from partitioner.values import AttemptId, Bucket, DataFile, Version

NAN, INFINITY = float("nan"), float("inf")
CASES: list[tuple[str, pa.DataType, list[Any], dict[str, Any]]] = [
    ("tinyint", pa.int8(), [3, None, -3], {"nulls": 1, "distinct": 2, "low": -3, "high": 3}),
    ("smallint", pa.int16(), [3, 3], {"nulls": 0, "distinct": 1, "low": 3, "high": 3}),
    ("int", pa.int32(), [None], {"nulls": 1, "distinct": 0, "low": None, "high": None}),
    ("bigint", pa.int64(), [2**62, 0], {"nulls": 0, "distinct": 2, "low": 0, "high": 2**62}),
    ("double", pa.float64(), [0.5, NAN, -1.5], {"nulls": 0, "distinct": 3, "low": -1.5, "high": 0.5}),
    ("float", pa.float32(), [0.5, NAN], {"nulls": 0, "distinct": 2, "low": 0.5, "high": 0.5}),
    ("double", pa.float64(), [INFINITY, -1.5, NAN], {"nulls": 0, "distinct": 3, "low": -1.5, "high": None}),
    ("float", pa.float32(), [-INFINITY, 0.5], {"nulls": 0, "distinct": 2, "low": None, "high": 0.5}),
    ("date", pa.date32(), [-719_529, 0], {"nulls": 0, "distinct": 2, "low": None, "high": date(1970, 1, 1)}),
    ("string", pa.string(), ["ü", "abc", None], {"nulls": 1, "distinct": 2, "longest": 3, "average": 2.0}),
    ("varchar(9)", pa.string(), ["a"], {"nulls": 0, "distinct": 1, "longest": 1, "average": 1.0}),
    ("binary", pa.binary(), [b"\xff\x00", None], {"nulls": 1, "longest": 2, "average": 2.0}),
    ("boolean", pa.bool_(), [True, True, False, None], {"nulls": 1, "trues": 2, "falses": 1}),
    ("date", pa.date32(), [date(2026, 1, 2), None], {"nulls": 1, "distinct": 1, "low": date(2026, 1, 2)}),
    ("timestamp", pa.timestamp("us"), [datetime(1970, 1, 2)], {"nulls": 0, "distinct": 1, "low": 86400}),
    ("decimal(12,2)", pa.decimal128(12, 2), [Decimal("-1.50")], {"distinct": 1, "low": Decimal("-1.50")}),
]


def of_file(folder: Path, kind: str, arrow: pa.DataType, values: list[Any]) -> ColumnStatistics:
    path = folder / "00000-of-00001.parquet"
    pq.write_table(pa.table({"c": pa.array(values, arrow)}), path)
    file = DataFile(path.name, Bucket(0, 1), len(values), path.stat().st_size)
    version = Version(("x",), AttemptId("a"), f"file://{folder}", "parquet", (("c", kind),), (file,))
    (found,) = statistics_of(LocalFiles(), version, version.columns)
    return found


@pytest.mark.parametrize(
    ("kind", "arrow", "values", "told"), CASES, ids=[f"{number} {case[0]}" for number, case in enumerate(CASES)]
)
def test_the_statistics_of_a_type(
    tmp_path: Path, kind: str, arrow: pa.DataType, values: list[Any], told: dict[str, Any]
) -> None:
    found = of_file(tmp_path, kind, arrow, values)
    assert (found.name, found.type) == ("c", kind)
    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize("kind", [case[0] for case in CASES])
def test_the_metastore_keeps_statistics_of_each_of_them(kind: str) -> None:
    assert has_statistics(kind)


@pytest.mark.parametrize("kind", ["array<int>", "map<string,int>", "struct<a:int>"])
def test_nested_types_have_none(kind: str) -> None:
    assert not has_statistics(kind)
