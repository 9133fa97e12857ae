"""What one batch asks of the metastore: these calls and no more, however many partitions it moves."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loader.basics.beside import at_once
from loader.storage.local import LocalFiles
from tests.unit.publish.stage import DAYS, Stage, ignore

OF_A_BATCH = (
    "lock",
    "partitions",  # settle: is the fence of this run still there?
    "table",  # read_live: columns, kind, parameters
    "partitions",  # read_live: where the touched ones are
    "partitions",  # check: the same and the fence, right before the swap
    "heartbeat",  # check: is the lock still ours?
    "alter_partitions",
    "partitions",  # read_back
    "unlock",
)
OF_A_NEW_PARTITION = (*OF_A_BATCH[:4], "add_partitions", *OF_A_BATCH[4:])
KNOWN_TO_THE_CLIENT = "server"


def calls_of(stage: Stage, *changes: tuple[str, str]) -> tuple[str, ...]:
    """Of a batch that puts these keys and days; of a run's second batch, for the first one makes the fence."""
    env, client = stage.watched("counted", ignore)
    stage.source.put("k0", "mon", 1_000)
    stage.run(env)
    client.calls.clear()
    for key, day in changes:
        stage.source.put(key, day, 2_000)
    stage.run(env)
    return tuple(name for name in client.calls if name != KNOWN_TO_THE_CLIENT)


@pytest.mark.parametrize("partitions", [1, 2, 3])
def test_a_batch_makes_these_calls_and_no_more(tmp_path: Path, partitions: int) -> None:
    changes = [(f"k{number}", DAYS[number]) for number in range(partitions)]
    assert calls_of(Stage(tmp_path), *changes) == OF_A_BATCH


def test_new_partitions_cost_one_call_more(tmp_path: Path) -> None:
    changes = [(f"new{number}", f"new{number}") for number in range(3)]
    assert calls_of(Stage(tmp_path), *changes) == OF_A_NEW_PARTITION


def test_reads_are_begun_before_the_change_set_is_stored(tmp_path: Path) -> None:
    """Where they run beside it; and what they find is what the batch goes by."""
    stage = Stage(tmp_path)
    stored_when_begun: list[int] = []

    def change_sets() -> int:
        return len(LocalFiles().list(env.layout.change_sets))

    def beside(work: Callable[[], Any]) -> Callable[[], Any]:
        stored_when_begun.append(change_sets())
        return at_once(work)

    env = replace(stage.open("overlaps"), beside=beside)
    before = change_sets()
    stage.change()
    stage.run(env)
    assert stored_when_begun == [before, before]
    assert stage.is_whole(env) is None


def test_a_batch_goes_away_by_itself(tmp_path: Path) -> None:
    """It holds all rows of its change set; nothing in it may wait for the garbage collector."""
    stage = Stage(tmp_path)
    stage.change()
    gc.disable()
    try:
        rows = weakref.ref(stage.run().change_set.rows)
        assert rows() is None
    finally:
        gc.enable()
