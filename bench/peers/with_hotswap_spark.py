"""hotswap, whole batches with the merge in Spark tasks."""

from bench.peers.job import Done, Job
from bench.peers.spark_session import session
from bench.peers.with_hotswap import measure
from loader.datafiles.spark_merge import SparkRewriter


def run(job: Job) -> Done:
    """`details.steps.rewrite` is the merge alone: routing, shuffle, merge, files written."""
    spark = session(job)
    spark.sparkContext.setLogLevel("ERROR")
    return measure(
        job,
        lambda tools, temporary: SparkRewriter(spark, tools, temporary),
        lambda table, number: table.publish_batch(table.workload.batch(number)),
    )
