"""The scheduled comparison beside a stream that runs, on real servers: what no window sees, while others write on."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.thrift2.client import DeleteType, TColumn, TDelete
from tests.integration.clicks import Clicks, hotswap, new_clicks
from tests.integration.oracle.kept import fresh_name
from tests.integration.oracle.operations import Delete, Put
from tests.integration.test_end_to_end import PATIENCE_S, Running, Stage, wait_for
from tests.integration.test_reconcile import expected, put_at

DAYS = ("mon", "tue", "wed")
ROWS = 8_000
REGIONS = 8
TTL_MS = 3_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_S)]


@dataclass
class Writer:
    """Somebody who puts and deletes all the time, in keys of its own."""

    table: Clicks
    stop: threading.Event = field(default_factory=threading.Event)
    written: int = 0

    def __enter__(self) -> Writer:
        self.thread = threading.Thread(target=self._write)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join()

    def _write(self) -> None:
        dice = random.Random(7)
        with self.table.client() as client:
            while not self.stop.wait(0.05):
                key = b"k%06d-w" % (100 * dice.randrange(ROWS // 100))
                cells = ((b"d", b"day", dice.choice(DAYS).encode()), (b"d", b"clicks", self.written.to_bytes(8, "big")))
                change = Delete(key) if dice.random() < 0.2 else Put(key, cells)
                change.send(client, self.table.kept.table.hbase_table)
                self.written += 1


def hide(table: Clicks, hbase: HBase) -> None:
    """One of each kind that no window shows."""
    name = table.kept.table.hbase_table
    put_at(table, 1_000, "k000000-late", "mon", 7)
    with table.client() as client:
        gone = [TDelete(row=b"k%06d" % number, timestamp=_newest(table, number)) for number in range(4_000, 5_500)]
        client.delete_multiple(name, gone)
        stamp = _newest(table, 7_000)
        column = TColumn(family=b"d", qualifier=b"clicks", timestamp=stamp)
        client.delete(name, TDelete(row=b"k007000", columns=[column], deleteType=DeleteType.VERSION))


def _newest(table: Clicks, number: int) -> int:
    key = b"k%06d" % number
    with table.client() as client:
        (row,) = next(client.scan(table.kept.table.hbase_table, Scan(start=key, stop=key + b"\0")))
    return max(cell.timestamp for cell in row.columnValues)


@pytest.fixture
def stage(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Stage]:
    """Filled; compared again as soon as may be, so slowly that it can be met in the middle."""
    source = fresh_name("scheduled")
    splits = [b"k%06d" % (ROWS // REGIONS * number) for number in range(1, REGIONS)]
    hbase.create_table(source, ["d"], splits, settings={"VERSIONS": "3"})
    quick = {"publish_every": "0s", "poll_every": "200ms", "wal_sync_timeout": "0s", "overlap": "1s"}
    schedule = {"reconcile": "{every: 1s, rate: 800, wait: 2m}"}
    table = new_clicks(hbase, hms.uri, tmp_path, source=source, alarms="{free_space: null}", **quick, **schedule)
    with table.kept.config.open("a") as config:
        config.write("spark: {spark.master: 'local[2]'}\n")
    table.kept.initialise()
    for version in (0, 1):  # two of each cell: one can come back
        table.put(*((f"k{number:06d}", DAYS[number % 3], number + version) for number in range(ROWS)))
    made = Stage(table, 0)
    yield made
    if made.running:
        made.running.end()
    end_comparisons(made)
    table.kept.drop()
    hbase.drop(source)


def comparisons(stage: Stage) -> list[int]:
    """Processes of this table's comparisons: `nice` and what it became are one."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if b"reconcile" in words and str(stage.table.kept.config).encode() in words:
                found.append(int(entry.name))
    return found


def end_comparisons(stage: Stage) -> None:
    for process in comparisons(stage):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def status(stage: Stage) -> dict[str, Any]:
    (told,) = json.loads(hotswap(stage.table.kept, "status", "--json").out)["tables"]
    found: dict[str, Any] = told
    return found


def in_the_middle(stage: Stage) -> bool:
    comparing = status(stage)["comparing"]
    return comparing is not None and 1 <= comparing["done"] < REGIONS - 1


def killed_with_its_comparison(stage: Stage, running: Running) -> None:
    """As if the machine had failed."""
    running.end()
    end_comparisons(stage)
    wait_for("the end of the comparison", lambda: not comparisons(stage))


def report(running: Running, at: int) -> dict[str, Any]:
    running.wait_for("reconcile", at)
    found: dict[str, Any] = [line for line in running.events if line["event"] == "reconcile"][at]
    return found


def test_a_scheduled_comparison_survives_a_kill_and_repairs_while_others_write(stage: Stage, hbase: HBase) -> None:
    table, first = stage.table, stage.loader()
    wait_for("the first load", lambda: len(table.rows()) == ROWS, first.told)
    time.sleep(2)  # the first rows are older than the windows that come now
    with Writer(table) as writer:
        hide(table, hbase)
        wait_for("a comparison that is under way", lambda: in_the_middle(stage), first.told)
        killed_with_its_comparison(stage, first)
        assert status(stage)["comparing"]["number"] == 1
        second = stage.loader()
        found = report(second, 0)
        written = writer.written
        wait_for("batches meanwhile", lambda: writer.written > written, second.told)
    assert [found[kind] for kind in ("number", "missing", "extra", "different")] == [1, 1, 1_500, 1], found
    wait_for("Hive equal to HBase", lambda: table.rows() == expected(table), second.told)
    report(second, 1)
    compared = status(stage)["compared"]
    assert (compared["number"] > 1, compared["drift"]) == (True, 0)
    published = [line["ended_ms"] for line in stage_history(stage) if line["kind"] == "batch" and line["ended_ms"]]
    assert [moment for moment in published if found["begun_ms"] < moment < found["ended_ms"]], "no batch meanwhile"


def stage_history(stage: Stage) -> list[dict[str, Any]]:
    told = json.loads(hotswap(stage.table.kept, "history", "--json", "--limit", "10000").out)
    entries: list[dict[str, Any]] = told["attempts"] if "attempts" in told else told["batches"]
    return entries
