"""`plan`: the next batch as a dry run tells what the batch then does, and leaves no trace."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.stage import Stage, hotswap
from tests.world import TABLE

ROWS = [(f"k{number}", "mon" if number < 30 else "tue", 1) for number in range(40)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(*ROWS)
    return stage


def pend(stage: Stage) -> None:
    """Two updates, a new row in a new partition, a move, a delete."""
    stage.source.put("k1", "mon", 5)
    stage.source.put("k2", "mon", 5)
    stage.source.put("k3", "tue", 1)
    stage.source.put("new", "wed", 1)
    stage.source.delete("k39")


def planned(stage: Stage, *options: str) -> dict[str, Any]:
    done = hotswap(stage, "plan", "ads.clicks", "--json", *options)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def by_name(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["partition"]: item for item in told["partitions"]}


def test_plan_tells_what_is_pending(stage: Stage) -> None:
    pend(stage)
    told = planned(stage)
    assert (told["batch"], told["follows"], told["keys"], told["read"]) == (2, 1, 5, 5)
    assert [told[kind]["value"] for kind in ("upserts", "deletes", "moves", "rejected")] == [4, 1, 1, 0]


def test_plan_tells_each_partition_before_and_after(stage: Stage) -> None:
    pend(stage)
    found = by_name(planned(stage))
    assert {name: (item["rows_before"], item["rows_after"]["value"]) for name, item in found.items()} == {
        "day=mon": (30, 29),
        "day=tue": (10, 10),
        "day=wed": (0, 1),
    }
    assert [item["new"] for item in found.values()] == [False, False, True]


def test_the_batch_then_writes_and_links_what_the_plan_said(stage: Stage) -> None:
    pend(stage)
    told = planned(stage)
    before = {path.name: path.stat().st_ino for path in files_of(stage, "mon")}
    stage.batch()
    after = {path.name: path.stat().st_ino for path in files_of(stage, "mon")}
    linked = sum(before.get(name) == inode for name, inode in after.items())
    monday = by_name(told)["day=mon"]
    assert (monday["linked"], monday["rewritten"]) == (linked, len(after) - linked)
    assert linked > 0


def files_of(stage: Stage, day: str) -> list[Path]:
    (partition,) = stage.metastore.partitions(TABLE, [(day,)])
    return sorted(Path(partition.location.removeprefix("file://")).glob("*.parquet"))


def test_plan_leaves_no_trace_and_no_lock(stage: Stage) -> None:
    pend(stage)
    before = tree(stage.folder)
    planned(stage)
    assert tree(stage.folder) == before
    assert stage.metastore.locks(TABLE) == ()


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_the_number_that_plan_shows_is_not_claimed(stage: Stage) -> None:
    pend(stage)
    assert planned(stage)["batch"] == planned(stage)["batch"] == 2


def test_rows_that_read_as_last_published_are_counted_apart(stage: Stage) -> None:
    stage.source.put("k1", "mon", 1)
    told = planned(stage)
    assert (told["unchanged"], told["partitions"]) == (1, [])


def test_past_the_deadline_the_rest_is_estimated(tmp_path: Path) -> None:
    stage = Stage(tmp_path, at_once=100)
    for number in range(1_000):
        stage.source.put(f"k{number}", "mon", 1)
    told = planned(stage, "--within", "0s")
    assert (told["keys"], told["read"]) == (1_000, 100)
    (monday,) = told["partitions"]
    assert monday["rows_after"]["value"] == 1_000
    assert 0 < monday["rows_after"]["error"] < 0.5


def test_what_a_sample_predicts_is_about_what_is_written(tmp_path: Path) -> None:
    stage = Stage(tmp_path, at_once=100)
    for number in range(1_000):
        stage.source.put(f"k{number}", "mon" if number % 3 else "tue", 1)
    found = by_name(planned(stage, "--within", "0s"))
    for name, rows in (("day=mon", 666), ("day=tue", 334)):
        estimate = found[name]["rows_after"]
        assert abs(estimate["value"] - rows) <= 1.5 * estimate["error"] * estimate["value"]


def test_a_hold_is_told_as_what_stands_in_the_way(stage: Stage) -> None:
    stage.batch(("k1", "mon", 7))
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    pend(stage)
    (obstacle,) = planned(stage)["obstacles"]
    assert "hotswap resume ads.clicks" in obstacle


def test_a_foreign_change_is_told_as_what_stands_in_the_way(stage: Stage) -> None:
    (partition,) = stage.metastore.partitions(TABLE, [("mon",)])
    stage.metastore.alter_partitions(TABLE, [replace(partition, location=f"file://{stage.folder}/elsewhere")])
    pend(stage)
    assert any("elsewhere" in obstacle for obstacle in planned(stage)["obstacles"])


def test_the_time_is_predicted_from_past_batches(stage: Stage) -> None:
    pend(stage)
    told = planned(stage)
    assert told["learned_from"] == 1
    assert told["predicted_s"]["value"] > 0


def test_tasks_and_their_balance_are_told(stage: Stage) -> None:
    pend(stage)
    told = planned(stage)
    assert sum(task["splits"] for task in told["tasks"]) == told["splits"] > 0
    assert told["balance"] >= 1


def test_plan_for_a_person_names_partitions_bytes_and_time(stage: Stage) -> None:
    pend(stage)
    done = hotswap(stage, "plan", "ads.clicks")
    assert "the next batch would be 2" in done.out
    assert "day=wed (new)" in done.out
    assert "linked" in done.out
    assert "from rows to outcome, by the last 1 batch" in done.out


def test_plan_of_a_quiet_table_says_so(stage: Stage) -> None:
    assert "Nothing would be published" in hotswap(stage, "plan", "ads.clicks").out


def test_a_batch_of_rejections_alone_is_not_told_as_none(stage: Stage) -> None:
    """They are put in quarantine by a batch that moves nothing."""
    stage.source.bad = {b"k1"}
    stage.source.dirty.add(b"k1")
    told = planned(stage)
    assert (told["partitions"], told["idle"], told["rejected"]["value"]) == ([], False, 1)


def test_what_does_not_stop_the_batch_is_a_note(stage: Stage) -> None:
    hotswap(stage, "hold", "ads.clicks", "--partition", "day=mon", "--yes")
    pend(stage)
    done = hotswap(stage, "plan", "ads.clicks")
    assert "note: changes of held partitions wait (day=mon)" in done.out
    assert "would not be published" not in done.out
    assert "3 of them wait for a hold to end" in done.out


def test_an_estimate_of_nothing_seen_is_told_as_such_and_is_json(tmp_path: Path) -> None:
    stage = Stage(tmp_path, at_once=100)
    for number in range(1_000):
        stage.source.put(f"k{number}", "mon", 1)
    assert planned(stage, "--within", "0s")["deletes"] == {"value": 0.0, "error": None}
    assert "none seen deletes" in hotswap(stage, "plan", "ads.clicks", "--within", "0s").out


def test_a_first_batch_is_given_no_time(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    first.source.put("a", "mon", 1)
    assert planned(first)["predicted_s"] is None
    assert "not known: no batch" in hotswap(first, "plan", str(TABLE)).out
