"""`analyze`: numbers from the files, stored without moving anything, and never for rows that they do not describe."""

import json
from pathlib import Path
from typing import Any

import pytest

from metastore.accuracy import accurate_columns
from metastore.api import ColumnStatistics, TableName
from metastore.memory import Fault, InMemoryMetastore
from tests.cli.stage import Stage, hotswap
from tests.world import TABLE


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("bcd", "mon", 5), ("e", "tue", 5))
    return stage


def analyzed(stage: Stage, *options: str) -> dict[str, Any]:
    done = hotswap(stage, "analyze", "ads.clicks", "--json", *options)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def known(stage: Stage, day: str = "mon") -> dict[str, ColumnStatistics]:
    found = stage.metastore.column_statistics(TABLE, [(day,)], ["id", "clicks"])
    return {column.name: column for column in found.get((day,), ())}


def accurate(stage: Stage, day: str) -> frozenset[str]:
    return accurate_columns(stage.metastore.partitions(TABLE, [(day,)])[0].parameters)


def test_the_numbers_are_those_of_the_files(stage: Stage) -> None:
    analyzed(stage)
    assert known(stage) == {
        "clicks": ColumnStatistics("clicks", "bigint", nulls=0, distinct=2, low=1, high=5),
        "id": ColumnStatistics("id", "string", nulls=0, distinct=2, longest=3, average=2.0),
    }


def test_it_moves_nothing(stage: Stage) -> None:
    before = {item.values: item.location for item in stage.metastore.all_partitions(TABLE)}
    analyzed(stage)
    assert {item.values: item.location for item in stage.metastore.all_partitions(TABLE)} == before
    assert hotswap(stage, "verify", "--deep").code == 0


def test_partitions_with_current_statistics_are_left_out_until_they_are_published_again(stage: Stage) -> None:
    assert analyzed(stage)["analyzed"] == ["day=mon", "day=tue"]
    assert (analyzed(stage)["analyzed"], analyzed(stage)["current"]) == ([], 2)
    stage.batch(("e", "tue", 9))
    assert accurate(stage, "tue") == set()
    assert analyzed(stage)["analyzed"] == ["day=tue"]
    assert known(stage, "tue")["clicks"].high == 9


def test_all_does_them_again(stage: Stage) -> None:
    analyzed(stage)
    assert analyzed(stage, "--all")["analyzed"] == ["day=mon", "day=tue"]


def test_one_partition_and_one_column_can_be_asked_for(stage: Stage) -> None:
    told = analyzed(stage, "--partition", "day=tue", "--column", "clicks")
    assert (told["analyzed"], told["columns"]) == (["day=tue"], ["clicks"])
    assert (set(known(stage, "tue")), known(stage, "mon")) == ({"clicks"}, {})


@pytest.mark.parametrize(("option", "value"), [("--partition", "day=never"), ("--column", "nosuch")])
def test_what_is_not_there_is_a_usage_error(stage: Stage, option: str, value: str) -> None:
    done = hotswap(stage, "analyze", "ads.clicks", option, value)
    assert (done.code, "has no" in done.err) == (2, True)


class Hasty(InMemoryMetastore):
    """Somebody publishes right before a lock is given."""

    before_lock: Any = None

    def lock(self, name: TableName, user: str, host: str, agent: str) -> Any:
        hasty, self.before_lock = self.before_lock, None
        if hasty:
            hasty()
        return super().lock(name, user, host, agent)


def test_numbers_of_rows_that_are_not_live_any_more_are_not_stored(tmp_path: Path) -> None:
    metastore = Hasty()
    stage = Stage(tmp_path, metastore=metastore)
    stage.batch(("a", "mon", 1), ("e", "tue", 5))
    metastore.before_lock = lambda: stage.batch(("a", "mon", 7))
    told = analyzed(stage)
    assert (told["analyzed"], told["moved"]) == (["day=tue"], ["day=mon"])
    assert (known(stage, "mon"), accurate(stage, "mon")) == ({}, set())


def test_the_lock_is_given_back(stage: Stage) -> None:
    analyzed(stage)
    assert not stage.metastore.locks(TABLE)


# What becomes of the call that stores them


def test_a_lost_reply_is_found_to_be_stored(stage: Stage) -> None:
    stage.metastore.inject("set_column_statistics", Fault.LOSE_REPLY)
    assert analyzed(stage)["analyzed"] == ["day=mon", "day=tue"]
    assert accurate(stage, "mon") == {"id", "clicks"}


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.HOLD])
def test_numbers_that_may_still_come_are_told_as_unknown_and_the_next_run_stores_them(
    stage: Stage, fault: Fault
) -> None:
    stage.metastore.inject("set_column_statistics", fault)
    done = hotswap(stage, "analyze", "ads.clicks")
    assert (done.code, "were sent, but are not there" in done.err, "analyze ads.clicks --all" in done.err) == (
        4,
        True,
        True,
    )
    assert not stage.metastore.locks(TABLE)
    stage.metastore.land_held()
    assert analyzed(stage, "--all")["analyzed"] == ["day=mon", "day=tue"]
    assert known(stage)["clicks"].high == 5


@pytest.mark.parametrize("fault", [Fault.UNREACHABLE, Fault.REFUSE])
def test_numbers_that_were_not_taken_are_told_as_not_stored(stage: Stage, fault: Fault) -> None:
    stage.metastore.inject("set_column_statistics", fault)
    assert hotswap(stage, "analyze", "ads.clicks").code == 1
    assert (accurate(stage, "mon"), stage.metastore.locks(TABLE)) == (set(), ())


def test_a_table_that_is_locked_is_told(stage: Stage) -> None:
    stage.metastore.lock(TABLE, "u", "h", "another")
    done = hotswap(stage, "analyze", "ads.clicks")
    assert (done.code, "another" in done.err) == (3, True)
