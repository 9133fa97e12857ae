"""The key index is compacted beside the batches: none waits for it, and whatever comes in between it stays right."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from loader.basics.beside import in_thread
from loader.ops.table import TableService
from loader.runtime.compactor import Compactor
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.local import LocalFiles
from partitioner.changes.hashing import hashes_of
from tests.unit.publish.stage import Stage
from tests.world import expected

DELTAS = 10
"""One key each: so many weigh more than the nine keys of the base, so that all become one segment."""


@dataclass
class Held:
    """Work that begins when the test says so."""

    held: list[Callable[[], Any]] = field(default_factory=list)

    def __call__(self, work: Callable[[], Any]) -> Callable[[], Any]:
        self.held.append(work)
        return work

    def let_go(self) -> None:
        self.held.pop()()


@dataclass
class Table:
    """A table with so many deltas that a merge pays, and one is about to begin."""

    stage: Stage
    merging: Held = field(default_factory=Held)

    def __post_init__(self) -> None:
        self.env = self.stage.open("loads")
        self.compactor = Compactor(self.env, self.merging)
        for number in range(DELTAS):
            self.batch(f"k{number}", "mon", 50 + number)
        self.compactor.after_batch(self.index)

    def batch(self, key: str, day: str, clicks: int) -> None:
        self.stage.source.put(key, day, clicks)
        self.stage.run(self.env)

    def back_to(self, batch: int) -> None:
        verbs = TableService(self.env)
        verbs.rollback(verbs.preview_rollback(batch, None))

    def resume(self) -> None:
        verbs = TableService(self.env)
        verbs.resume(verbs.preview_resume())
        self.stage.run(self.env)

    @property
    def index(self) -> tuple[str, ...]:
        return self.env.state.records().state.index

    def is_current(self) -> bool:
        rows = expected(self.stage.source)
        return self.stage.visible() == rows and places(self.env, rows) == {
            key: f"day={row[0]}" for key, row in rows.items()
        }


def places(env: Environment, keys: Collection[str]) -> dict[str, str | None]:
    """By a loader that knows nothing but the files."""
    raw = pa.array([key.encode() for key in keys], pa.binary())
    store = KeyStore(LocalFiles(), env.layout)
    names = store.look_up(env.state.records().state.index, hashes_of(raw), raw).to_pylist()
    return dict(zip(keys, names, strict=True))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(Stage(tmp_path))


def test_no_batch_waits_for_a_merge(table: Table) -> None:
    was = table.index
    table.batch("k0", "tue", 100)
    table.batch("k1", "wed", 101)
    assert len(table.merging.held) == 1
    assert table.index[: len(was)] == was
    assert table.is_current()


def test_a_merge_is_taken_up_by_the_next_batch_and_what_came_meanwhile_stays(table: Table) -> None:
    was = table.index
    table.batch("k0", "tue", 100)
    meanwhile = table.index[-1]
    table.merging.let_go()
    table.batch("k1", "wed", 101)
    assert table.index[1:-1] == (meanwhile,)
    assert table.index[0] not in was
    assert table.is_current()


def test_only_one_merge_is_under_way(table: Table) -> None:
    for number in range(2 * DELTAS):
        table.batch("k0", "tue", number)
        table.compactor.after_batch(table.index)
    assert len(table.merging.held) == 1


def test_the_next_merge_begins_once_a_manifest_names_the_last(table: Table) -> None:
    table.merging.let_go()
    table.compactor.after_batch(table.index)
    assert not table.merging.held
    table.batch("k0", "tue", 100)
    table.compactor.after_batch(table.index)
    assert len(table.merging.held) == 1


def test_a_rollback_over_a_merge_brings_back_the_index_of_its_target(table: Table) -> None:
    then = {key: f"day={row[0]}" for key, row in table.stage.visible().items()}
    target = table.env.state.records().state.batch
    table.merging.let_go()
    table.batch("k0", "tue", 100)
    table.back_to(target)
    assert places(table.env, then) == then
    table.resume()
    assert table.is_current()


def test_a_merge_that_a_rollback_overtook_is_not_taken_up(table: Table) -> None:
    table.back_to(3)
    table.resume()
    table.merging.let_go()
    merged = table.env.compacted.ready
    assert merged is not None
    table.batch("k0", "tue", 100)
    assert merged.merged not in table.index
    assert table.is_current()


def test_a_key_that_lives_nowhere_is_not_found_again_below_a_merge(table: Table) -> None:
    table.stage.source.delete("k5")
    table.stage.run(table.env)
    table.merging.let_go()
    table.batch("k0", "tue", 100)
    assert places(table.env, ["k5"]) == {"k5": None}


def test_a_merged_segment_that_was_cleaned_away_is_never_named(table: Table) -> None:
    table.merging.let_go()
    ready = table.env.compacted.ready
    assert ready is not None
    LocalFiles().delete_file(table.env.layout.index_segment(ready.merged))
    table.batch("k0", "tue", 100)
    assert ready.merged not in table.index
    assert table.is_current()


def test_a_merge_that_fails_stops_no_batch_and_is_tried_again(table: Table) -> None:
    class Full(LocalFiles):
        def create(self, path: str, data: bytes) -> None:
            if "_" in path.rpartition("/")[2]:
                raise OSError(28, "No space left on device", path)
            LocalFiles.create(self, path, data)

    full = replace(table.env, keystore=KeyStore(Full(), table.env.layout))
    compactor = Compactor(full)
    compactor.after_batch(table.index)
    assert full.compacted.ready is None
    table.batch("k0", "tue", 100)
    assert table.is_current()
    Compactor(table.env).after_batch(table.index)
    assert table.env.compacted.ready is not None


def test_a_merge_in_a_thread_comes_to_the_same(table: Table) -> None:
    ended = threading.Event()

    def beside(work: Callable[[], Any]) -> Callable[[], Any]:
        def then() -> None:
            work()
            ended.set()

        return in_thread(then)

    table.merging.held.clear()
    Compactor(table.env, beside).after_batch(table.index)
    assert ended.wait(60)
    table.batch("k0", "tue", 100)
    assert len(table.index) == 2
    assert table.is_current()
