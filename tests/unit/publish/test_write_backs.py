"""ANALYZE TABLE and ADD COLUMNS CASCADE write back whole partitions that they read before a swap: it must not stand."""

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from loader.basics.errors import Conflict, ForeignChange, HotswapError, OutcomeUnknown
from loader.ops.recover.stale_writes import astray, repair
from loader.ops.rollback.steps import rollback_steps
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.runtime.loop import Loop
from loader.state.open_table import Environment
from loader.storage.local import local_path
from metastore.api import Column, Partition
from metastore.errors import MetastoreError, NoSuchPartition
from metastore.memory import Fault
from partitioner.history.kinds import Kind
from partitioner.history.retention import Keep, RetentionRules, condemned
from partitioner.history.rollback_plan import plan_rollback
from tests.unit.publish.stage import Stage, ignore
from tests.world import TABLE


@dataclass(frozen=True)
class Analyze:
    """ANALYZE TABLE of the days `days`: what it read goes back whole, with its own numbers."""

    stage: Stage
    read: tuple[Partition, ...]

    def finish(self) -> None:
        statistics = {"numRows": "7", "COLUMN_STATS_ACCURATE": '{"BASIC_STATS":"true","COLUMN_STATS":{"id":"true"}}'}
        self.stage.store.alter_partitions(
            TABLE, [replace(p, parameters={**p.parameters, **statistics}) for p in self.read]
        )


def analyze(stage: Stage, *days: str) -> Analyze:
    return Analyze(stage, stage.store.partitions(TABLE, [(day,) for day in days]))


def add_columns_cascade(stage: Stage, *days: str) -> Analyze:
    return Analyze(
        stage, tuple(replace(p, columns=(*p.columns, Column("x", "int"))) for p in analyze(stage, *days).read)
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "clicks")


def swap_under(stage: Stage, stale: Analyze) -> None:
    """A batch that touches every day, and then the stale write."""
    stage.change()
    stage.run(stage.first)
    stale.finish()
    assert {p.location for p in stale.read} <= set(locations(stage).values())


def locations(stage: Stage) -> dict[tuple[str, ...], str]:
    return {partition.values: partition.location for partition in stage.store.all_partitions(TABLE)}


def test_a_batch_mends_the_partitions_that_it_touches(stage: Stage) -> None:
    swap_under(stage, analyze(stage, "mon", "tue", "wed"))
    stage.source.put("k0", "mon", 500)
    stage.source.put("k4", "tue", 501)
    stage.source.put("k5", "wed", 502)
    stage.run(stage.first)
    assert stage.is_whole(stage.first) is None


@pytest.mark.parametrize("write", [analyze, add_columns_cascade])
def test_a_repair_mends_the_others(stage: Stage, write: Callable[..., Analyze]) -> None:
    swap_under(stage, write(stage, "mon", "wed"))
    assert list(repair(stage.first)) == [("mon",), ("wed",)]
    assert stage.is_whole(stage.first) is None


def test_a_repair_brings_columns_and_exact_statistics_back(stage: Stage) -> None:
    swap_under(stage, add_columns_cascade(stage, "mon"))
    repair(stage.first)
    [mon] = stage.store.partitions(TABLE, [("mon",)])
    rows = sum(day == "mon" for day, _ in stage.expected().values())
    assert [column.name for column in mon.columns] == ["id", "clicks"]
    assert (mon.parameters["numRows"], mon.parameters["COLUMN_STATS_ACCURATE"]) == (str(rows), '{"BASIC_STATS":"true"}')


def test_where_nothing_is_stale_a_repair_is_no_attempt(stage: Stage) -> None:
    attempts = stage.first.state.records().attempts
    assert (list(repair(stage.first)), stage.first.state.records().attempts) == ([], attempts)


def test_the_history_tells_of_a_repair(stage: Stage) -> None:
    swap_under(stage, analyze(stage, "mon"))
    repair(stage.first)
    newest = TableService(stage.first).history(1)[0]
    assert (newest.kind, newest.outcome, newest.partitions) == ("repair", "committed", 1)


def test_a_person_who_sets_an_old_location_is_not_overruled(stage: Stage) -> None:
    old = stage.store.partitions(TABLE, [("mon",)])[0].location
    stage.change()
    stage.run(stage.first)
    [mon] = stage.store.partitions(TABLE, [("mon",)])
    stage.store.alter_partitions(TABLE, [replace(mon, location=old)])
    assert list(repair(stage.first)) == []
    stage.source.put("k0", "mon", 500)
    with pytest.raises(ForeignChange, match="day=mon"):
        stage.run(stage.first)
    assert stage.store.partitions(TABLE, [("mon",)])[0].location == old


def test_rows_that_somebody_inserted_where_a_stale_write_points_are_not_lost(stage: Stage) -> None:
    stale = analyze(stage, "mon")
    swap_under(stage, stale)
    local_path(stale.read[0].location).joinpath("part-0").write_bytes(b"theirs")
    with pytest.raises(ForeignChange, match="part-0"):
        repair(stage.first)
    assert stage.store.partitions(TABLE, [("mon",)])[0].location == stale.read[0].location


def test_a_version_that_was_collected_is_no_hindrance(stage: Stage) -> None:
    stale = analyze(stage, "mon")
    stage.change()
    stage.run(stage.first)
    stage.first.files.delete_tree(stale.read[0].location)
    stale.finish()
    repair(stage.first)
    assert stage.is_whole(stage.first) is None


# ---- in mid-batch


def at_every_call(folder: Path, days: tuple[str, ...]) -> list[str]:
    """A stale write before each call of a batch; then the watcher looks, and another batch runs."""
    problems = []
    for at in itertools.count():
        stage = Stage(folder / f"{at}")
        stage.source.put("k0", "tue", -1)
        stage.run(stage.first)
        writes = [analyze(stage, *days)]
        stage.source.put("k0", "mon", -2)
        stage.run(stage.first)

        def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
            if number == at:  # noqa: B023
                writes.pop().finish()  # noqa: B023

        env, _ = stage.watched("struck", strike)
        stage.change()
        try:
            stage.run(env)
        except (MetastoreError, HotswapError) as error:
            problems.append(f"before call {at}: {error!r}")
        if writes:
            break
        repair(env)
        whole = stage.is_whole(env)
        if whole:
            problems.append(f"before call {at}: {whole}")
    assert at > 12
    return problems


@pytest.mark.parametrize("days", [("mon",), ("mon", "tue", "wed")])
def test_a_stale_write_in_mid_batch_neither_stops_it_nor_stands(tmp_path: Path, days: tuple[str, ...]) -> None:
    problems = at_every_call(tmp_path, days)
    assert not problems, "\n".join(problems)


def test_a_stale_write_over_an_unanswered_swap_is_not_taken_for_damage(stage: Stage) -> None:
    stale = analyze(stage, "mon")
    stage.change()
    env, client = stage.watched("dead", ignore)

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if "alter_partitions" in client.calls:
            stage.store.inject(name, Fault.LOSE_REPLY if name == "alter_partitions" else Fault.UNREACHABLE)

    client.on_call = strike
    with pytest.raises(OutcomeUnknown):
        stage.run(env)
    stage.later()
    stale.finish()
    settled = TableService(stage.open("operator")).recover()
    assert [(item.batch, item.outcome) for item in settled] == [(2, "committed"), (3, "committed")]
    assert stage.visible() == stage.expected()


def test_an_unanswered_swap_that_was_written_back_whole_is_done_again(stage: Stage) -> None:
    """Nothing shows any more that it landed; nothing of it is lost."""
    stale = analyze(stage, "mon", "tue", "wed")
    for number in (0, 1, 2):
        stage.source.put(f"k{number}", ("mon", "tue", "wed")[number], 900)
    stage.store.inject("alter_partitions", Fault.LOSE_REPLY)

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if client.calls[-2:] == ["alter_partitions", "drop_partition"]:
            stale.finish()

    env, client = stage.watched("struck", strike)
    with pytest.raises(HotswapError, match="did not take the swap"):
        stage.run(env)
    stage.again()
    stage.run(env)
    assert stage.is_whole(env) is None


# ---- rollbacks and holds


def roll_back(env: Environment, target: int) -> None:
    publish(Batch(env, Kind.ROLLBACK), rollback_steps(plan_rollback(env.state.records().attempts, target)))


def test_a_stale_write_does_not_undo_a_rollback(stage: Stage) -> None:
    was = stage.visible()
    stage.change()
    stage.run(stage.first)
    stale = analyze(stage, "mon", "tue")
    roll_back(stage.first, 1)
    stale.finish()
    loop_of(stage.first).watch_locations()
    assert stage.visible() == was


def test_a_rollback_through_the_command_mends_first(stage: Stage) -> None:
    was = stage.visible()
    swap_under(stage, analyze(stage, "mon"))
    service = TableService(stage.first)
    service.rollback(service.preview_rollback(1, None))
    assert stage.visible() == was


def test_a_rollback_over_a_stale_write_that_nobody_mended_moves_nothing(stage: Stage) -> None:
    swap_under(stage, analyze(stage, "mon"))
    days, seen = ("mon", "tue", "wed", "fri"), locations(stage)
    with pytest.raises(Conflict, match="stale write"):
        roll_back(stage.first, 1)
    assert {day: locations(stage)[day,] for day in days} == {day: seen[day,] for day in days}


# ---- the watcher


def loop_of(env: Environment) -> Loop:
    return Loop(env, cast(Any, None), cast(Any, None), cast(Any, None), parallelism=1)


def test_the_watcher_looks_once_a_minute(stage: Stage) -> None:
    now = [10_000_000]
    env, client = stage.watched("watcher", ignore)
    loop = loop_of(replace(env, clock=lambda: now[0]))
    looked = []
    for passed in (0, 30_000, 29_000, 2_000):
        now[0] += passed
        loop.watch_locations()
        looked.append(client.calls.count("all_partitions"))
    assert looked == [1, 1, 1, 2]


def test_the_watcher_mends_what_no_batch_touches(stage: Stage) -> None:
    swap_under(stage, analyze(stage, "mon"))
    loop_of(stage.first).watch_locations()
    assert stage.is_whole(stage.first) is None


def test_the_watcher_tells_of_a_foreign_change_and_leaves_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    [mon] = stage.store.partitions(TABLE, [("mon",)])
    stage.store.alter_partitions(TABLE, [replace(mon, location="file:/elsewhere")])
    with caplog.at_level(logging.WARNING):
        loop_of(stage.first).watch_locations()
    assert "file:/elsewhere" in caplog.text
    assert stage.store.partitions(TABLE, [("mon",)])[0].location == "file:/elsewhere"


def test_the_watcher_takes_empty_partitions_of_ours_and_fences_for_what_they_are(stage: Stage) -> None:
    stage.source.put("new", "fri", 1)
    stage.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises(HotswapError):
        stage.run(stage.first)
    assert astray(stage.first).foreign == {}


def test_the_watcher_survives_a_metastore_that_is_away(stage: Stage) -> None:
    stage.store.inject("all_partitions", Fault.UNREACHABLE)
    loop_of(stage.first).watch_locations()
    assert stage.store.locks(TABLE) == ()


# ---- a repair is an attempt like any other


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LOSE_REQUEST, Fault.HOLD, Fault.FAIL_AFTER_COMMIT])
def test_a_repair_may_fail_at_every_call(tmp_path: Path, fault: Fault) -> None:
    problems = []
    for at in itertools.count():
        stage = Stage(tmp_path / f"{at}")
        swap_under(stage, analyze(stage, "mon", "wed"))
        reached: list[str] = []

        def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
            if number == at:  # noqa: B023
                reached.append(name)  # noqa: B023
                if name in ("lock", "add_partitions", "alter_partitions", "drop_partition", "unlock"):
                    stage.store.inject(name, fault)  # noqa: B023

        env, _ = stage.watched("struck", strike)
        try:
            repair(env)
        except (MetastoreError, HotswapError) as error:
            if isinstance(error, ForeignChange):
                problems.append(f"call {at}: {error!r}")
        if not reached:
            break
        stage.later()
        after = stage.open("after")
        TableService(after).recover()
        stage.store.land_held()
        stage.later()  # a lock that comes late is a dead holder's
        TableService(stage.open("once more")).recover()
        whole = stage.is_whole(after)
        if whole:
            problems.append(f"call {at} ({reached[0]}): {whole}")
    assert at > 10
    assert not problems, "\n".join(problems)


def test_a_repair_that_lands_late_undoes_nothing(stage: Stage) -> None:
    swap_under(stage, analyze(stage, "mon", "wed"))
    stage.store.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(HotswapError):
        repair(stage.first)
    stage.source.put("k0", "mon", 500)
    stage.source.put("k8", "wed", 500)
    stage.run(stage.first)
    [landed] = stage.store.land_held()
    assert isinstance(landed, NoSuchPartition)
    assert stage.is_whole(stage.first) is None


def test_a_version_that_was_live_again_keeps_its_grace_from_the_repair_on(stage: Stage) -> None:
    stale = analyze(stage, "mon")
    swap_under(stage, stale)
    swapped = stage.first.clock()
    repair(replace(stage.first, clock=lambda: swapped + 1_000_000))
    attempts = stage.first.state.records().attempts
    live = [p.location for p in stage.store.all_partitions(TABLE)]
    rules = RetentionRules(500_000, (Keep(0, 0),))
    soon, late = (condemned(attempts, rules, swapped + after, live) for after in (1_400_000, 1_600_000))
    old = stale.read[0].location
    assert (old in {item.location for item in soon}, old in {item.location for item in late}) == (False, True)
