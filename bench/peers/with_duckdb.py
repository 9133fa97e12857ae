"""DuckDB as a user would do it: anti join with the changed keys, the new rows behind it, written by partition."""

import shutil
import time
from pathlib import Path

import duckdb

from bench.peers.job import Done, Job
from bench.workload import COLUMNS

NAMES = ", ".join((*dict(COLUMNS), "day"))


def run(job: Job) -> Done:
    """Each run rewrites the base with one batch. Changes are in DuckDB's own memory before the clock starts."""
    with duckdb.connect() as db:
        db.execute(f"set threads = {job.cores}")
        db.execute("set preserve_insertion_order = false")
        seconds = [_rewrite(db, job, number) for number in job.batches]
        return Done(seconds, [f"{_target(job)}/*/*.parquet"], job.batches[-1:], f"duckdb {duckdb.__version__}")


def _target(job: Job) -> Path:
    return job.scratch / "result"


def _rewrite(db: duckdb.DuckDBPyConnection, job: Job, number: int) -> float:
    shutil.rmtree(_target(job), ignore_errors=True)
    db.execute(f"create or replace temp table changes as from '{job.changes[number]}'")
    started = time.perf_counter()
    db.execute(f"""
        copy (
            select {NAMES} from read_parquet('{job.base}/*/*.parquet', hive_partitioning = true,
                                             hive_types_autocast = false)
            where id not in (select id from changes)
            union all select {NAMES} from changes where op <> 'D'
        ) to '{_target(job)}' (format parquet, partition_by (day))
    """)
    return time.perf_counter() - started
