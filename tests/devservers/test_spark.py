"""The Spark session of the demo and the tests."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

from hmsclient import HMSClient

from devservers.metastore import Metastore23
from tests.devservers.processes import listeners

_names = (f"spark{number}" for number in itertools.count())


def test_table_made_by_spark_is_in_the_metastore(spark: Any, hms: Metastore23) -> None:
    name = next(_names)
    spark.sql(f"CREATE TABLE {name} (a INT) STORED AS PARQUET")
    host, port = hms.uri.removeprefix("thrift://").split(":")
    with HMSClient(host=host, port=int(port)) as client:
        tables = client.get_all_tables("default")
    spark.sql(f"DROP TABLE {name}")
    assert name in tables


def test_table_in_the_warehouse_is_written_and_read(spark: Any, hms: Metastore23) -> None:
    name = next(_names)
    spark.sql(f"CREATE TABLE {name} (a INT) STORED AS PARQUET LOCATION '{(hms.warehouse / name).as_uri()}'")
    spark.sql(f"INSERT INTO {name} VALUES (1)")
    found = spark.sql(f"SELECT a FROM {name}").collect()
    spark.sql(f"DROP TABLE {name}")
    assert ([row.a for row in found], list((hms.warehouse / name).glob("*.parquet")) != []) == ([1], True)


def test_spark_tells_times_in_utc(spark: Any) -> None:
    row = spark.sql("SELECT CAST(TIMESTAMP '1970-01-01 00:00:00' AS BIGINT) AS s, current_timezone() AS z").first()
    assert (row.s, row.z) == (0, "UTC")


def test_python_workers_are_this_python(spark: Any) -> None:
    assert spark.sparkContext.parallelize([0], 1).map(lambda _: sys.executable).first() == sys.executable


def test_spark_listens_on_loopback_only(spark: Any) -> None:
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    assert [port for port, loopback in listeners(pid).items() if not loopback] == []


def test_spark_leaves_no_litter_in_the_working_directory(spark: Any) -> None:
    spark.sql("SHOW TABLES").collect()
    litter = ("derby.log", "metastore_db", "spark-warehouse", "artifacts")
    assert [name for name in litter if Path(name).exists()] == []
