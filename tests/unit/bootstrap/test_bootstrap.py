"""A first load: everything once, in files of the right size, whatever it is killed in, and the stream goes on."""

import json
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest

from loader.basics.errors import Conflict
from loader.ops.bootstrap.run import Loaded
from loader.ops.bootstrap.sample import Sample
from loader.storage.local import LocalFiles, local_path
from partitioner.changes.hashing import hash_key
from tests.unit.bootstrap.scene import Scene
from tests.world import TABLE, run_batch, visible


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_every_row_is_there_once(scene: Scene) -> None:
    loaded = scene.bootstrap()
    assert (loaded.rows, loaded.partitions, loaded.rejected) == (2_000, 3, 0)
    assert scene.is_right()


def test_each_file_holds_the_keys_of_its_bucket_and_no_other(scene: Scene) -> None:
    assert scene.bootstrap().files > 3
    for partition in scene.store.all_partitions(TABLE):
        for path in local_path(partition.location).glob("[!_.]*"):
            index, _, count = path.stem.split("-")
            buckets = {hash_key(key.encode()) % int(count) for key in pq.read_table(path)["id"].to_pylist()}
            assert buckets <= {int(index)}


@dataclass(frozen=True)
class Watched(LocalFiles):
    """Knows what was written."""

    written: list[str] = field(default_factory=list)

    def new_file(self, temporary: str, final: str) -> AbstractContextManager[BinaryIO]:
        self.written.append(temporary)
        return LocalFiles.new_file(self, temporary, final)


def test_what_is_being_written_does_not_lie_where_finished_files_are_listed(scene: Scene) -> None:
    """Or one thread's file is gone while another looks at its neighbours, as was seen in a load of 3,000,000 rows."""
    files = Watched()
    scene.bootstrap(files=files)
    assert files.written
    assert [path for path in files.written if "/bootstrap/files/" in path] == []


def test_the_next_batch_merges_into_what_was_loaded(scene: Scene) -> None:
    scene.bootstrap()
    scene.source.put("k7", "fri", -7)
    scene.source.delete("k8")
    scene.source.put("new", "mon", 1)
    run_batch(scene.open(), scene.source)
    assert scene.is_right()


def test_the_stream_begins_where_the_load_began(scene: Scene) -> None:
    began = scene.bootstrap().begun_ms
    position = scene.open().state.position()
    assert position is not None
    assert position.low_ms < position.read_ms < began


LONG = pytest.mark.slow


@pytest.mark.parametrize(
    ("phase", "at"),
    [
        ("reading HBase", 1),
        pytest.param("reading HBase", 3, marks=LONG),
        ("writing files", 2),
        pytest.param("indexing keys", 0, marks=LONG),
        ("publishing", 0),
    ],
)
def test_a_killed_load_goes_on_and_comes_to_the_same(scene: Scene, phase: str, at: int) -> None:
    scene.killed_in(phase, at)
    assert visible(scene.store) == {}
    assert scene.bootstrap().rows == 2_000
    assert scene.is_right()


def test_what_was_read_is_not_read_again(scene: Scene) -> None:
    scene.killed_in("writing files")
    read: list[bytes] = []
    scene.ranges.on_block = read.extend
    scene.bootstrap()
    assert read == []


@pytest.mark.parametrize("phase", ["reading HBase", "writing files"])
def test_of_two_loads_at_once_one_ends_and_the_table_is_right(scene: Scene, phase: str) -> None:
    """Somebody starts it twice, and rows change between what the one reads and the other."""
    ended: list[Loaded] = []
    begun: list[str] = []

    def start_another(now: str, done: int, of: int, rows: int) -> None:
        if now == phase and done == 1 and not begun:
            begun.append(now)
            scene.source.put("k1", "sun", -1)
            scene.source.put("k777", "sun", -777)
            with suppress(Conflict):
                ended.append(scene.bootstrap())

    with suppress(Conflict):
        ended.append(scene.bootstrap(start_another))
    run_batch(scene.open(), scene.source)
    assert (len(ended), scene.is_right()) == (1, True)


def test_rows_that_change_while_they_are_loaded_come_right_with_the_next_batch(scene: Scene) -> None:
    def change(phase: str, done: int, of: int, rows: int) -> None:
        if phase == "reading HBase" and done == 2:
            scene.source.put("k0", "sat", -1)
            scene.source.delete("k999")
            scene.source.put("k1500", "sun", -2)

    scene.bootstrap(change)
    run_batch(scene.open(), scene.source)
    assert scene.is_right()


def test_rejected_rows_are_quarantined_with_the_load(scene: Scene) -> None:
    scene.ranges.bad = frozenset({b"k3", b"k600"})
    loaded = scene.bootstrap()
    env = scene.open()
    stored = json.loads(env.files.read(env.layout.quarantine(loaded.attempt)))  # type: ignore[arg-type]
    assert {row["key"] for row in stored["rejected"]} == {b"k3".hex(), b"k600".hex()}
    assert loaded.rejected == 2


def test_a_loaded_table_is_not_loaded_again(scene: Scene) -> None:
    scene.bootstrap()
    with pytest.raises(Conflict, match="is loaded already"):
        scene.bootstrap()


def test_one_that_was_overtaken_by_a_loader_publishes_nothing(scene: Scene) -> None:
    scene.killed_in("publishing", 0)
    scene.source.put("k0", "mon", 1)
    run_batch(scene.open(), scene.source)
    with pytest.raises(Conflict):
        scene.bootstrap()


def test_the_sample_is_told_with_its_error(scene: Scene) -> None:
    told: list[Sample] = []
    scene.bootstrap(shown=told.append)
    (sample,) = told
    assert (sample.regions, sample.of, sample.late) == (4, 4, False)
    assert abs(sample.rows.value - 2_000) <= sample.rows.error * sample.rows.value * 1.5


def test_nothing_is_left_of_the_work(scene: Scene) -> None:
    scene.bootstrap()
    env = scene.open()
    assert not env.files.exists(env.layout.bootstrap)
