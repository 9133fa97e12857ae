"""Dropping partitions without rows: only when asked for, all or none, and never what was filled meanwhile."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import Conflict, ForeignChange, HotswapError, OutcomeUnknown
from loader.ops.clean.empty_partitions import drop_empty_partitions, find_empty_partitions
from loader.ops.table import TableService
from loader.storage.local import local_path
from metastore.errors import MetastoreError
from metastore.memory import Fault
from tests.unit.publish.stage import Stage
from tests.world import TABLE


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """All rows of tue are gone."""
    return emptied(tmp_path)


def emptied(folder: Path, fence: bool = True) -> Stage:
    stage = Stage(folder / "clicks", fence=fence)
    for key in ("k1", "k4", "k7"):
        stage.source.delete(key)
    stage.run(stage.first)
    return stage


def placeholder(stage: Stage, day: str) -> Path:
    return stage.folder / f"day={day}"


def test_only_partitions_without_rows_are_found(stage: Stage) -> None:
    assert find_empty_partitions(stage.first) == (("tue",),)


def test_a_dropped_partition_is_gone_with_its_placeholder(stage: Stage) -> None:
    assert drop_empty_partitions(stage.first) == (("tue",),)
    assert (stage.days(), placeholder(stage, "tue").exists()) == ({"mon", "wed"}, False)
    assert stage.is_whole(stage.first) is None


def test_where_nothing_is_empty_there_is_no_attempt(stage: Stage) -> None:
    drop_empty_partitions(stage.first)
    before = len(stage.first.state.records().attempts)
    assert drop_empty_partitions(stage.first) == ()
    assert len(stage.first.state.records().attempts) == before


def test_a_partition_that_was_dropped_comes_again_with_its_rows(stage: Stage) -> None:
    drop_empty_partitions(stage.first)
    stage.source.put("k1", "tue", 5)
    stage.run()
    assert (stage.days(), placeholder(stage, "tue").exists()) == ({"mon", "tue", "wed"}, True)
    assert stage.visible() == stage.expected()


def test_a_rollback_brings_a_dropped_partition_back(stage: Stage) -> None:
    drop_empty_partitions(stage.first)
    TableService(stage.open("command")).rollback_now(1, None)
    assert {key for key, row in stage.visible().items() if row[0] == "tue"} == {"k1", "k4", "k7"}
    assert stage.days() == {"mon", "tue", "wed"}


@pytest.mark.parametrize("fault", list(Fault))
def test_a_drop_that_fails_in_any_way_is_settled_by_reading(tmp_path: Path, fault: Fault) -> None:
    stage = emptied(tmp_path)
    stage.store.inject("drop_partitions", fault)
    try:
        drop_empty_partitions(stage.first)
    except (HotswapError, MetastoreError):
        stage.later()
    stage.store.land_held()
    TableService(stage.open("operator")).recover(believe_old=True)
    stage.source.put("k0", "mon", 9)
    after = stage.open("after")
    stage.run(after)
    assert stage.is_whole(after) is None
    assert all(placeholder(stage, day).exists() for day in stage.days())


def test_a_drop_that_arrives_after_rows_came_again_drops_nothing(stage: Stage) -> None:
    """Even if somebody said that it cannot any more."""
    stage.store.inject("drop_partitions", Fault.HOLD)
    with pytest.raises(OutcomeUnknown):
        drop_empty_partitions(stage.first)
    stage.later()
    TableService(stage.open("operator")).recover(believe_old=True)
    stage.source.put("k1", "tue", 5)
    stage.run(stage.open("other"))
    stage.store.land_held()
    assert stage.visible() == stage.expected()


def test_a_drop_that_is_under_way_as_its_fence_falls_stays_unknown_until_it_has_landed(stage: Stage) -> None:
    """Servers look once whether all of it is there: from then on the fence stops nothing."""
    stage.store.inject("drop_partitions", Fault.UNDER_WAY)
    with pytest.raises(OutcomeUnknown, match="could still land"):
        drop_empty_partitions(stage.first)
    stage.later()
    stage.source.put("k1", "tue", 5)
    with pytest.raises(OutcomeUnknown, match="could still land"):
        stage.run(stage.open("other"))
    stage.store.land_held()
    stage.later()
    after = stage.open("after")
    stage.run(after)
    assert stage.is_whole(after) is None


def test_a_partition_that_somebody_has_put_files_into_stays(stage: Stage) -> None:
    location = stage.store.partitions(TABLE, [("tue",)])[0].location
    local_path(location).joinpath("part-0").write_bytes(b"theirs")
    with pytest.raises(ForeignChange, match="part-0"):
        drop_empty_partitions(stage.first)
    assert "tue" in stage.days()


def test_a_partition_that_somebody_has_moved_stays(stage: Stage) -> None:
    [tue] = stage.store.partitions(TABLE, [("tue",)])
    stage.store.alter_partitions(TABLE, [replace(tue, location="file:/elsewhere")])
    assert drop_empty_partitions(stage.first) == ()
    assert "tue" in stage.days()


def test_without_a_fence_nothing_is_dropped(tmp_path: Path) -> None:
    stage = emptied(tmp_path, fence=False)
    with pytest.raises(Conflict, match="has no fence"):
        drop_empty_partitions(stage.first)
    assert "tue" in stage.days()
