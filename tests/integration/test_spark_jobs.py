"""How many Spark jobs a batch is: each costs some ten milliseconds, whatever it does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.datafiles.spark_merge import SparkRewriter
from loader.datafiles.split_file import Tools
from loader.runtime.spark_session import one_job_a_shuffle
from loader.storage.local import LocalFiles
from tests.integration.test_rewriters import Table, _Temporary
from tests.integration.test_stream import client, run_once, settings  # noqa: F401 - a fixture
from tests.unit.partitioner.build import COLUMNS, Change, raw_keys


@pytest.fixture
def session(spark: Any) -> Iterator[Any]:
    before = spark.conf.get("spark.sql.adaptive.enabled")
    one_job_a_shuffle(spark)
    yield spark
    spark.conf.set("spark.sql.adaptive.enabled", before)


def jobs_of(session: Any, work: Callable[[], object]) -> int:
    scheduler = session.sparkContext._jsc.sc().dagScheduler()
    before = scheduler.numTotalJobs()
    work()
    return int(scheduler.numTotalJobs() - before)


def test_a_merge_in_spark_is_one_job(session: Any, tmp_path: Path) -> None:
    tools = Tools(LocalFiles(), raw_keys, COLUMNS, "parquet")
    table = Table(tmp_path, SparkRewriter(session, tools, _Temporary(str(tmp_path / "temporary"))), rows_per_file=50)
    changes = [Change(f"key-{number:06d}", "new", "ab"[number % 2], None) for number in range(400)]
    assert jobs_of(session, lambda: table.apply(changes)) == 1
    assert len(table.live[("a",)].files) > 1


@pytest.mark.usefixtures("client")
def test_a_scan_is_one_job_and_a_trigger_without_changes_no_more(session: Any, hbase: HBase, tmp_path: Path) -> None:
    assert jobs_of(session, lambda: run_once(session, settings(hbase, tmp_path / "none"), tmp_path)) == 1
