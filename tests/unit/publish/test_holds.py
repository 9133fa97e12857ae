"""Rollbacks of single partitions, holds, the keys that wait for them, and resumes."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from loader.basics.errors import ConfigError, Held, PlanChanged, StorageError
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.report.reports import RollbackPreview
from loader.sources.api import Poll
from loader.state.open_table import Environment
from loader.state.records import State
from loader.storage.local import local_path
from metastore.api import Metastore
from metastore.memory import InMemoryMetastore
from tests.unit.publish.stage import Watched
from tests.world import Row, Source, create_table, expected, fill, open_world, run_batch, visible

DAYS = ("mon", "tue", "wed", "thu")


class Table:
    """Twelve keys over four days (`k00` on mon, `k01` on tue …), loaded as batch 1."""

    def __init__(self, folder: Path, source: Source | None = None) -> None:
        self.folder = folder
        self.store = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
        create_table(self.store, folder)
        self.source = source or Source()
        fill(self.source, ((f"k{n:02d}", DAYS[n % 4], n) for n in range(12)))
        self.env = self.open("loader")
        self.run()

    def open(self, run: str) -> Environment:
        return open_world(self.store, self.folder, run)

    def run(self) -> Batch:
        return run_batch(self.env, self.source)

    def put(self, key: str, day: str, clicks: int) -> Batch:
        self.source.put(key, day, clicks)
        return self.run()

    @property
    def verbs(self) -> TableService:
        return TableService(replace(self.env, keystore=None))  # as the command line opens it

    def rollback(self, target: int, *days: str) -> RollbackPreview:
        return self.verbs.rollback_now(target, None, [f"day={day}" for day in days])[0]

    def hold(self, *days: str) -> None:
        self.verbs.hold([f"day={day}" for day in days])

    def resume(self, *days: str) -> None:
        self.verbs.resume(self.verbs.preview_resume([f"day={day}" for day in days]))

    def rows(self, *days: str) -> dict[str, Row]:
        return {key: row for key, row in visible(self.store).items() if row[0] in days}

    def is_current(self) -> bool:
        return visible(self.store) == expected(self.source)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "clicks")


def test_one_partition_goes_back_and_the_others_stay(table: Table) -> None:
    was = table.rows("mon")
    table.put("k00", "mon", 100)
    table.put("k01", "tue", 101)
    now = table.rows("tue", "wed", "thu")
    table.rollback(1, "mon")
    assert (table.rows("mon"), table.rows("tue", "wed", "thu")) == (was, now)


def test_a_partition_that_rows_moved_from_goes_back_too(table: Table) -> None:
    was = table.rows("mon", "tue")
    table.put("k01", "mon", 101)
    plan = table.rollback(1, "mon")
    assert (plan.asked, plan.held) == (("day=mon",), ("day=mon", "day=tue"))
    assert table.rows("mon", "tue") == was


def test_the_closure_follows_a_chain_of_moves(table: Table) -> None:
    table.source.put("k00", "tue", 1)
    table.put("k01", "wed", 2)
    assert table.rollback(1, "mon").held == ("day=mon", "day=tue", "day=wed")


def test_a_row_that_moved_there_and_back_again_ties_nothing(table: Table) -> None:
    table.put("k00", "tue", 1)
    table.put("k00", "mon", 2)
    assert table.rollback(1, "mon").held == ("day=mon",)


def test_moves_that_a_merged_index_remembers_still_tie(table: Table) -> None:
    assert table.env.keystore is not None
    for clicks in range(9):
        table.put("k01", ("mon", "tue")[clicks % 2], clicks)
    index = table.env.state.records().state.index
    table.env.compacted.ready = table.env.keystore.compact(index)
    table.put("k02", "wed", 7)
    assert len(table.env.state.records().state.index) < len(index)
    assert table.rollback(1, "mon").held == ("day=mon", "day=tue")
    table.resume()
    table.run()
    assert table.is_current()


def test_the_key_index_goes_back_with_its_partitions(table: Table) -> None:
    table.put("k01", "mon", 101)
    table.put("k02", "thu", 102)
    table.rollback(1, "mon")
    table.source.put("k05", "wed", 5)  # k05 was on tue and is held; k02's move to thu stands
    table.source.put("k02", "wed", 103)
    table.run()
    assert visible(table.store)["k02"] == ("wed", 103)
    table.resume()
    table.run()
    assert table.is_current()


def test_a_partition_that_is_newer_than_the_target_becomes_empty(table: Table) -> None:
    table.put("new", "fri", 1)
    table.rollback(1, "fri")
    assert table.rows("fri") == {}
    table.resume()
    table.run()
    assert table.is_current()


def test_only_what_was_rolled_back_is_held(table: Table) -> None:
    table.put("k00", "mon", 100)
    table.rollback(1, "mon")
    table.put("k01", "tue", 101)
    assert visible(table.store)["k01"] == ("tue", 101)


@pytest.mark.parametrize(
    ("key", "day"), [("k00", "mon"), ("k00", "tue"), ("k01", "mon"), ("new", "mon")], ids=["in", "out", "into", "new"]
)
def test_a_change_of_a_held_partition_waits_whole(table: Table, key: str, day: str) -> None:
    table.hold("mon")
    before = visible(table.store)
    table.put(key, day, 100)
    assert visible(table.store) == before


def test_a_delete_in_a_held_partition_waits(table: Table) -> None:
    table.hold("mon")
    table.source.delete("k00")
    table.run()
    assert "k00" in visible(table.store)
    table.resume()
    table.run()
    assert table.is_current()


def test_a_resume_brings_what_was_taken_back_and_what_waited(table: Table) -> None:
    table.put("k00", "mon", 100)
    table.rollback(1, "mon")
    table.put("k04", "tue", 104)  # waits: mon is held
    table.resume()
    table.run()
    assert table.is_current()


def test_waiting_keys_are_durable_and_need_no_window(table: Table) -> None:
    table.hold("mon")
    table.put("k00", "mon", 100)
    table.env = table.open("another run")
    table.resume()
    assert not table.source.dirty
    table.run()
    assert table.is_current()


def test_a_resume_reads_a_waiting_key_as_it_is_then(table: Table) -> None:
    table.hold("mon")
    table.put("k00", "mon", 100)
    table.source.rows[b"k00"] = ("mon", 200)  # no window tells of it
    table.resume()
    table.run()
    assert visible(table.store)["k00"] == ("mon", 200)


def test_a_key_that_waits_already_makes_no_batch(table: Table) -> None:
    table.hold("mon")
    table.put("k00", "mon", 100)
    before = len(table.env.state.records().attempts)
    table.put("k00", "mon", 101)
    assert len(table.env.state.records().attempts) == before


def test_status_tells_of_holds_and_counts_what_waits(table: Table) -> None:
    table.hold("mon")
    table.put("k00", "mon", 100)
    table.put("k04", "mon", 101)
    status = table.verbs.status()
    assert [hold.partitions for hold in status.holds] == [("day=mon",)]
    assert status.deferred == 2


class Aging(Source):
    """A source whose low watermark follows its windows."""

    def scan(self) -> Poll:
        found = super().scan()
        assert found.position is not None
        return replace(found, position=replace(found.position, low_ms=found.position.read_ms))


@pytest.fixture
def aging(tmp_path: Path) -> Table:
    return Table(tmp_path / "aging", Aging())


def test_the_low_watermark_stops_until_what_waited_is_in(aging: Table) -> None:
    aging.hold("mon")
    stopped = aging.verbs.status().low_watermark_ms
    for clicks in (50, 51, 52):
        aging.source.put("k00", "mon", clicks)
        aging.put("k01", "tue", clicks)
    assert aging.verbs.status().low_watermark_ms == stopped
    aging.resume()
    assert aging.verbs.status().low_watermark_ms == stopped
    aging.run()
    assert aging.verbs.status().low_watermark_ms == aging.source.clock


def test_the_low_watermark_goes_back_with_a_rollback(aging: Table) -> None:
    aging.put("k00", "mon", 50)
    then = aging.verbs.status().low_watermark_ms
    aging.put("k00", "mon", 51)
    aging.rollback(2)
    assert aging.verbs.status().low_watermark_ms == then


def test_one_of_two_held_partitions_can_be_let_go(table: Table) -> None:
    table.put("k01", "mon", 101)
    table.rollback(1, "mon")  # drags tue along
    table.resume("tue")
    table.put("k05", "tue", 105)
    assert visible(table.store)["k05"] == ("tue", 105)
    assert visible(table.store)["k01"] == ("tue", 1)  # its new home is still held
    table.resume("mon")
    table.run()
    assert table.is_current()


def test_a_partition_can_be_held_before_it_exists(table: Table) -> None:
    table.hold("fri")
    table.put("new", "fri", 1)
    assert "new" not in visible(table.store)


def test_a_hold_of_the_table_publishes_nothing(table: Table) -> None:
    table.hold()
    with pytest.raises(Held, match="held by the `hotswap hold` in batch 2"):
        table.put("k00", "mon", 100)
    table.resume()
    table.run()
    assert table.is_current()


def test_single_partitions_of_a_held_table_are_not_let_go(table: Table) -> None:
    table.hold("mon")
    table.hold()
    with pytest.raises(Held, match="held as a whole"):
        table.resume("mon")


def test_a_resume_of_what_is_not_held_names_what_is(table: Table) -> None:
    table.hold("mon")
    with pytest.raises(Held, match=r"day=tue of ads\.clicks is not held") as raised:
        table.resume("tue")
    assert "day=mon" in raised.value.hint


def test_a_rollback_of_the_table_after_one_of_a_partition_is_whole(table: Table) -> None:
    was = visible(table.store)
    table.put("k01", "mon", 101)
    table.put("k02", "thu", 102)
    table.rollback(2, "mon")
    table.put("k03", "thu", 103)
    table.rollback(1)
    assert visible(table.store) == was
    table.resume()
    table.run()
    assert table.is_current()


def test_a_rollback_to_a_moment_of_a_hold_still_owes_what_waited_then(table: Table) -> None:
    table.hold("mon")  # 2
    table.put("k00", "mon", 100)  # 3 waits
    table.put("k01", "tue", 101)  # 4
    table.resume()  # 5
    table.run()  # 6 has k00
    table.rollback(4)
    table.resume()
    table.run()
    assert table.is_current()


def test_a_rollback_of_a_partition_while_the_table_is_held_adds_a_hold(table: Table) -> None:
    table.put("k00", "mon", 100)
    table.put("k01", "tue", 101)
    table.rollback(2)
    table.rollback(1, "mon")
    assert visible(table.store)["k00"] == ("mon", 0)
    table.resume()
    table.run()
    assert table.is_current()


def test_a_checkpoint_keeps_holds_and_what_waits(table: Table) -> None:
    table.put("k00", "mon", 100)
    table.rollback(1, "mon")
    table.put("k04", "mon", 100)
    state = State(table.env.files, table.env.layout)
    whole = state.records().state
    state.store_checkpoint(())
    assert State(table.env.files, table.env.layout).latest().state == whole
    assert (len(whole.deferred), [hold.partitions for hold in whole.holds]) == (2, [(("mon",),)])


def test_a_change_set_that_is_gone_stops_the_rollback_of_a_partition(table: Table) -> None:
    attempt = table.put("k00", "mon", 100).attempt.attempt
    local_path(table.env.layout.changes(attempt)).unlink()
    with pytest.raises(StorageError, match="change set of batch 2 is gone"):
        table.rollback(1, "mon")
    assert table.is_current()


def test_a_plan_made_under_the_lock_needs_no_second_try(table: Table) -> None:
    """A loader that publishes between the command's start and its lock: the plan is of what is live then."""
    table.put("k00", "mon", 100)
    pending = [101]

    def publish_first(number: int, name: str, arguments: tuple[object, ...]) -> None:
        if name == "lock" and pending:
            table.put("k01", "tue", pending.pop())

    command = cast(Metastore, Watched(table.store, publish_first))
    plan, _ = TableService(open_world(command, table.folder, "command")).rollback_now(1, None)
    assert {step.name for step in plan.partitions} == {"day=mon", "day=tue"}
    assert visible(table.store)["k01"] == ("tue", 1)


def test_a_plan_that_was_shown_is_refused_when_it_would_be_another(table: Table) -> None:
    table.put("k00", "mon", 100)
    shown = table.verbs.preview_rollback(1, None, ["day=mon"])
    table.put("k01", "mon", 101)
    with pytest.raises(PlanChanged, match="changed since"):
        table.verbs.rollback(shown)
    assert table.is_current()


@pytest.mark.parametrize("name", ["mon", "hour=7", "day=mon/hour=7", "day="])
def test_a_partition_is_named_as_hive_names_it(table: Table, name: str) -> None:
    with pytest.raises(ConfigError, match=r"day=…"):
        table.verbs.hold([name])


def test_a_partition_that_never_was_is_not_rolled_back(table: Table) -> None:
    with pytest.raises(ConfigError, match="has no partition day=sun"):
        table.rollback(1, "sun")
