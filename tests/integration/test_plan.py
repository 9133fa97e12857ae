"""`plan` on real servers: it tells what `run --once` right after it does, and reads the window that it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.report.reports import BatchReport
from loader.runtime.once import run_once
from loader.runtime.one_window import scan_from_here
from loader.wiring.table import open_table
from partitioner.history.position import Position
from tests.integration.clicks import THREE, Clicks, NewClicks, hotswap
from tests.integration.oracle.kept import fresh_name

AHEAD_MS, LOW_MS = 30_000, 300_000


def planned(table: Clicks) -> dict[str, Any]:
    done = hotswap(table.kept, "plan", table.kept.hive_name, "--json")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def run(table: Clicks) -> tuple[BatchReport, ...]:
    return run_once(table.kept.settings, table.kept.table).batches


def test_plan_tells_what_the_run_after_it_publishes(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    table.put(("a", "tue", 10), ("d", "wed", 4))
    table.delete("c")
    plan = planned(table)
    (batch,) = run(table)
    assert plan["obstacles"] == []
    assert [plan[name]["value"] for name in ("upserts", "deletes", "moves")] == [2, 1, 1]
    assert (batch.upserts, batch.deletes, batch.moves) == (2, 1, 1)
    assert (batch.batch, batch.partitions, batch.splits, batch.files_linked) == (
        plan["batch"],
        len(plan["partitions"]),
        plan["splits"],
        plan["files_linked"],
    )


def test_plan_cuts_what_one_call_does_not_take_as_the_run_does(clicks: NewClicks) -> None:
    table = clicks(*THREE, partitions_per_swap="2")
    table.put(("a", "mon", 10), ("c", "tue", 4))
    plan = planned(table)
    first, second = run(table)
    assert (len(plan["partitions"]), plan["left"]["value"]) == (first.partitions, 1)
    assert (first.upserts, second.upserts) == (1, 1)


@pytest.fixture
def clock_table(hbase: HBase) -> Iterator[str]:
    name = fresh_name("clock")
    hbase.create_table(name, ["d"])
    yield name
    hbase.drop(name)


def test_its_window_reaches_back_as_far_as_the_servers_clocks_are_behind(clicks: NewClicks, clock_table: str) -> None:
    """The loader's clock is half a minute ahead: what is put now is older by that than the last window's end."""
    table = clicks(*THREE)
    settings = table.kept.settings
    settings = settings.model_copy(update={"hbase": settings.hbase.model_copy(update={"clock_table": clock_table})})
    env = open_table(settings, table.kept.table)
    try:
        right = env.clock
        ahead = replace(env, clock=lambda: right() + AHEAD_MS, sleep=lambda seconds: None)
        read = ahead.clock() - 1_000
        env.state.store_position(Position("hbase", read - 1_000, read, read - LOW_MS))
        table.put(("late", "mon", 1))
        assert b"late" in scan_from_here(settings, table.kept.table, ahead)().keys.to_pylist()
        assert b"late" not in scan_from_here(table.kept.settings, table.kept.table, ahead)().keys.to_pylist()
    finally:
        env.metastore.close()
