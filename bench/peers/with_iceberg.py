"""Iceberg: copy-on-write MERGE into a table partitioned by day."""

from bench.peers.job import Done, Job
from bench.peers.merging import merge_all
from bench.peers.spark_session import session


def run(job: Job) -> Done:
    """See `merge_all`. Copy on write is Iceberg's default; it is named so that it stays so."""
    spark = session(
        job,
        {
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.lake.type": "hadoop",
            "spark.sql.catalog.lake.warehouse": str(job.scratch / "lake"),
        },
    )
    options = "using iceberg tblproperties ('write.merge.mode' = 'copy-on-write')"
    return merge_all(spark, job, "lake.bench.m", options, "Iceberg", "iceberg-spark-runtime")
