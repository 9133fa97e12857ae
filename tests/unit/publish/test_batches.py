"""Batches, rollbacks and resumes over a whole table in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest

from loader.basics.errors import Conflict, Damage, ForeignChange, Held, HotswapError, StorageError
from loader.datafiles.split_file import Rewriter
from loader.ops.rollback.steps import RESUME_STEPS, rollback_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.storage.local import LocalFiles, local_path
from metastore.api import Column
from metastore.fence import fence_values, is_fence
from metastore.memory import InMemoryMetastore
from partitioner.changes.change_set import ChangeSet
from partitioner.history.kinds import Kind
from partitioner.history.rollback_plan import plan_rollback
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from tests.world import KEYS, TABLE, Source, create_table, expected, fill, open_world, run_batch, visible


class Table:
    """A loaded table: forty keys over four days."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
        create_table(self.store, folder)
        self.source = Source()
        fill(self.source, ((f"k{n:03d}", ("mon", "tue", "wed", "thu")[n % 4], n) for n in range(40)))
        self.env = self.open("first")
        self.run()

    def open(self, run: str) -> Environment:
        return open_world(self.store, self.folder, run)

    def run(self, env: Environment | None = None) -> Batch:
        return run_batch(env or self.env, self.source)

    def rollback(self, target: int) -> Batch:
        plan = plan_rollback(self.env.state.records().attempts, target)
        return publish(Batch(self.env, Kind.ROLLBACK), rollback_steps(plan))

    def resume(self) -> None:
        publish(Batch(self.env, Kind.RESUME), RESUME_STEPS)

    def visible(self) -> dict[str, tuple[str, int]]:
        return visible(self.store)

    def location(self, day: str) -> Path:
        return local_path(self.store.partitions(TABLE, [(day,)])[0].location)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "clicks")


def test_one_changed_row_rewrites_one_file_and_links_the_rest(table: Table) -> None:
    fill(table.source, ((f"m{n:03d}", "mon", n) for n in range(100)))
    table.run()
    table.source.put("m050", "mon", -1)
    batch = table.run()
    assert table.visible() == expected(table.source)
    assert (len(batch.results), len(batch.moves)) == (1, 1)
    assert len(batch.planned.partitions[0].links) == len(batch.moves[0].new.files) - 1 > 0


def test_rows_read_again_unchanged_make_no_batch(table: Table) -> None:
    before = table.store.partitions(TABLE, [("mon",)])
    table.source.dirty = set(table.source.rows)
    batch = table.run(table.open("restarted"))
    assert batch.idle
    assert batch.intent is None
    assert table.store.partitions(TABLE, [("mon",)]) == before


def test_a_row_that_only_moved_is_a_change(table: Table) -> None:
    day, clicks = table.source.rows[b"k000"]
    assert day == "mon"
    table.source.put("k000", "tue", clicks)
    assert table.run().counts.moves == 1
    assert table.visible() == expected(table.source)


def test_a_row_another_loader_changed_and_hbase_changed_back_is_published(table: Table) -> None:
    other = table.open("other")
    was = table.source.rows[b"k000"]
    table.source.put("k000", "mon", 999)
    table.run(other)
    table.source.put("k000", *was)
    table.run()
    assert table.visible() == expected(table.source)


def test_a_delete_of_an_unknown_key_makes_no_batch(table: Table) -> None:
    table.source.delete("never was")
    assert table.run().idle


def test_an_emptied_partition_stays_and_is_empty(table: Table) -> None:
    for key in [key for key, row in table.source.rows.items() if row[0] == "thu"]:
        table.source.delete(key.decode())
    table.run()
    assert table.visible() == expected(table.source)
    assert table.store.partitions(TABLE, [("thu",)])[0].parameters["numRows"] == "0"


def test_statistics_are_exact_and_those_of_others_go(table: Table) -> None:
    table.source.put("extra", "mon", 1)
    table.run()
    parameters = table.store.partitions(TABLE, [("mon",)])[0].parameters
    files = list(table.location("mon").iterdir())
    assert parameters["numRows"] == "11"
    assert parameters["numFiles"] == str(len(files))
    assert parameters["totalSize"] == str(sum(file.stat().st_size for file in files))
    assert parameters["COLUMN_STATS_ACCURATE"] == '{"BASIC_STATS":"true"}'


def test_a_rollback_restores_rows_partitions_and_key_index(table: Table) -> None:
    was = table.visible()
    table.source.put("k000", "fri", 1)
    table.source.delete("k001")
    table.run()
    table.rollback(1)
    assert table.visible() == was
    table.resume()
    table.run()
    assert table.visible() == expected(table.source)


def test_a_hold_stops_batches_and_loses_none_of_their_changes(table: Table) -> None:
    table.source.put("k000", "tue", 5)
    table.run()
    table.rollback(1)
    table.source.put("k002", "mon", 6)
    with pytest.raises(Held, match="held at batch 1"):
        table.run()
    table.resume()
    table.run()
    assert table.visible() == expected(table.source)


def test_a_key_deleted_while_its_upsert_was_rolled_back_is_gone_after_every_further_rollback(table: Table) -> None:
    table.source.put("x", "mon", 1)
    table.run()  # batch 2 has x
    table.rollback(1)
    table.source.rows.pop(b"x")  # deleted in HBase; only the resume's debt tells
    table.resume()
    table.run()
    table.rollback(2)
    assert "x" in table.visible()
    table.resume()
    table.run()
    assert table.visible() == expected(table.source)


def test_a_rollback_after_a_rollback_goes_forward_again(table: Table) -> None:
    table.source.put("k000", "mon", 77)
    table.run()
    now = table.visible()
    table.rollback(1)
    table.rollback(2)
    assert table.visible() == now


def test_a_rollback_to_a_version_that_is_gone_moves_nothing(table: Table) -> None:
    old = table.location("mon")
    table.source.put("k000", "mon", 77)
    table.run()
    now = table.visible()
    for file in old.iterdir():
        file.unlink()
    old.rmdir()
    with pytest.raises(StorageError, match="is gone"):
        table.rollback(1)
    assert table.visible() == now


def test_a_plan_that_was_shown_and_is_stale_is_refused(table: Table) -> None:
    table.source.put("k000", "mon", 77)
    table.run()
    shown = plan_rollback(table.env.state.records().attempts, 1)
    table.source.put("k001", "tue", 78)
    table.run()
    with pytest.raises(Conflict, match="changed since"):
        publish(Batch(table.env, Kind.ROLLBACK), rollback_steps(shown))
    assert table.visible() == expected(table.source)


def test_a_moved_partition_is_a_foreign_change_and_stays_as_it_is(table: Table) -> None:
    mon = table.store.partitions(TABLE, [("mon",)])[0]
    table.store.alter_partitions(TABLE, [replace(mon, location="file:/elsewhere")])
    table.source.put("k000", "mon", 77)
    with pytest.raises(ForeignChange, match=r"day=mon.*elsewhere"):
        table.run()
    assert table.store.partitions(TABLE, [("mon",)])[0].location == "file:/elsewhere"


def test_a_file_that_somebody_inserted_is_not_lost(table: Table) -> None:
    table.location("mon").joinpath("part-0").write_bytes(b"theirs")
    table.source.put("k000", "mon", 77)
    with pytest.raises(ForeignChange, match="part-0"):
        table.run()
    assert table.location("mon").joinpath("part-0").exists()


def test_a_dropped_partition_is_a_foreign_change(table: Table) -> None:
    table.store.drop_partition(TABLE, ("mon",))
    table.source.put("k000", "mon", 77)
    with pytest.raises(ForeignChange, match="found no partition"):
        table.run()


def test_a_failed_batch_is_settled_at_once_and_the_next_one_takes_its_changes(table: Table) -> None:
    table.location("mon").joinpath("part-0").write_bytes(b"theirs")
    table.source.put("k000", "mon", 77)
    with pytest.raises(HotswapError):
        table.run()
    assert not table.env.state.records().unsettled
    table.location("mon").joinpath("part-0").unlink()
    table.run()
    assert table.visible() == expected(table.source)


def test_no_step_leaves_a_lock(table: Table) -> None:
    table.location("mon").joinpath("part-0").write_bytes(b"theirs")
    table.source.put("k000", "mon", 77)
    with pytest.raises(HotswapError):
        table.run()
    assert table.store.locks(TABLE) == ()


def test_a_partition_of_data_that_looks_like_a_fence_is_never_dropped(table: Table) -> None:
    alike = fence_values(KEYS, 500)
    assert alike is not None
    location = f"file://{table.folder}/theirs"
    mon = table.store.partitions(TABLE, [("mon",)])[0]
    table.store.add_partitions(TABLE, [replace(mon, values=alike, location=location)])
    table.source.put("k000", "mon", 5)
    table.run(table.open("another run"))
    assert [found.location for found in table.store.partitions(TABLE, [alike])] == [location]


def test_the_lowest_value_of_a_type_is_no_fence() -> None:
    assert not is_fence([Column("day", "date")], ("0001-01-01",))
    assert not is_fence([Column("n", "int")], (str(-(2**31)),))


def test_a_rollback_past_a_change_set_that_is_gone_moves_nothing(table: Table) -> None:
    table.source.put("k000", "mon", 77)
    attempt = table.run().attempt.attempt
    now = table.visible()
    local_path(table.env.layout.changes(attempt)).unlink()
    with pytest.raises(StorageError, match="change set of batch 2 is gone"):
        table.rollback(1)
    assert table.visible() == now


def test_a_failed_batch_tells_the_history_why(table: Table) -> None:
    table.location("mon").joinpath("part-0").write_bytes(b"theirs")
    table.source.put("k000", "mon", 77)
    with pytest.raises(HotswapError):
        table.run()
    ending = table.env.state.records().attempts[-1].ending
    assert ending is not None
    assert "files of partition day=mon" in ending.reason


class FullDisk(LocalFiles):
    """Data files cannot be given their names."""

    @contextmanager
    def new_file(self, temporary: str, final: str) -> Iterator[BinaryIO]:
        with LocalFiles.new_file(self, temporary, final) as stream:
            yield stream
            raise OSError(28, "No space left on device", final)


def test_a_batch_that_filled_the_disk_leaves_none_of_its_files(table: Table) -> None:
    before = {path for path in table.folder.rglob("*.parquet")}
    table.source.put("k000", "mon", 77)
    with pytest.raises(OSError, match="No space left"):
        table.run(replace(table.env, files=FullDisk(fsync=lambda handle: None)))
    assert {path for path in table.folder.rglob("*.parquet")} == before


class Dropping:
    """A rewriter whose merge loses a row and counts it all the same."""

    def __init__(self, inner: Rewriter) -> None:
        self.inner = inner

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        locations = {partition.partition: partition.location for partition in plan.partitions}
        return tuple(self.shortened(result, locations) for result in self.inner.rewrite(plan, changes))

    def shortened(self, result: SplitResult, locations: dict[tuple[str, ...], str]) -> SplitResult:
        path = local_path(f"{locations[result.partition]}/{result.file.name}")
        pq.write_table(pq.read_table(path).slice(1), path)
        return replace(result, file=replace(result.file, bytes=path.stat().st_size))


def test_a_file_whose_footer_tells_other_rows_than_its_merge_is_not_published(table: Table) -> None:
    before = table.visible()
    table.source.put("k000", "mon", 77)
    with pytest.raises(Damage, match=r"holds \d+ rows, but its merge came to \d+"):
        run_batch(table.env, table.source, rewriter=Dropping)
    assert table.visible() == before
