"""State objects that nothing needs any more go, and whoever reads the state sees no difference."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError, ForeignChange
from loader.ops.clean.clean import clean, preview_clean
from loader.ops.recover.stale_writes import repair
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.state.records import State
from loader.storage.local import LocalFiles, local_path
from metastore.memory import InMemoryMetastore
from partitioner.history.retention import Keep, RetentionRules
from partitioner.history.table_state import TableState
from tests.world import TABLE, Source, create_table, expected, open_world, run_batch, visible

HOUR = 3_600_000
RULES = RetentionRules(grace_ms=HOUR, history=(Keep(0, 2 * HOUR),))


class Aging(Source):
    """A source whose windows are closed at once."""

    def scan(self):  # type: ignore[no-untyped-def]
        found = super().scan()
        return replace(found, position=replace(found.position, low_ms=found.position.read_ms))


class Table:
    """Batches an hour apart; a key moves to and fro."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, HOUR
        self.store = InMemoryMetastore("2.3.10", clock=lambda: self.now / 1000)
        create_table(self.store, folder)
        self.source = Aging()
        self.env = self.open("loader")
        for clicks in range(12):
            self.batch(clicks)

    def open(self, run: str) -> Environment:
        return replace(open_world(self.store, self.folder, run), clock=lambda: self.now)

    def batch(self, clicks: int, key: str = "k") -> Batch:
        self.source.put(key, ("mon", "tue")[clicks % 2], clicks)
        done = run_batch(self.env, self.source)
        self.now += HOUR
        return done

    def clean(self) -> int:
        return clean(self.env, RULES, fold_at_least=2).forgotten.attempts

    def state(self) -> TableState:
        return State(LocalFiles(), self.env.layout).records().state

    def objects(self, kind: str) -> list[str]:
        folder = self.folder / "_hotswap" / "state" / kind
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    @property
    def verbs(self) -> TableService:
        return TableService(replace(self.env, keystore=None))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "clicks")


@dataclass(frozen=True, slots=True)
class CountingFiles(LocalFiles):
    reads: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        self.reads.append(path.rpartition("/")[2])
        return LocalFiles.read(self, path)


def test_the_log_is_folded_and_means_the_same(table: Table) -> None:
    before = table.state()
    assert table.clean() == 10
    assert table.objects("log")[0].startswith("0000000011.")
    assert table.state() == before
    assert State(LocalFiles(), table.env.layout).latest().state == before


def test_a_start_reads_the_folded_history_as_one_object(table: Table) -> None:
    table.clean()
    files = CountingFiles()
    State(files, table.env.layout).records()
    assert len(files.reads) == 1 + 2 * 3


def test_a_loader_goes_on_over_a_folded_log(table: Table) -> None:
    table.clean()
    table.env = table.open("next")
    table.batch(100)
    table.batch(101, "other")
    assert visible(table.store) == expected(table.source)


def test_a_running_loader_goes_on_while_another_folds(table: Table) -> None:
    clean(table.open("cleaner"), RULES, fold_at_least=2)
    table.batch(100)
    assert visible(table.store) == expected(table.source)


def test_a_reader_that_slept_through_the_fold_sees_all_of_it(table: Table) -> None:
    slept = State(LocalFiles(), table.env.layout)
    table.env = table.open("next")
    first = [attempt.intent.batch for attempt in slept.records().attempts]
    for clicks in range(20, 32):
        table.batch(clicks)
    table.clean()
    assert table.objects("log")[0] > f"{first[-1] + 1:010d}."
    assert slept.records().state == table.state()


def test_a_preview_says_how_much_would_be_folded_and_folds_nothing(table: Table) -> None:
    before = table.objects("log")
    for clicks in range(12, 72):
        table.batch(clicks)
    shown = preview_clean(table.env, RULES).forgotten.attempts
    assert (shown, table.objects("log")[: len(before)]) == (0, before)  # their directories are still there
    clean(table.env, RULES, fold_at_least=100)
    assert preview_clean(table.env, RULES).forgotten.attempts == 70


def test_a_batch_within_history_can_be_restored_after_a_fold(table: Table) -> None:
    was = visible(table.store)
    table.batch(100)
    table.clean()
    table.verbs.rollback_now(12, None)
    assert visible(table.store) == was


def test_a_batch_that_is_folded_cannot_be_gone_back_to(table: Table) -> None:
    table.clean()
    with pytest.raises(ConfigError, match="batch 3 is not a committed batch"):
        table.verbs.rollback_now(3, None)


def test_what_a_standing_rollback_owes_survives(table: Table) -> None:
    table.verbs.rollback_now(11, None)
    table.now += 100 * HOUR
    table.clean()
    table.verbs.resume(table.verbs.preview_resume())
    table.source.dirty.clear()
    run_batch(table.env, table.source)
    assert visible(table.store) == expected(table.source)


def test_what_waits_for_a_hold_survives(table: Table) -> None:
    table.verbs.hold(["day=tue"])
    table.batch(101)
    table.now += 100 * HOUR
    for clicks in range(4):
        table.batch(2 * clicks, "other")
    table.now += 100 * HOUR
    assert table.clean() > 12
    table.env = table.open("later")
    table.verbs.resume(table.verbs.preview_resume())
    run_batch(table.env, table.source)
    assert visible(table.store) == expected(table.source)


def test_rows_in_quarantine_survive_with_their_bytes(table: Table) -> None:
    table.source.bad = {b"k"}
    table.batch(12)
    table.now += 100 * HOUR
    for clicks in range(3):
        table.batch(clicks, "other")
    before = quarantined(table.env.files, table.env.layout, table.env.state.records().attempts)
    table.clean()
    assert table.objects("quarantine") == []
    attempts = State(LocalFiles(), table.env.layout).records().attempts
    assert quarantined(table.env.files, table.env.layout, attempts) == before != {}


def test_change_sets_of_folded_batches_go(table: Table) -> None:
    table.clean()
    assert [name[:11] for name in table.objects("changes")] == [f"b{n:010d}" for n in (11, 12)]


def test_merged_segments_go_and_what_a_loader_is_about_to_name_stays(table: Table) -> None:
    keystore, index = table.env.keystore, table.state().index
    assert keystore is not None
    done = keystore.compact(index)
    assert done is not None
    table.now += 100 * HOUR
    table.clean()
    assert done.merged in table.objects("index")
    table.env.compacted.ready = done
    for clicks in range(100, 103):
        table.batch(clicks)
    table.now += 100 * HOUR
    table.clean()
    assert set(table.objects("index")) == set(table.state().index)
    table.batch(200)
    assert visible(table.store) == expected(table.source)


def test_a_directory_that_cannot_be_deleted_keeps_its_history(table: Table) -> None:
    class Stubborn(type(table.env.files)):  # type: ignore[misc]
        def delete_tree(self, path: str) -> None:
            if "b0000000004" in path:
                raise PermissionError(path)
            LocalFiles.delete_tree(self, path)

    stubborn = replace(table.env, files=Stubborn(fsync=lambda handle: None))
    assert clean(stubborn, RULES, fold_at_least=2).forgotten.attempts < 6
    table.now += 1
    assert table.clean() > 0


def test_a_fold_that_dies_before_it_has_deleted_anything_changes_nothing(table: Table) -> None:
    class Undeletable(LocalFiles):
        def delete_file(self, path: str) -> None:
            raise PermissionError(path)

    state = State(Undeletable(fsync=lambda handle: None), table.env.layout)
    before = table.state()
    with pytest.raises(PermissionError):
        state.fold(state.records().attempts[5], {})
    assert table.state() == before
    table.clean()
    assert table.state() == before


def test_folders_of_past_fences_go(table: Table) -> None:
    table.env = table.open("another run")
    table.batch(50)
    versions = table.folder / "_hotswap" / "versions"
    table.clean()
    live = {values[0] for values in table.store.partition_names(TABLE)}
    assert {path.name.removeprefix("day=") for path in versions.iterdir()} == live
    assert local_path(table.env.layout.placeholder(table.env.name_of(table.env.fences.own or ()))).exists()


def test_a_stale_write_from_before_what_is_folded_is_mended_all_the_same(table: Table) -> None:
    """An ANALYZE that read so long ago that no record tells of the version any more: its place and name do."""
    read = table.store.all_partitions(TABLE)
    for clicks in range(12, 24):
        table.batch(clicks)
    assert table.clean() > 2
    days = [partition for partition in read if partition.values in (("mon",), ("tue",))]
    table.store.alter_partitions(TABLE, days)
    assert set(repair(table.env)) == {("mon",), ("tue",)}
    assert visible(table.store) == expected(table.source)


def test_what_somebody_put_into_a_forgotten_version_is_not_lost(table: Table) -> None:
    read = table.store.partitions(TABLE, [("mon",)])
    for clicks in range(12, 24):
        table.batch(clicks)
    assert table.clean() > 2
    table.store.alter_partitions(TABLE, read)
    folder = Path(local_path(read[0].location))
    folder.mkdir()
    (folder / "inserted.parquet").write_bytes(b"theirs")
    with pytest.raises(ForeignChange, match=r"inserted\.parquet"):
        repair(table.env)
