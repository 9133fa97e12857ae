"""Row counts and attempts in the metastore that are not the files': `recover` puts them right, and moves nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.ops.recover.relabel import relabel
from loader.ops.table import TableService
from loader.publish.parameters import ATTEMPT
from loader.storage.local import local_path
from metastore.api import Partition
from metastore.memory import Fault
from tests.unit.publish.stage import Stage
from tests.world import TABLE


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "clicks")


def live(stage: Stage, day: str) -> Partition:
    return stage.store.partitions(TABLE, [(day,)])[0]


def says(stage: Stage, day: str, **parameters: str) -> None:
    """Somebody writes parameters of a partition; an empty text takes one away."""
    seen = live(stage, day)
    kept = {name: value for name, value in (seen.parameters | parameters).items() if value}
    stage.store.alter_partitions(TABLE, [replace(seen, parameters=kept)])


def test_a_wrong_row_count_is_put_right(stage: Stage) -> None:
    before = live(stage, "tue")
    says(stage, "tue", numRows="1000")
    (settled,) = TableService(stage.open("operator")).recover()
    after = live(stage, "tue")
    assert settled.reason.startswith("mended 1 partition whose row count")
    assert (after.parameters["numRows"], after.location) == (before.parameters["numRows"], before.location)
    assert stage.visible() == stage.expected()


def test_a_partition_without_its_attempt_gets_it_again(stage: Stage) -> None:
    attempt = live(stage, "mon").parameters[ATTEMPT]
    says(stage, "mon", **{ATTEMPT: ""})
    assert relabel(stage.open("operator")) == [("mon",)]
    assert live(stage, "mon").parameters[ATTEMPT] == attempt


def test_where_all_is_right_there_is_no_attempt(stage: Stage) -> None:
    says(stage, "tue", numRows="1000")
    env = stage.open("operator")
    TableService(env).recover()
    attempts = len(env.state.records().attempts)
    assert TableService(env).recover() == ()
    assert len(env.state.records().attempts) == attempts


def test_what_somebody_put_a_file_into_is_left_for_verify_to_tell(stage: Stage) -> None:
    says(stage, "tue", numRows="1000")
    says(stage, "mon", numRows="1000")
    local_path(live(stage, "tue").location).joinpath("part-0").write_bytes(b"theirs")
    assert relabel(stage.open("operator")) == [("mon",)]
    assert live(stage, "tue").parameters["numRows"] == "1000"


def test_many_are_put_right_in_calls_that_the_metastore_takes(stage: Stage) -> None:
    for day in ("mon", "tue", "wed"):
        says(stage, day, numRows="1000")
    env = replace(stage.open("operator"), partitions_per_swap=3)
    before = len(env.state.records().attempts)
    assert relabel(env) == [("mon",), ("tue",), ("wed",)]
    assert len(env.state.records().attempts) - before == 2


def test_one_that_fails_leaves_the_table_as_it_was_and_can_be_run_again(stage: Stage) -> None:
    says(stage, "tue", numRows="1000")
    stage.store.inject("alter_partitions", Fault.LOSE_REPLY)
    relabel(stage.open("operator"))
    assert stage.visible() == stage.expected()
    stage.later()
    assert relabel(stage.open("again")) == []
