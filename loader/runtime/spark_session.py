"""The Spark session of a loader: spark-submit's own, or a local one that nobody else can reach."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from loader.runtime.signals import ctrl_c_kept

if TYPE_CHECKING:
    from loader.config.settings import Settings


LOG_SETTINGS = Path(__file__).with_name("spark_log4j2.properties")


LOCAL_SESSION = {
    "spark.master": "local[*]",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOG_SETTINGS}",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.streaming.metricsEnabled": "false",
}


def open_session(settings: "Settings", table: str) -> SparkSession:
    """The session of spark-submit if there is one; else a local one that nobody else can reach."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder.appName(f"hotswap {table}")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        for name, value in LOCAL_SESSION.items():
            builder = builder.config(name, value)
    for name, secret in settings.spark.items():
        builder = builder.config(name, secret.get_secret_value())
    with ctrl_c_kept():
        session: SparkSession = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    session.conf.set("spark.sql.streaming.forceDeleteTempCheckpointLocation", "true")
    one_job_a_shuffle(session)
    return session


def one_job_a_shuffle(session: SparkSession) -> None:
    """Adaptive planning makes a job of each side of a shuffle, and the merge's is placed task by task already."""
    session.conf.set("spark.sql.adaptive.enabled", "false")
