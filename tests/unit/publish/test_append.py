"""A table of events: each once, whatever becomes of the loader, of holds and of the table's past."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError, Held
from loader.ops.rollback.steps import hold_steps
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.runtime.loop import Loop
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from metastore.memory import InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.merge.rules import NEWEST_WINS
from partitioner.planning.plan import PlanRules
from tests.log_world import MemoryLog, event, log_work, open_log_world, rows_in, run_log_batch, source_of
from tests.world import create_table, visible

DAYS = ("mon", "tue", "wed")


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "clicks", MemoryLog()
        self.store = InMemoryMetastore("4.0.1")
        create_table(self.store, self.folder)
        self.written = 0

    def open(self, run: str = "first") -> Environment:
        return open_log_world(self.store, self.folder, run)

    def write(self, count: int, day: str | None = None) -> None:
        for _ in range(count):
            self.written += 1
            name = f"e{self.written:05d}"
            self.log.append(f"p{self.written % 2}", event(name, day or DAYS[self.written % 3], self.written))

    @property
    def whole(self) -> bool:
        return visible(self.store) == rows_in(self.log)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_each_event_is_there_once_over_many_batches(stage: Stage) -> None:
    env = stage.open()
    for _ in range(12):
        stage.write(5)
        run_log_batch(env, stage.log)
        assert stage.whole
    assert run_log_batch(env, stage.log).idle


def test_a_backlog_comes_in_batches_of_about_as_many_as_asked_for(stage: Stage) -> None:
    stage.write(20)
    env = stage.open()
    sizes = [run_log_batch(env, stage.log, most=7).counts.upserts for _ in range(3)]
    assert (sizes, stage.whole) == ([7, 7, 6], True)


def test_new_rows_are_linked_behind_full_files_and_join_small_ones(stage: Stage) -> None:
    env = stage.open()
    stage.write(8, "mon")
    run_log_batch(env, stage.log, wanted=8)
    stage.write(2, "mon")
    second = run_log_batch(env, stage.log, wanted=8)
    stage.write(2, "mon")
    third = run_log_batch(env, stage.log, wanted=8)
    names = [[file.name for file in batch.moves[0].new.files] for batch in (second, third)]
    assert [len(files) for files in names] == [2, 2]
    assert names[0][0] == names[1][0]  # the full one, linked
    assert names[0][1] != names[1][1]  # the small one, joined
    assert stage.whole


def test_what_another_loader_published_since_the_scan_is_not_read_again(stage: Stage) -> None:
    first, second = stage.open("first"), stage.open("second")
    stage.write(5)

    def meanwhile(batch: Batch, step: str) -> None:
        if step == "lock":
            run_log_batch(second, stage.log)
            stage.write(2)

    batch = run_log_batch(first, stage.log, watch=meanwhile)
    assert (batch.counts.upserts, stage.whole) == (2, True)


def test_what_a_dead_loader_had_swapped_is_not_read_again(stage: Stage) -> None:
    first = stage.open("first")
    stage.write(5)

    class Dies(BaseException):
        pass

    def dies(batch: Batch, step: str) -> None:
        if step == "read_back":
            raise Dies

    with pytest.raises(Dies):
        run_log_batch(first, stage.log, watch=dies)
    stage.write(1)
    assert run_log_batch(stage.open("second"), stage.log).counts.upserts == 1
    assert stage.whole


def test_a_batch_of_nothing_but_bad_events_moves_the_position(stage: Stage) -> None:
    env = stage.open()
    stage.log.append("p0", b"bad")
    batch = run_log_batch(env, stage.log)
    assert (batch.idle, batch.counts.rejected, run_log_batch(env, stage.log).idle) == (False, 1, True)
    assert list(quarantined(env.files, env.layout, env.state.records().attempts)) == [b"p0@0".hex()]


def test_a_batch_of_which_a_filter_leaves_nothing_moves_the_position(stage: Stage) -> None:
    env = stage.open()
    stage.log.append("p0", b"-filtered")
    assert [run_log_batch(env, stage.log).idle for _ in range(2)] == [False, True]


def test_a_rollback_takes_the_position_with_it_and_a_resume_reads_the_log_again(stage: Stage) -> None:
    env, service = stage.open(), TableService(stage.open("operator"))
    stage.write(6)
    run_log_batch(env, stage.log)
    then = visible(stage.store)
    for _ in range(3):
        stage.write(4)
        run_log_batch(env, stage.log)
    service.rollback(service.preview_rollback(1, None))
    assert visible(stage.store) == then
    stage.write(1)
    with pytest.raises(Held):
        run_log_batch(env, stage.log)
    service.resume(service.preview_resume())
    assert (run_log_batch(env, stage.log).counts.upserts, stage.whole) == (13, True)


def test_a_rollback_to_before_the_first_event_begins_the_log_again(stage: Stage) -> None:
    env, service = stage.open(), TableService(stage.open("operator"))
    publish(Batch(env, Kind.HOLD), hold_steps(None))
    service.resume(service.preview_resume())
    stage.write(6)
    run_log_batch(env, stage.log)
    service.rollback(service.preview_rollback(2, None))
    assert visible(stage.store) == {}
    service.resume(service.preview_resume())
    run_log_batch(env, stage.log)
    assert stage.whole


def test_what_was_quarantined_before_the_target_stays_and_what_came_later_comes_again(stage: Stage) -> None:
    env, service = stage.open(), TableService(stage.open("operator"))
    for number in range(3):
        stage.log.append("p0", b"bad" + str(number).encode())
        run_log_batch(env, stage.log)
    service.rollback(service.preview_rollback(2, None))
    records = env.state.records()
    assert sorted(quarantined(env.files, env.layout, records.attempts)) == [b"p0@0".hex(), b"p0@1".hex()]
    service.resume(service.preview_resume())
    stage.log.parts["p0"][2] = event("mended", "mon", 1)  # as with a mended transform
    run_log_batch(env, stage.log)
    assert (len(quarantined(env.files, env.layout, env.state.records().attempts)), stage.whole) == (2, True)


def test_a_quiet_log_keeps_the_table_fresh_and_moves_nothing(stage: Stage) -> None:
    env = stage.open()
    source = source_of(env, stage.log)
    loop = Loop(env, source, log_work(env, source).rewriter, PlanRules(), parallelism=1)
    stage.write(3)
    assert loop.turn() is not None
    read = env.state.position()
    loop.position_ms = None  # as a while later
    assert loop.turn() is None
    quiet = env.state.position()
    assert read is not None
    assert quiet is not None
    assert (quiet.value, quiet.read_ms > read.read_ms) == (read.value, True)
    assert env.state.records().state.position == read
    stage.write(2)
    assert loop.turn() is not None
    assert stage.whole


def test_one_partition_of_a_log_does_not_go_back_alone(stage: Stage) -> None:
    env, service = stage.open(), TableService(stage.open("operator"))
    for _ in range(2):
        stage.write(6)
        run_log_batch(env, stage.log)
    with pytest.raises(ConfigError, match="none goes back alone"):
        service.preview_rollback(1, None, ["day=mon"])


def hold(env: Environment, *days: str) -> None:
    publish(Batch(env, Kind.HOLD), hold_steps(tuple((day,) for day in days)))


def test_events_of_a_held_partition_wait_and_come_with_the_resume_once(stage: Stage) -> None:
    env, service = stage.open(), TableService(stage.open("operator"))
    stage.write(6)
    run_log_batch(env, stage.log)
    hold(env, "mon")
    for _ in range(2):
        stage.write(6)
        run_log_batch(env, stage.log)
    shown = visible(stage.store)
    waiting = rows_in(stage.log).keys() - shown.keys()
    assert {rows_in(stage.log)[name][0] for name in waiting} == {"mon"}
    service.resume(service.preview_resume())
    batch = run_log_batch(env, stage.log)
    assert (batch.counts.upserts, stage.whole) == (4, True)
    assert run_log_batch(env, stage.log).idle


def test_a_rollback_brings_back_what_waited_then(stage: Stage) -> None:
    """It was deferred by 3, published by 5; back at 3 it waits again."""
    env, service = stage.open(), TableService(stage.open("operator"))
    stage.write(6)
    run_log_batch(env, stage.log)
    hold(env, "mon")
    stage.write(6)
    third = run_log_batch(env, stage.log).attempt.batch
    service.resume(service.preview_resume())
    run_log_batch(env, stage.log)
    stage.write(6)
    run_log_batch(env, stage.log)
    service.rollback(service.preview_rollback(third, None))
    service.resume(service.preview_resume())
    run_log_batch(env, stage.log)
    assert stage.whole


def test_a_batch_larger_than_one_call_leaves_events_to_the_next(stage: Stage) -> None:
    env = stage.open()
    stage.write(9)
    shown = []
    for _ in range(3):
        run_log_batch(env, stage.log, per_swap=2)  # the fence, and one partition
        shown.append(len(visible(stage.store)))
    assert (shown, stage.whole) == ([3, 6, 9], True)


def test_another_rule_publishes_nothing_over_these_rows(stage: Stage) -> None:
    env = stage.open()
    stage.write(3)
    run_log_batch(env, stage.log)
    stage.write(3)
    with pytest.raises(ConfigError, match=r"merged by `append` 1.*`newest wins`"):
        run_log_batch(replace(stage.open("other"), rule=NEWEST_WINS), stage.log)
