"""A local Spark session for a contestant. Runs under any Spark version, with nothing of this project but `job`."""

import os
import sys
from collections.abc import Mapping

from pyspark.sql import SparkSession

from bench.peers.job import Job


def session(job: Job, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Quiet, on this machine only, with the job's cores and jars."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{job.cores}]").appName("bench")
    for name, value in (_settings(job) | dict(settings or {})).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _settings(job: Job) -> dict[str, str]:
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "6g",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -Djava.net.preferIPv4Stack=true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(job.scratch / "spark"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(2 * job.cores),
        "spark.sql.warehouse.dir": str(job.scratch / "warehouse"),
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    }
    if job.jars:
        settings["spark.jars"] = ",".join(map(str, job.jars))
    return settings
