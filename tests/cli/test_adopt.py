"""Taking over what others wrote: shown, confirmed, then kept like anything else."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loader.storage.local import local_path
from metastore.api import PARQUET, Column, Partition
from metastore.fence import is_fence
from tests.cli.stage import Stage, hotswap
from tests.world import COLUMNS, KEYS, TABLE, Row, expected, visible


def write(folder: Path, name: str, rows: dict[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ids, clicks = pa.array(list(rows), pa.string()), pa.array(list(rows.values()), pa.int64())
    pq.write_table(pa.table({"id": ids, "clicks": clicks}), folder / name)


def add(stage: Stage, day: str, folder: Path) -> None:
    columns = tuple(Column(name, kind) for name, kind in COLUMNS)
    stage.metastore.add_partitions(TABLE, [Partition((day,), f"file://{folder}", columns, PARQUET, {})])


@pytest.fixture
def foreign(tmp_path: Path) -> Stage:
    """A table that another program filled; HBase has another value of a, b is gone from it, and d is new."""
    stage = Stage(tmp_path)
    write(tmp_path / "table" / "day=mon", "000000_0", {"a": 1, "b": 2})
    write(tmp_path / "table" / "day=mon", "000001_0", {"c": 3})
    write(tmp_path / "elsewhere", "part-0.parquet", {"e": 5})
    add(stage, "mon", tmp_path / "table" / "day=mon")
    add(stage, "tue", tmp_path / "elsewhere")
    for key, day, clicks in (("a", "mon", -1), ("c", "mon", 3), ("d", "tue", 4), ("e", "tue", 5)):
        stage.source.put(key, day, clicks)
    stage.source.dirty.clear()
    return stage


FILLED: dict[str, Row] = {"a": ("mon", 1), "b": ("mon", 2), "c": ("mon", 3), "e": ("tue", 5)}


def equal(stage: Stage) -> bool:
    return visible(stage.metastore) == expected(stage.source)


def adopted(stage: Stage) -> Stage:
    result = hotswap(stage, "adopt", "ads.clicks", "--yes")
    assert result.code == 0, result.err
    return stage


def places(stage: Stage) -> dict[str, Partition]:
    found = stage.metastore.all_partitions(TABLE)
    return {partition.values[0]: partition for partition in found if not is_fence(KEYS, partition.values)}


def test_without_a_yes_nothing_is_taken_over(foreign: Stage) -> None:
    result = hotswap(foreign, "adopt", "ads.clicks")
    assert result.code == 3
    lines = [line.split() for line in result.out.splitlines()]
    assert ["day=mon", "new", "2", "3"] in [line[:4] for line in lines]
    assert "no attempts yet" in hotswap(foreign, "history").out


def test_a_filled_table_is_taken_over_as_it_is(foreign: Stage) -> None:
    adopted(foreign)
    assert visible(foreign.metastore) == FILLED
    (status,) = json.loads(hotswap(foreign, "status", "--json").out)["tables"]
    assert (status["rows"], status["partitions"]) == (4, 2)
    assert [debt["reason"] for debt in status["debts"]] == ["what was taken over has not been compared with HBase"]
    assert places(foreign)["mon"].parameters["numRows"] == "3"


def test_a_comparison_makes_it_equal_and_pays_the_debt(foreign: Stage) -> None:
    adopted(foreign)
    report = json.loads(hotswap(foreign, "reconcile", "--repair", "--wait", "0s", "--json").out)
    assert (report["missing"], report["extra"], report["different"]) == (1, 1, 1)
    foreign.batch()
    assert equal(foreign)
    (status,) = json.loads(hotswap(foreign, "status", "--json").out)["tables"]
    assert status["debts"] == []


def test_a_batch_finds_every_key_where_the_others_put_it(foreign: Stage) -> None:
    adopted(foreign)
    foreign.source.delete("b")
    foreign.batch(("a", "tue", 7), ("d", "wed", 4))
    assert equal(foreign)


def test_clean_deletes_what_was_taken_over_and_nothing_else(foreign: Stage) -> None:
    adopted(foreign)
    folder = foreign.folder / "table" / "day=mon"
    (folder / "_theirs").write_text("keep me")
    foreign.source.delete("b")
    foreign.batch(("a", "mon", -1))
    foreign.pass_days(30)
    foreign.batch(("a", "mon", -2))
    assert hotswap(foreign, "clean", "ads.clicks", "--yes").code == 0
    assert [path.name for path in folder.iterdir()] == ["_theirs"]
    assert visible(foreign.metastore)["a"] == ("mon", -2)


def test_a_key_that_stands_twice_stops_it(foreign: Stage) -> None:
    write(foreign.folder / "elsewhere", "part-1.parquet", {"a": 9})
    result = hotswap(foreign, "adopt", "ads.clicks", "--yes")
    assert result.code == 5
    assert "more than once" in result.err
    assert visible_partitions(foreign) == {"mon", "tue"}


def visible_partitions(stage: Stage) -> set[str]:
    return set(places(stage))


def test_a_file_that_is_no_parquet_is_named(foreign: Stage) -> None:
    (foreign.folder / "elsewhere" / "notes.txt").write_text("what is this")
    result = hotswap(foreign, "adopt", "ads.clicks", "--yes")
    assert result.code == 3
    assert "notes.txt is no parquet file" in result.err


# What somebody changed in a table of ours


@pytest.fixture
def ours(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "mon", 2), ("c", "tue", 3))
    return stage


def whats(stage: Stage) -> dict[str, str]:
    plan = json.loads(hotswap(stage, "adopt", "ads.clicks", "--json").out)
    return {item["partition"]: item["what"] for item in plan["partitions"]}


def test_a_table_that_nobody_touched_has_nothing_to_take_over(ours: Stage) -> None:
    result = hotswap(ours, "adopt", "ads.clicks")
    assert (result.code, "everything is as hotswap left it" in result.out) == (0, True)


def repaired(stage: Stage) -> None:
    adopted(stage)
    assert hotswap(stage, "reconcile", "--repair", "--wait", "0s").code == 0
    stage.batch(("z", "mon", 26), ("c", "wed", 33))
    assert equal(stage)


def test_an_insert_into_a_live_directory_is_taken_over_and_judged_by_hbase(ours: Stage) -> None:
    write(local_path(places(ours)["mon"].location), "inserted.parquet", {"x": 9})
    assert whats(ours) == {"day=mon": "changed"}
    repaired(ours)


def test_a_partition_that_was_moved_is_taken_over_where_it_is(ours: Stage) -> None:
    write(ours.folder / "moved", "f.parquet", {"a": 1, "y": 8})
    ours.metastore.alter_partitions(TABLE, [replace(places(ours)["mon"], location=f"file://{ours.folder}/moved")])
    assert whats(ours) == {"day=mon": "moved"}
    repaired(ours)


def test_a_partition_that_was_dropped_comes_back_with_what_hbase_has(ours: Stage) -> None:
    ours.metastore.drop_partition(TABLE, ("mon",))
    assert whats(ours) == {"day=mon": "dropped"}
    repaired(ours)


def test_a_partition_of_somebody_elses_is_taken_over(ours: Stage) -> None:
    write(ours.folder / "new", "f.parquet", {"n": 1})
    add(ours, "sun", ours.folder / "new")
    assert whats(ours) == {"day=sun": "new"}
    repaired(ours)


def test_the_history_tells_of_it(ours: Stage) -> None:
    write(local_path(places(ours)["mon"].location), "inserted.parquet", {"x": 9})
    adopted(ours)
    history = json.loads(hotswap(ours, "history", "--json").out)["attempts"]
    assert [entry["kind"] for entry in history] == ["adopt", "batch"]


def test_a_close_look_finds_nothing_wrong_with_what_was_taken_over(foreign: Stage) -> None:
    adopted(foreign)
    result = hotswap(foreign, "verify", "ads.clicks", "--json")
    wrong = [finding for finding in json.loads(result.out)["findings"] if finding["grade"] != "note"]
    assert (result.code, wrong) == (0, [])
