"""The checkpoint says what the whole history says, and saves reading it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loader.basics.errors import NewerFormat
from loader.ops.rollback.steps import RESUME_STEPS, rollback_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.records import State
from loader.storage.local import LocalFiles
from metastore.memory import InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.history.rollback_plan import plan_rollback
from tests.world import Source, create_table, open_world, run_batch


class Table:
    def __init__(self, folder: Path) -> None:
        self.store = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
        create_table(self.store, folder)
        self.source, self.env = Source(), open_world(self.store, folder, "run")

    def batch(self, clicks: int) -> None:
        self.source.put("a", ("mon", "tue")[clicks % 2], clicks)
        run_batch(self.env, self.source)

    def rollback(self, target: int) -> None:
        plan = plan_rollback(self.env.state.records().attempts, target)
        publish(Batch(self.env, Kind.ROLLBACK), rollback_steps(plan))

    def fresh(self) -> State:
        return State(self.env.files, self.env.layout)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(tmp_path / "clicks")
    for clicks in range(3):
        table.batch(clicks)
    return table


def fold_all(table: Table) -> None:
    state = table.fresh()
    state.records()
    state.store_checkpoint(())


def test_a_state_from_a_checkpoint_is_that_of_the_whole_history(table: Table) -> None:
    fold_all(table)
    assert table.fresh().latest().state == table.fresh().records().state


def test_what_comes_after_a_checkpoint_counts(table: Table) -> None:
    fold_all(table)
    table.batch(7)
    latest = table.fresh().latest()
    assert (len(latest.attempts), latest.state) == (1, table.fresh().records().state)


def test_a_hold_and_its_debt_survive_a_checkpoint(table: Table) -> None:
    table.rollback(1)
    fold_all(table)
    assert table.fresh().latest().state == table.fresh().records().state
    publish(Batch(table.env, Kind.RESUME), RESUME_STEPS)
    assert table.fresh().latest().state.owed == (2, 3)


def test_the_position_is_the_same_with_and_without_a_checkpoint(table: Table) -> None:
    before = table.fresh().position()
    fold_all(table)
    assert table.fresh().position() == before is not None


def test_an_unsettled_attempt_is_never_folded(table: Table) -> None:
    Path(table.env.layout.outcome(3).removeprefix("file://")).unlink()
    fold_all(table)
    assert [attempt.intent.batch for attempt in table.fresh().latest().attempts] == [3]


def test_only_the_newest_checkpoint_stays(table: Table) -> None:
    fold_all(table)
    table.batch(8)
    fold_all(table)
    assert [entry.name for entry in table.env.files.list(table.env.layout.checkpoints)] == ["0000000004.json"]


@dataclass(frozen=True, slots=True)
class CountingFiles(LocalFiles):
    reads: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return LocalFiles.read(self, path)


def test_standing_is_told_without_reading_the_folded_history(table: Table) -> None:
    fold_all(table)
    files = CountingFiles()
    State(files, table.env.layout).position()
    assert [path.rpartition("/")[2] for path in files.reads] == ["0000000003.json"]


def test_a_checkpoint_of_a_newer_program_is_refused(table: Table) -> None:
    fold_all(table)
    path = Path(table.env.layout.checkpoint(3).removeprefix("file://"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(NewerFormat, match=r"0000000003.json was written by a newer hotswap: format 99") as told:
        table.fresh().latest()
    assert "Upgrade" in told.value.hint
