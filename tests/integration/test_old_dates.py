"""Dates before Gregory's calendar, as they lie in our files: what HiveServer2 and Spark show of them."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from devservers.hiveserver2 import HiveMetastore40, HiveServer2
from devservers.metastore import Metastore23
from loader.datafiles.orc_file import OrcOutput, OrcSettings
from loader.datafiles.parquet_file import ParquetOutput, ParquetSettings
from metastore.api import ORC, PARQUET, Column, Partition, Table, TableName
from metastore.client import connect
from partitioner.merge.encoding import Encoding
from tests.integration.oracle.kept import fresh_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

DAYS = [date(1, 1, 3), date(1000, 2, 28), date(1500, 3, 1), date(1582, 10, 4), date(1582, 10, 10), date(1582, 10, 15)]
SCHEMA = pa.schema([("n", pa.int64()), ("da", pa.date32()), ("ts", pa.timestamp("us"))])
ROWS = pa.table(
    [pa.array(range(len(DAYS))), pa.array(DAYS), pa.array([datetime.combine(day, time(11, 12, 13)) for day in DAYS])],
    schema=SCHEMA,
)
COLUMNS = (Column("n", "bigint"), Column("da", "date"), Column("ts", "timestamp"))


def by_caesar(day: date) -> str:
    """The same day in Julius Caesar's calendar, in which readers show days before 1582-10-15 if nothing tells them."""
    if day >= date(1582, 10, 15):
        return str(day)
    c = day.toordinal() + 1721425 + 32082
    years = (4 * c + 3) // 1461
    rest = c - 1461 * years // 4
    month = (5 * rest + 2) // 153
    year = years - 4800 + month // 10
    return f"{year:04d}-{month + 3 - 12 * (month // 10):02d}-{rest - (153 * month + 2) // 5 + 1:02d}"


RIGHT = [str(day) for day in DAYS]
SHIFTED = [by_caesar(day) for day in DAYS]


def table_of(uri: str, folder: Path, form: str) -> str:
    storage = ORC if form == "orc" else PARQUET
    name = TableName("default", fresh_name(f"old_dates_{form}"))
    (folder / "p=1").mkdir(parents=True)
    with (folder / "p=1" / "data").open("wb") as stream:
        if form == "orc":
            output: Any = OrcOutput(stream, SCHEMA, OrcSettings())
        else:
            output = ParquetOutput(stream, SCHEMA, Encoding(), ParquetSettings(timestamps=form))
        output.write(ROWS)
        output.close()
    metastore = connect([uri])
    metastore.create_table(Table(name, COLUMNS, (Column("p", "string"),), f"file://{folder}", storage))
    metastore.add_partitions(name, [Partition(("1",), f"file://{folder}/p=1", COLUMNS, storage)])
    metastore.close()
    return str(name)


def query(table: str) -> str:
    return f"select cast(da as string), cast(ts as string) from {table} order by n"


def shown(dates: list[str], timestamps: list[str]) -> list[tuple[str, str]]:
    return [(one, f"{other} 11:12:13") for one, other in zip(dates, timestamps, strict=True)]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("int96", shown(RIGHT, SHIFTED)), ("int64", shown(RIGHT, RIGHT)), ("orc", shown(SHIFTED, SHIFTED))],
)
def test_hiveserver2_shows_the_days_of_parquet_as_they_are_written(
    hive: HiveServer2, hive_metastore: HiveMetastore40, tmp_path: Path, form: str, expected: list[tuple[str, str]]
) -> None:
    """What is shifted stands in docs/operate.md: no reader of INT96 or of Arrow's ORC can be told better."""
    table = table_of(hive_metastore.uri, tmp_path / form, form)
    with hive.connect() as cursor:
        cursor.execute(query(table))
        assert cursor.fetchall() == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [("int96", shown(RIGHT, RIGHT)), ("int64", shown(RIGHT, RIGHT)), ("orc", shown(SHIFTED, SHIFTED))],
)
def test_spark_shows_the_days_of_parquet_as_they_are_written(
    spark: Any, hms: Metastore23, tmp_path: Path, form: str, expected: list[tuple[str, str]]
) -> None:
    table = table_of(hms.uri, tmp_path / form, form)
    assert [tuple(row) for row in spark.sql(query(table)).collect()] == expected
