"""A Spark session on a metastore, for the demo and the tests: local, quiet, in UTC, no litter where it was started."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from devservers.java import find_java


def session(
    metastore_uri: str, warehouse: Path, scratch: Path, cores: int = 2, settings: dict[str, str] | None = None
) -> Any:
    """A SparkSession with Hive support against a metastore of version 2.3 (Spark's built-in client).

    `scratch` takes Spark's temporary files; `settings` add to or replace those below. Sets PYSPARK_PYTHON to this
    interpreter, without which Python workers start with whatever python3 is on the PATH.
    """
    os.environ["PYSPARK_PYTHON"] = sys.executable
    find_java()  # Spark itself says a missing or old one in fifty lines
    builder = SparkSession.builder.appName("hotswap").master(f"local[{cores}]").enableHiveSupport()
    for name, value in (_settings(metastore_uri, warehouse, scratch) | (settings or {})).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _settings(metastore_uri: str, warehouse: Path, scratch: Path) -> dict[str, str]:
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -Duser.timezone=UTC -Djava.net.preferIPv4Stack=true",
        "spark.local.dir": str(scratch),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.hadoop.hive.metastore.uris": metastore_uri,
        "spark.hadoop.hive.exec.scratchdir": str(scratch / "hive"),
    }
