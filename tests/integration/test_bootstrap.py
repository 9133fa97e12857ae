"""A first load from the real HBase while rows change, and the stream after it: no gap, no double."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from devservers.hbase import HBase
from loader.ops.bootstrap.run import BootstrapRules
from loader.ops.table_with_source import open_upkeep
from loader.storage.files import join
from partitioner.planning.sizing import SizingRules
from tests.hdfs import RunningHdfs
from tests.integration.clicks import Clicks, NewClicks, hotswap
from tests.integration.oracle.kept import fresh_name
from tests.integration.test_reconcile import expected

DAYS = ("mon", "tue", "wed")


@pytest.fixture
def regions(hbase: HBase) -> Iterator[str]:
    """An HBase table of three regions."""
    name = fresh_name("regions")
    hbase.create_table(name, ["d"], splits=[b"k001000", b"k002000"])
    yield name
    hbase.drop(name)


def filled(clicks: NewClicks, source: str, rows: int) -> Clicks:
    """In HBase; nothing is in Hive."""
    table = clicks(source=source, wal_sync_timeout="0s", overlap="0s")
    for first in range(0, rows, 5_000):
        table.put(*((f"k{number:06d}", DAYS[number % 3], number) for number in range(first, min(first + 5_000, rows))))
    return table


def test_rows_that_change_while_they_are_loaded_are_neither_lost_nor_doubled(clicks: NewClicks, regions: str) -> None:
    table = filled(clicks, regions, 3_000)

    def change(phase: str, done: int, of: int, rows: int) -> None:
        if phase == "reading HBase" and done == 2:
            table.put(("k000000", "sat", 1), ("k001500", "sat", 2), ("late", "sun", 3))
            table.delete("k000001", "k001501", "k002999")
            time.sleep(0.5)  # older than a lag when it is published

    upkeep = open_upkeep(table.kept.settings, table.kept.table)
    rules = BootstrapRules(SizingRules(bytes_per_file=8_192), threads=1, part_rows=400, lag_ms=150, overlap_ms=0)
    loaded = upkeep.bootstrap(rules, change)
    upkeep.env.metastore.close()
    assert loaded.files > 3
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == expected(table)
    report = json.loads(hotswap(table.kept, "reconcile", "--wait", "0s", "--json").out)
    assert (report["missing"], report["extra"], report["different"]) == (0, 0, 0)


def test_a_row_that_orc_cannot_hold_is_quarantined_by_the_load_and_no_drift_after_it(clicks: NewClicks) -> None:
    columns = {"columns": "{id: string, at: timestamp, day: string}"}
    mapping = {"mapping": "{id: ':key', at: {cell: 'd:at', type: timestamp_ms}, day: 'd:day'}"}
    table = clicks(format="orc", wal_sync_timeout="0s", overlap="0s", **columns, **mapping)
    moments = {"good": 1_500, "bad": -1_500}  # in milliseconds; a fraction of a second before 1970
    table.put_cells({key: {b"day": b"mon", b"at": at.to_bytes(8, "big", signed=True)} for key, at in moments.items()})
    loaded = json.loads(hotswap(table.kept, "bootstrap", table.kept.hive_name, "--json").out)
    assert (loaded["rows"], loaded["rejected"]) == (1, 1)
    report = json.loads(hotswap(table.kept, "reconcile", "--wait", "0s", "--json").out)
    found = {kind: report[kind] for kind in ("rejected", "missing", "extra", "different", "unnoticed")}
    assert found == {"rejected": 1, "missing": 0, "extra": 0, "different": 0, "unnoticed": 0}


@pytest.mark.slow
def test_a_table_on_hdfs_is_loaded_and_kept(clicks: NewClicks, regions: str, hdfs: RunningHdfs) -> None:
    table = clicks(source=regions, location=join(hdfs.new_folder(), "clicks"), wal_sync_timeout="0s", overlap="0s")
    table.put(*((f"k{number:06d}", DAYS[number % 3], number) for number in range(3_000)))
    loaded = json.loads(hotswap(table.kept, "bootstrap", table.kept.hive_name, "--json").out)
    assert loaded["rows"] == 3_000
    table.put(("k000000", "sat", 1))
    table.delete("k000001")
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == expected(table)


@pytest.mark.slow
def test_a_load_that_is_killed_goes_on(clicks: NewClicks, regions: str) -> None:
    table = filled(clicks, regions, 60_000)
    verb = ["bootstrap", table.kept.hive_name, "-c", str(table.kept.config), "--json", "--threads", "1"]
    command = [sys.executable, "-m", "loader.cli.main", *verb]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    spool = table.kept.config.parent / table.kept.hive_name / "_hotswap" / "bootstrap" / "spool"
    while not list(spool.glob("*.json")) and killed.poll() is None:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    assert table.rows() == {}
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["rows"] == 60_000, done.stderr
    assert table.rows() == expected(table)
