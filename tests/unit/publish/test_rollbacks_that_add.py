"""A rollback to where a partition still was: it is added again, empty, before the swap that fills it."""

from pathlib import Path

import pytest

from loader.basics.errors import HotswapError
from loader.ops.clean.empty_partitions import drop_empty_partitions
from loader.ops.table import TableService
from metastore.memory import Fault
from tests.unit.publish.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """All rows of tue are gone, and so is the partition."""
    stage = Stage(tmp_path / "clicks")
    for key in ("k1", "k4", "k7"):
        stage.source.delete(key)
    stage.run(stage.first)
    drop_empty_partitions(stage.first)
    return stage


def test_what_was_dropped_comes_back_with_its_rows(stage: Stage) -> None:
    TableService(stage.open("operator")).rollback_now(1, None)
    assert {key for key, row in stage.visible().items() if row[0] == "tue"} == {"k1", "k4", "k7"}


@pytest.mark.parametrize("partitions", [(), ("day=tue",)], ids=["table", "partition"])
def test_one_that_ended_between_adding_and_swapping_can_be_run_again(stage: Stage, partitions: tuple[str, ...]) -> None:
    """What it has added waits, empty, and is taken over."""
    stage.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises(HotswapError):
        TableService(stage.open("operator")).rollback_now(1, None, partitions)
    assert "tue" in stage.days()
    TableService(stage.open("again")).rollback_now(1, None, partitions)
    assert {key for key, row in stage.visible().items() if row[0] == "tue"} == {"k1", "k4", "k7"}
