"""Tables of others on real servers: what `init` takes, what it refuses, and that a refusal leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest

from devservers.metastore import Metastore23
from loader.basics.errors import UnsuitableTable
from loader.ops.init import initialise
from loader.state.layout import Layout
from loader.storage.choose import files_of
from metastore import structs
from metastore.api import PARQUET, Column, Table
from tests.integration.clicks import Clicks, NewClicks, hotswap
from tests.servers import GivenMetastore

COLUMNS = (Column("id", "string"), Column("clicks", "bigint"))
KEYS = (Column("day", "string"),)

BUCKETED: dict[str, Any] = {"numBuckets": 4, "bucketCols": ["id"]}
SKEWED: dict[str, Any] = {"skewedInfo": structs.SkewedInfo(["id"], [["a"]], {})}


def create(table: Clicks, **descriptor: Any) -> None:
    """As Hive's DDL does it, with what our own values do not say in the storage descriptor."""
    unbucketed = {"compressed": False, "numBuckets": -1, "bucketCols": [], "sortCols": [], "parameters": {}}
    sd = structs.StorageDescriptor(**{**unbucketed, "storedAsSubDirectories": False, **descriptor})
    with table.metastore() as metastore:
        metastore.create_table(
            Table(
                table.kept.table.hive_table,
                COLUMNS,
                KEYS,
                table.kept.table.location or "",
                PARQUET,
                parameters={"EXTERNAL": "TRUE"},
                rest=structs.Table(sd=sd),
            )
        )


def refused(table: Clicks) -> str:
    """Why; the table is as it was, and nothing lies at its location."""
    name = table.kept.table.hive_table
    with table.metastore() as metastore:
        before = metastore.table(name)
        with pytest.raises(UnsuitableTable) as told:
            initialise(table.kept.settings, table.kept.table)
        assert metastore.table(name) == before
    layout = Layout.of(before.location)
    assert not files_of(before.location).exists(layout.claim)
    return told.value.message


@pytest.mark.parametrize(("descriptor", "word"), [(BUCKETED, "CLUSTERED BY (id)"), (SKEWED, "SKEWED BY (id)")])
def test_a_bucketed_or_skewed_table_is_refused(
    clicks: NewClicks, each_hms: Metastore23 | GivenMetastore, descriptor: dict[str, Any], word: str
) -> None:
    table = clicks(init=False, metastore=each_hms.uri)
    create(table, **descriptor)
    try:
        assert word in refused(table)
    finally:
        table.kept.drop()


SPARKS: dict[str, str] = {
    "using parquet": "create table {name} (id string, clicks bigint, day string) using parquet partitioned by (day)"
    " location '{location}'",
    "clustered": "create external table {name} (id string, clicks bigint) partitioned by (day string)"
    " clustered by (id) into 2 buckets stored as parquet location '{location}'",
}


@pytest.mark.parametrize("ddl", SPARKS.values(), ids=SPARKS)
def test_a_table_whose_columns_or_buckets_spark_keeps_for_itself_is_refused(
    clicks: NewClicks, spark: Any, ddl: str
) -> None:
    table = clicks(init=False)
    spark.sql(ddl.format(name=table.kept.hive_name, location=table.kept.table.location))
    assert refused(table)


def test_a_plain_table_that_spark_made_is_taken_and_spark_shows_the_column_that_evolve_adds(
    clicks: NewClicks, spark: Any
) -> None:
    table = clicks(init=False)
    name = table.kept.hive_name
    spark.sql(
        f"create external table {name} (id string, clicks bigint) partitioned by (day string) stored as parquet"
        f" location '{table.kept.table.location}'"
    )
    table.kept.initialise()
    table.put(("a", "mon", 1))
    assert hotswap(table.kept, "run", name, "--once").code == 0
    grown = table.kept.config.read_text().replace("day: string}", "day: string, title: string}")
    table.kept.config.write_text(grown.replace("d:day", "d:day,d:title"))
    done = hotswap(table.kept, "evolve", name, "--yes")
    assert done.code == 0, done.err
    table.put_cells({"a": {b"title": b"shown"}})
    assert hotswap(table.kept, "run", name, "--once").code == 0
    spark.sql(f"refresh table {name}")
    assert [row.title for row in spark.sql(f"select id, title from {name}").collect()] == ["shown"]
