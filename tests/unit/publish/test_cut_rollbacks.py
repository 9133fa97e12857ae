"""A rollback that is larger than one metastore call: several swaps, a hold before the first, every key once between."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loader.basics.errors import Held, HotswapError, TooLarge
from loader.ops.table import TableService
from loader.state.open_table import Environment
from metastore.api import Partition, TableName
from metastore.memory import Fault, InMemoryMetastore
from tests.world import Source, create_table, expected, open_world, run_batch, visible

DAYS = 10
MOST = 4
"""Partitions in one call: three, and the fence."""


class Watched(InMemoryMetastore):
    """Remembers what a reader saw after each swap, and how many partitions it had."""

    def __init__(self) -> None:
        super().__init__("2.3.10", clock=lambda: 0.0)
        self.swaps: list[int] = []
        self.seen: list[int] = []
        self.refused: int | None = None  # which swap, counted from 0

    def alter_partitions(self, table: TableName, partitions: Sequence[Partition]) -> None:
        if len(self.swaps) == self.refused:
            self.refused = None
            self.inject("alter_partitions", Fault.REFUSE)
        super().alter_partitions(table, partitions)
        self.swaps.append(len(partitions))
        self.seen.append(len(visible(self)))  # `visible` fails for a key that is there twice


@dataclass
class Story:
    """Twenty keys over ten days, all of which moved to the day beside theirs in a second batch."""

    folder: Path
    store: Watched = field(default_factory=Watched)
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        create_table(self.store, self.folder)
        for number in range(2 * DAYS):
            self.source.put(f"k{number:02d}", f"d{number % DAYS}", number)
        self.batch()
        self.then = expected(self.source)
        for number in range(2 * DAYS):
            self.source.put(f"k{number:02d}", f"d{(number % DAYS) ^ 1}", 100 + number)
        self.batch()
        self.store.swaps.clear()
        self.store.seen.clear()

    def open(self, run: str, most: int | None = MOST) -> Environment:
        return replace(open_world(self.store, self.folder, run), partitions_per_swap=most)

    def service(self, run: str = "operator", most: int | None = MOST) -> TableService:
        return TableService(self.open(run, most))

    def batch(self) -> None:
        run_batch(self.open("loader"), self.source)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path / "clicks")


def test_the_preview_says_how_many_swaps_it_takes(story: Story) -> None:
    assert story.service().preview_rollback(1, None).calls == 5
    assert story.service(most=None).preview_rollback(1, None).calls == 1


def test_every_swap_fits_into_a_call_and_takes_rows_back_with_all_they_moved_between(story: Story) -> None:
    service = story.service()
    service.rollback(service.preview_rollback(1, None))
    assert story.store.swaps == [3] * 5  # two days that rows moved between, and the fence
    assert story.store.seen == [2 * DAYS] * 5
    assert visible(story.store) == story.then


def test_planned_and_done_at_once_it_is_the_same(story: Story) -> None:
    plan, published = story.service().rollback_now(1, None)
    assert (plan.calls, published.partitions, published.rows) == (5, DAYS, 2 * DAYS)
    assert visible(story.store) == story.then


def test_nothing_is_published_between_its_swaps(story: Story) -> None:
    """The table is held before the first."""
    story.store.refused = 0
    with pytest.raises(HotswapError, match="did not take the swap"):
        story.service().rollback_now(1, None)
    story.source.put("k00", "d5", 7)
    with pytest.raises(Held):
        run_batch(story.open("loader beside it"), story.source)


def test_one_that_stops_half_way_says_so_and_goes_on_when_it_is_run_again(story: Story) -> None:
    story.store.refused = 2
    with pytest.raises(HotswapError) as caught:
        story.service().rollback_now(1, None)
    assert "2 of 5 swaps went through" in caught.value.hint
    assert "run the same rollback again" in caught.value.hint
    story.service("again").rollback_now(1, None)
    assert visible(story.store) == story.then


@pytest.mark.parametrize("finished", [True, False])
def test_a_resume_brings_back_all_of_it(story: Story, finished: bool) -> None:
    now = expected(story.source)
    story.store.refused = None if finished else 2
    with nullcontext() if finished else pytest.raises(HotswapError):
        story.service().rollback_now(1, None)
    service = story.service("resumes")
    service.resume(service.preview_resume())
    story.source.dirty.clear()
    story.batch()
    assert visible(story.store) == now


def test_single_partitions_go_back_in_several_swaps_too_and_only_they_are_held(story: Story) -> None:
    _, published = story.service().rollback_now(1, None, ["day=d0", "day=d2"])
    assert story.store.swaps == [3, 3]
    assert published.partitions == 4
    story.source.put("k04", "d4", 7)
    story.batch()
    seen = visible(story.store)
    assert seen["k04"] == ("d4", 7)
    assert {key: row for key, row in seen.items() if row[0] < "d4"} == {
        key: row for key, row in story.then.items() if row[0] < "d4"
    }


def test_rows_that_moved_between_more_than_one_call_takes_are_refused_before_anything_is_held(story: Story) -> None:
    with pytest.raises(TooLarge, match=r"2 partitions of ads\.clicks \(day=d0 to day=d1\)"):
        story.service(most=2).rollback_now(1, None)
    assert story.service().env.state.records().state.holds == ()
