"""A batch that is larger than one metastore call: several swaps, each whole, and none forgotten."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import HotswapError, TooLarge
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.table import TableService
from loader.publish.batch import Batch, Work
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.state.recently_published import Recently
from metastore.errors import MetastoreError
from metastore.memory import Fault, InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.planning.plan import PlanRules
from tests.world import COLUMNS, Source, create_table, expected, open_world, raw_keys, visible

MOST = 4
"""Partitions in one call: three, and the fence."""


class Table:
    """Twenty keys over ten days to be loaded, by a loader whose calls take `MOST` partitions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
        create_table(self.store, folder)
        self.source = Source()
        self.env = self.open("loader")
        for number in range(20):
            self.source.put(f"k{number:02d}", f"d{number % 10}", number)

    def open(self, run: str) -> Environment:
        return open_world(self.store, self.folder, run)

    def batch(self) -> Batch:
        env = self.env
        rewriter = LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary)
        work = Work(self.source.scan, self.source, rewriter, PlanRules(), 2, Recently(env.files, env.layout))
        batch = publish(Batch(env, Kind.BATCH, replace(work, partitions_per_swap=MOST)))
        self.source.dirty.clear()
        return batch

    def load(self) -> list[Batch]:
        batches = [self.batch()]
        while batches[-1].carried.rest is not None:
            batches.append(self.batch())
        return batches

    def is_current(self) -> bool:
        return visible(self.store) == expected(self.source)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "clicks")


def test_a_large_batch_is_published_in_several_swaps(table: Table) -> None:
    batches = table.load()
    assert [len(batch.moves) for batch in batches] == [3, 3, 3, 1]
    assert table.is_current()


def test_a_key_moves_in_one_swap_though_its_batch_is_cut(table: Table) -> None:
    table.load()
    for number in range(20):
        table.source.put(f"k{number:02d}", f"d{(number % 10) ^ 1}", 100 + number)
    for batch in (table.batch() for _ in range(5)):
        assert len(batch.moves) == 2
        assert len(visible(table.store)) == 20  # `visible` fails for a key that is there twice
    assert table.is_current()


def test_a_loader_that_dies_between_two_swaps_is_gone_on_with(table: Table) -> None:
    table.batch()
    table.env = table.open("next")
    assert not table.source.dirty
    table.load()
    assert table.is_current()


def test_a_swap_that_fails_between_the_cuts_loses_nothing(table: Table) -> None:
    table.batch()
    table.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises((HotswapError, MetastoreError)):
        table.batch()
    table.load()
    assert table.is_current()


def test_the_low_watermark_moves_after_the_last_cut(table: Table) -> None:
    table.load()
    for number in range(10):
        table.source.put(f"k{number:02d}", f"d{number}", 200)
    table.batch()
    state = table.env.state.records().state
    assert (state.watermark, len(state.released)) == (0, 1)
    table.load()
    assert table.env.state.records().state.watermark is None


def test_what_is_left_is_read_again_as_it_is_then(table: Table) -> None:
    table.batch()
    table.source.rows[b"k09"] = ("d9", 999)  # no window tells of it
    table.load()
    assert visible(table.store)["k09"] == ("d9", 999)


def test_a_rollback_into_the_middle_of_a_cut_batch_owes_the_rest(table: Table) -> None:
    table.load()
    service = TableService(table.env)
    service.rollback_now(2, None)
    assert len(visible(table.store)) == 12
    service.resume(service.preview_resume())
    table.load()
    assert table.is_current()


def test_days_that_rows_move_between_and_one_call_does_not_take_are_told_before_anything_is_written(
    table: Table,
) -> None:
    table.load()
    for number in range(5):
        table.source.put(f"k{number:02d}", f"d{number + 1}", 100 + number)
    before = files_below(table.folder)
    with pytest.raises(
        TooLarge, match=r"6 partitions of ads\.clicks \(day=d0 to day=d5\).* one call takes 3"
    ) as caught:
        table.batch()
    assert "partitions_per_swap" in caught.value.hint
    assert files_below(table.folder) == before


def files_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
