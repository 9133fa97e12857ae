"""hotswap, whole batches with timestamps as DuckDB, delta-rs and Iceberg write them: INT64, not Hive's old INT96."""

from bench.peers.job import Done, Job
from bench.peers.with_hotswap import local, measure
from loader.datafiles.parquet_file import ParquetSettings
from loader.datafiles.split_file import WriteSettings


def run(job: Job) -> Done:
    """Workload M's batches with `timestamps: int64`, which Hive reads from version 4 on."""
    settings = WriteSettings(parquet=ParquetSettings(timestamps="int64"))
    return measure(job, local(job), lambda table, number: table.publish_batch(table.workload.batch(number)), settings)
