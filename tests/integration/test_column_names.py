"""Names of columns that the configuration takes are read by HiveServer2 and by Spark, in Parquet and in ORC."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from devservers.hiveserver2 import HiveMetastore40, HiveServer2
from devservers.metastore import Metastore23
from loader.mapping.column_names import LONGEST, name_problem
from metastore.api import ORC, PARQUET, Column, Partition, Table, TableName
from metastore.client import connect
from tests.integration.oracle.kept import fresh_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

TRIED = (
    *(f"a{char}b" for char in string.punctuation),
    *("-a", "1a", "_a", "__op", "größe", "漢字", "e\u0301", "select", "key", "_metadata", "a" * 300, "b" * LONGEST),
)
NAMES = tuple(name for name in TRIED if name_problem(name) is None)
WRITES = {"parquet": (PARQUET, parquet.write_table), "orc": (ORC, orc.write_table)}


def table_of(uri: str, folder: Path, format_: str) -> str:
    """A partition with one row, in which every column holds its own number."""
    storage, write = WRITES[format_]
    name = TableName("default", fresh_name(f"names_{format_}"))
    (folder / "p=1").mkdir(parents=True)
    write(pa.table({column: pa.array([number]) for number, column in enumerate(NAMES)}), folder / "p=1" / "data")
    columns = tuple(Column(column, "bigint") for column in NAMES)
    metastore = connect([uri])
    metastore.create_table(Table(name, columns, (Column("p", "string"),), f"file://{folder}", storage))
    metastore.add_partitions(name, [Partition(("1",), f"file://{folder}/p=1", columns, storage)])
    metastore.close()
    return str(name)


def check(table: str, first_row: Callable[[str], list[Any]]) -> None:
    assert first_row(f"select * from {table}") == [*range(len(NAMES)), "1"]
    listed = ", ".join(f"`{name}` as c{number}" for number, name in enumerate(NAMES))
    assert first_row(f"select {listed} from {table}") == list(range(len(NAMES)))


@pytest.mark.parametrize("format_", WRITES)
def test_hiveserver2_reads_every_column(
    hive: HiveServer2, hive_metastore: HiveMetastore40, tmp_path: Path, format_: str
) -> None:
    table = table_of(hive_metastore.uri, tmp_path / format_, format_)
    with hive.connect() as cursor:

        def first_row(query: str) -> list[Any]:
            cursor.execute(query)
            return list(cursor.fetchall()[0])

        check(table, first_row)


@pytest.mark.parametrize("format_", WRITES)
def test_spark_reads_every_column(spark: Any, hms: Metastore23, tmp_path: Path, format_: str) -> None:
    table = table_of(hms.uri, tmp_path / format_, format_)
    check(table, lambda query: list(spark.sql(query).collect()[0]))
