"""Delta Lake: MERGE into a table partitioned by day."""

from bench.peers.job import Done, Job
from bench.peers.merging import merge_all
from bench.peers.spark_session import session


def run(job: Job) -> Done:
    """See `merge_all`. `day` in the condition lets Delta prune as a user would want."""
    spark = session(
        job,
        {
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        },
    )
    return merge_all(spark, job, "m", "using delta", "Delta", "delta-spark")
