"""MERGE INTO by Spark SQL, the same for every table format."""

import time
from typing import Any

from bench.peers.job import Done, Job


def merge_all(spark: Any, job: Job, table: str, options: str, name: str, jar: str) -> Done:
    """The batches follow each other on one table. Changes are cached in Spark before the clock starts."""
    using, _, properties = options.partition(" tblproperties ")
    properties = f" tblproperties {properties}" if properties else ""
    base = spark.read.parquet(str(job.base))
    base.createOrReplaceTempView("base")
    if "." in table:
        spark.sql(f"create namespace if not exists {table.rpartition('.')[0]}")
    spark.sql(f"create table {table} {using} partitioned by (day){properties} as select * from base")
    seconds = [_merge(spark, job, table, number, base.columns) for number in job.batches]
    result = str(job.scratch / "result")
    spark.table(table).write.partitionBy("day").parquet(result)
    version = f"{name} {_version(job, jar)}, Spark {spark.version}"
    spark.stop()
    return Done(seconds, [f"{result}/*/*.parquet"], job.batches, version)


def _merge(spark: Any, job: Job, table: str, number: int, names: list[str]) -> float:
    changes = spark.read.parquet(str(job.changes[number])).cache()
    changes.count()
    changes.createOrReplaceTempView("changes")
    assignments = ", ".join(f"t.{name} = s.{name}" for name in names)
    values = ", ".join(f"s.{name}" for name in names)
    started = time.perf_counter()
    spark.sql(f"""
        merge into {table} t using changes s on t.id = s.id and t.day = s.day
        when matched and s.op = 'D' then delete
        when matched then update set {assignments}
        when not matched and s.op <> 'D' then insert ({", ".join(names)}) values ({values})
    """).collect()
    seconds = time.perf_counter() - started
    changes.unpersist()
    return seconds


def _version(job: Job, jar: str) -> str:
    """Of the jar whose name begins so."""
    (found,) = [path.stem for path in job.jars if path.name.startswith(jar)]
    return found.rpartition("-")[2]
