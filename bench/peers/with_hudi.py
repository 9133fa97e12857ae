"""Hudi: upsert and delete by its Spark datasource, commit-time ordering, partitioned by day."""

import time
from typing import Any

from bench.peers.job import Done, Job
from bench.peers.spark_session import session

OPTIONS = {
    "hoodie.table.name": "m",
    "hoodie.datasource.write.recordkey.field": "id",
    "hoodie.datasource.write.partitionpath.field": "day",
    "hoodie.datasource.write.hive_style_partitioning": "true",
    "hoodie.write.record.merge.mode": "COMMIT_TIME_ORDERING",
    "hoodie.metadata.enable": "true",
}


def run(job: Job) -> Done:
    """The batches follow each other on one table: one upsert each, deletes marked by `_hoodie_is_deleted`."""
    spark = session(
        job,
        {
            "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
            "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
            "spark.sql.timestampType": "TIMESTAMP_LTZ",
            "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
        },
    )
    table = str(job.scratch / "table")
    base = spark.read.parquet(str(job.base))
    names = base.columns
    rows = base.selectExpr("*", "false as _hoodie_is_deleted")
    _write(rows, {"hoodie.datasource.write.operation": "bulk_insert"}, "overwrite", table)
    seconds = [_upsert(spark, job, number, names, table) for number in job.batches]
    result = str(job.scratch / "result")
    spark.read.format("hudi").load(table).select(names).write.partitionBy("day").parquet(result)
    version = f"Hudi {job.jars[0].stem.rpartition('-')[2]}, Spark {spark.version}"
    spark.stop()
    return Done(seconds, [f"{result}/*/*.parquet"], job.batches, version)


def _upsert(spark: Any, job: Job, number: int, names: list[str], table: str) -> float:
    changes = spark.read.parquet(str(job.changes[number])).selectExpr(*names, "op = 'D' as _hoodie_is_deleted").cache()
    changes.count()
    started = time.perf_counter()
    _write(changes, {"hoodie.datasource.write.operation": "upsert"}, "append", table)
    seconds = time.perf_counter() - started
    changes.unpersist()
    return seconds


def _write(rows: Any, more: dict[str, str], mode: str, table: str) -> None:
    rows.write.format("hudi").options(**OPTIONS, **more).mode(mode).save(table)
