"""The key index made anew from the live files: right, versioned, and under the lock."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from loader.basics.errors import Conflict, Damage, ForeignChange
from loader.ops.reindex.attempt import Rebuilt, rebuild_index
from loader.publish.batch import Batch
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.local import local_path
from metastore.memory import InMemoryMetastore
from partitioner.changes.hashing import hashes_of
from partitioner.history.kinds import Kind
from tests.world import TABLE, Source, create_table, expected, fill, open_world, raw_keys, run_batch, visible


class Desk:
    """A table of 40 rows in two partitions, one of which moved."""

    def __init__(self, folder: Path, rows_per_file: int = 8) -> None:
        self.folder, self.source, self.runs, self.rows_per_file = folder, Source(), 0, rows_per_file
        self.now = [0.0]
        self.store = InMemoryMetastore(clock=lambda: self.now[0])
        create_table(self.store, folder)
        fill(self.source, [(f"k{number}", "mon" if number % 2 else "tue", 1) for number in range(40)])
        self.batch()
        self.source.put("k1", "tue", 2)
        self.batch()

    def env(self) -> Environment:
        self.runs += 1
        return open_world(self.store, self.folder, f"run{self.runs}", clock=1_000_000 + self.runs * 10_000)

    def batch(self) -> Batch:
        return run_batch(self.env(), self.source, self.rows_per_file)

    def rebuild(self, segment_keys: int = 1_000) -> Rebuilt:
        return rebuild_index(self.env(), raw_keys, segment_keys)

    def places(self) -> dict[str, str | None]:
        """Key → partition, by the index of the last committed manifest."""
        env = self.env()
        keys = pa.array([key for key in self.source.rows], pa.binary())
        found = KeyStore(env.files, env.layout).look_up(env.state.records().state.index, hashes_of(keys), keys)
        return {key.decode(): place for key, place in zip(keys.to_pylist(), found.to_pylist(), strict=True)}

    def segments(self) -> list[Path]:
        env = self.env()
        return [local_path(env.layout.index_segment(name)) for name in env.state.records().state.index]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "table")


def right(desk: Desk) -> dict[str, str]:
    return {key: f"day={day}" for key, (day, _) in expected(desk.source).items()}


@pytest.mark.parametrize("segment_keys", [1_000, 7])
def test_a_lost_index_is_made_anew_and_the_next_batch_lives_by_it(desk: Desk, segment_keys: int) -> None:
    for path in desk.segments():
        path.unlink()
    done = desk.rebuild(segment_keys)
    assert (done.keys, done.misplaced) == (40, None)
    assert desk.places() == right(desk)
    desk.source.put("k1", "wed", 3)
    desk.source.delete("k2")
    desk.batch()
    assert visible(desk.store) == expected(desk.source)


def test_a_damaged_index_is_made_anew_too(desk: Desk) -> None:
    for path in desk.segments():
        path.write_bytes(path.read_bytes()[:100])
    assert desk.rebuild().misplaced is None
    assert desk.places() == right(desk)


def test_an_index_that_was_right_is_found_right(desk: Desk) -> None:
    done = desk.rebuild()
    assert (done.misplaced, done.surplus) == (0, 0)


def test_what_the_old_index_had_wrong_is_counted(desk: Desk) -> None:
    desk.segments()[1].unlink()
    manifest = desk.folder / "_hotswap/state/log/0000000002.manifest.json"
    plain = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(plain | {"index": plain["index"][:1]}))  # the move of k1 is forgotten
    assert desk.rebuild().misplaced == 1


def test_a_rebuild_is_an_attempt_that_moves_nothing(desk: Desk) -> None:
    before = locations(desk)
    done = desk.rebuild()
    attempt = desk.env().state.records().attempt(done.batch)
    assert attempt is not None
    assert attempt.manifest is not None
    assert (attempt.committed, attempt.manifest.kind, attempt.manifest.moves) == (True, Kind.REPAIR, ())
    assert locations(desk) == before


def locations(desk: Desk) -> dict[tuple[str, ...], str]:
    found = desk.store.partitions(TABLE, [("mon",), ("tue",)])
    return {partition.values: partition.location for partition in found}


def test_a_rebuild_ends_without_a_lock(desk: Desk) -> None:
    desk.rebuild()
    assert desk.store.locks(TABLE) == ()


def swap_first_rows(desk: Desk) -> None:
    """Put a copy of one partition's file in place of another's: its keys are live twice."""
    mon, tue = (
        sorted(local_path(p.location).glob("*.parquet")) for p in desk.store.partitions(TABLE, [("mon",), ("tue",)])
    )
    mon[0].unlink()
    mon[0].write_bytes(tue[0].read_bytes())


def foreign_file(desk: Desk) -> None:
    (partition,) = desk.store.partitions(TABLE, [("mon",)])
    (local_path(partition.location) / "part-0.parquet").write_bytes(b"somebody's")


@pytest.mark.parametrize(("harm", "error"), [(swap_first_rows, (Damage, ForeignChange)), (foreign_file, ForeignChange)])
def test_files_that_are_wrong_themselves_are_refused_and_the_index_stays(
    desk: Desk, harm: Callable[[Desk], None], error: type[Exception]
) -> None:
    before = desk.env().state.records().state.index
    harm(desk)
    with pytest.raises(error):
        desk.rebuild()
    assert desk.env().state.records().state.index == before
    assert desk.store.locks(TABLE) == ()


@pytest.mark.parametrize("segment_keys", [1_000, 1])
def test_a_key_that_is_live_twice_is_damage_in_one_segment_or_in_two(tmp_path: Path, segment_keys: int) -> None:
    desk = Desk(tmp_path / "table", rows_per_file=1_000)

    def alike(batch: pa.RecordBatch, partition: tuple[str, ...]) -> pa.Array:
        return pa.array([f"x{number}".encode() for number in range(len(batch))], pa.binary())

    with pytest.raises(Damage, match="more than once: 'x"):
        rebuild_index(desk.env(), alike, segment_keys)


def test_a_batch_that_was_published_meanwhile_is_not_undone(desk: Desk) -> None:
    """The rebuild slept: another loader settled it and went on. Its manifest must not bring an old index back."""
    env = desk.env()
    slept: list[int] = []

    def sleepy(batch: pa.RecordBatch, partition: tuple[str, ...]) -> pa.Array:
        if not slept:
            slept.append(1)
            desk.now[0] += 1_000
            desk.source.put("k3", "wed", 9)
            desk.batch()
        return raw_keys(batch, partition)

    with pytest.raises(Conflict):
        rebuild_index(env, sleepy)
    slept_through = desk.env().state.records().attempt(3)
    assert slept_through is not None
    assert (slept_through.intent.kind, slept_through.manifest) == (Kind.REPAIR, None)
    assert desk.places() == right(desk)
    assert visible(desk.store) == expected(desk.source)
