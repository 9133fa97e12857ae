"""Spark: anti join with the changed keys, the new rows behind it, written by partition."""

import time

from pyspark.sql import SparkSession

from bench.peers.job import Done, Job
from bench.peers.spark_session import session
from bench.workload import COLUMNS


def run(job: Job) -> Done:
    """Each run rewrites the base with one batch. Changes are cached in Spark before the clock starts."""
    spark = session(job)
    result = str(job.scratch / "result")
    seconds = [_rewrite(spark, job, number, result) for number in job.batches]
    version = f"Spark {spark.version}"
    spark.stop()
    return Done(seconds, [f"{result}/*/*.parquet"], job.batches[-1:], version)


def _rewrite(spark: SparkSession, job: Job, number: int, result: str) -> float:
    names = [*dict(COLUMNS), "day"]
    changes = spark.read.parquet(str(job.changes[number])).cache()
    changes.count()
    started = time.perf_counter()
    stays = spark.read.parquet(str(job.base)).join(changes.select("id"), "id", "left_anti").select(names)
    new = changes.where("op <> 'D'").select(names)
    stays.unionByName(new).repartition(2 * job.cores, "day").write.partitionBy("day").mode("overwrite").parquet(result)
    seconds = time.perf_counter() - started
    changes.unpersist()
    return seconds
