"""delta-rs: MERGE into a Delta table of its own, partitioned by day."""

import time

import deltalake
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.peers.job import Done, Job
from bench.workload import COLUMNS

NAMES = (*dict(COLUMNS), "day")


def run(job: Job) -> Done:
    """The batches follow each other on one table. `day` in the predicate lets it prune as a user would want."""
    where = str(job.scratch / "table")
    rows = ds.dataset(job.base, partitioning=ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive"))
    deltalake.write_deltalake(where, rows.to_table(list(NAMES)), partition_by=["day"])
    table = deltalake.DeltaTable(where)
    seconds = [_merge(table, pq.read_table(job.changes[number])) for number in job.batches]
    export = job.scratch / "result"
    ds.write_dataset(
        deltalake.DeltaTable(where).to_pyarrow_table(),
        export,
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive"),
    )
    return Done(seconds, [f"{export}/*/*.parquet"], job.batches, f"delta-rs {deltalake.__version__}")


def _merge(table: deltalake.DeltaTable, changes: pa.Table) -> float:
    values = {name: f"s.{name}" for name in NAMES}
    started = time.perf_counter()
    (
        table.merge(changes, "t.id = s.id and t.day = s.day", source_alias="s", target_alias="t")
        .when_matched_delete("s.op = 'D'")
        .when_matched_update(values, "s.op = 'U'")
        .when_not_matched_insert(values, "s.op = 'I'")
        .execute()
    )
    return time.perf_counter() - started
