"""What no window sees, on the real HBase: found by a comparison, repaired by the next batch."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.thrift2.client import TColumnValue, TDelete, TPut
from loader.state import rereads
from loader.state.rereads import KEYS_A_BATCH, KEYS_AN_ASK
from tests.integration.clicks import Clicks, NewClicks, hotswap

ROWS = tuple((f"k{number:03d}", ("mon", "tue", "wed")[number % 3], number) for number in range(300))
OLD_MS = 1_000


def told(table: Clicks, *arguments: str) -> dict[str, Any]:
    result = hotswap(table.kept, "reconcile", "--wait", "0s", "--json", *arguments)
    assert result.code in (0, 6), result.err
    report: dict[str, Any] = json.loads(result.out)
    return report


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {kind: report[kind] for kind in ("missing", "extra", "different") if report[kind]}


def expected(table: Clicks) -> dict[str, tuple[str, int]]:
    """HBase, by a plain scan of all rows."""
    from loader.sources.hbase.access.api import Scan

    rows = {}
    with table.client() as client:
        for batch in client.scan(table.kept.table.hbase_table, Scan()):
            for row in batch:
                cells = {cell.qualifier: cell.value for cell in row.columnValues}
                rows[row.row.decode()] = (cells[b"day"].decode(), int.from_bytes(cells[b"clicks"], "big"))
    return rows


def put_at(table: Clicks, stamp: int, key: str, day: str, clicks: int) -> None:
    """With a timestamp of the client's own."""
    cells = {b"day": day.encode(), b"clicks": clicks.to_bytes(8, "big")}
    values = [TColumnValue(family=b"d", qualifier=name, value=value, timestamp=stamp) for name, value in cells.items()]
    with table.client() as client:
        client.put(table.kept.table.hbase_table, TPut(row=key.encode(), columnValues=values))


@pytest.fixture
def table(clicks: NewClicks, hbase: HBase) -> Clicks:
    """Loaded, every cell older than the watermark: what is put at `OLD_MS` from now on no window will see."""
    made = clicks(*ROWS, wal_sync_timeout="0s", overlap="0s")
    time.sleep(0.3)
    loop = made.kept.loop()
    made.put(("k000", "mon", 0))
    made.kept.turn(loop, deep=True)
    loop.env.metastore.close()
    return made


def test_old_timestamps_and_compacted_markers_are_found_and_repaired(table: Clicks, hbase: HBase) -> None:
    name = table.kept.table.hbase_table
    assert counts(told(table)) == {}
    put_at(table, OLD_MS, "late", "mon", 7)
    with table.client() as client:
        client.delete_multiple(name, [TDelete(row=b"k001"), TDelete(row=b"k002")])
    hbase.flush(name)
    hbase.major_compact(name)  # the markers are gone before anybody polled
    report = told(table, "--repair")
    assert counts(report) == {"missing": 1, "extra": 2}
    assert {sample["key"] for sample in report["samples"]} == {"late", "k001", "k002"}
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == expected(table)
    assert counts(told(table)) == {}


def test_a_single_run_reads_all_that_was_asked_for_however_much_it_is(table: Clicks) -> None:
    env = table.kept.service().env
    keys = (b"none%06d" % number for number in range(KEYS_A_BATCH + KEYS_AN_ASK))
    rereads.ask(env.files, env.layout, keys, rereads.Asker("reconcile", env.identity.run, env.clock))
    env.metastore.close()
    assert hotswap(table.kept, "run", "--once").code == 0
    (told,) = json.loads(hotswap(table.kept, "status", "--json").out)["tables"]
    assert told["asked"] == 0


def test_regions_that_split_and_rows_that_change_meanwhile_are_no_drift(table: Clicks, hbase: HBase) -> None:
    hbase.split(table.kept.table.hbase_table, b"k150")
    table.put(("k200", "fri", 9), ("brandnew", "fri", 9))
    table.delete("k201")
    report = told(table)
    assert (counts(report), report["unsettled"]) == ({}, 3)


@pytest.mark.slow
def test_a_comparison_that_is_killed_goes_on_and_finds_the_same(table: Clicks, tmp_path: Path) -> None:
    table.put(*((f"m{number:05d}", "mon", number) for number in range(30_000)))
    assert hotswap(table.kept, "run", "--once").code == 0
    put_at(table, OLD_MS, "late", "mon", 7)
    verb = ["reconcile", "-c", str(table.kept.config), "--wait", "0s", "--json"]
    command = [sys.executable, "-m", "loader.cli.main", *verb]
    slow = subprocess.Popen([*command, "--rate", "5000"], stdout=subprocess.DEVNULL)
    state = Path(table.kept.config.parent) / table.kept.hive_name / "_hotswap" / "state" / "reconciles"
    while not state.exists() and slow.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    slow.kill()
    slow.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert (report["number"], counts(report), report["unsettled"]) == (1, {"missing": 1}, 0)
