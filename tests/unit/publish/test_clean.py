"""What a clean deletes, what it keeps, and what a rollback may still want."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import StorageError
from loader.ops.clean.clean import Cleaned, clean, preview_clean
from loader.ops.rollback.steps import rollback_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.storage.local import local_path
from metastore.memory import InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.history.retention import Keep, RetentionRules
from partitioner.history.rollback_plan import plan_rollback
from tests.world import TABLE, Source, create_table, expected, open_world, run_batch, visible

HOUR = 3_600_000
RULES = RetentionRules(grace_ms=HOUR, history=(Keep(0, 2 * HOUR),))


class Aging:
    """A table of one partition, its batches an hour apart."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, HOUR
        self.store = InMemoryMetastore("2.3.10", clock=lambda: self.now / 1000)
        create_table(self.store, folder)
        self.source = Source()
        self.env = replace(open_world(self.store, folder, "run"), clock=lambda: self.now)

    def batch(self, clicks: int) -> Batch:
        self.source.put("k", "mon", clicks)
        done = run_batch(self.env, self.source)
        self.now += HOUR
        return done

    def versions(self) -> set[str]:
        folder = self.folder / "_hotswap" / "versions" / "day=mon"
        return {path.name for path in folder.iterdir() if not path.name.endswith("-empty")}

    def rollback(self, target: int) -> None:
        plan = plan_rollback(self.env.state.records().attempts, target)
        publish(Batch(self.env, Kind.ROLLBACK), rollback_steps(plan))


@pytest.fixture
def table(tmp_path: Path) -> Aging:
    return Aging(tmp_path / "clicks")


def batches_of(cleaned: Cleaned) -> list[int]:
    return [item.batch for item in cleaned.directories]


def test_what_history_and_grace_have_left_behind_goes_and_the_rest_stays(table: Aging) -> None:
    attempts = [table.batch(clicks).attempt.attempt for clicks in range(1, 6)]
    clean(table.env, RULES)
    assert table.versions() == set(attempts[3:])
    assert visible(table.store) == expected(table.source)


def test_a_preview_deletes_nothing_and_names_what_would_go(table: Aging) -> None:
    for clicks in range(1, 6):
        table.batch(clicks)
    before = table.versions()
    shown = preview_clean(table.env, RULES)
    assert table.versions() == before
    assert shown.directories == clean(table.env, RULES).directories != ()


def test_a_version_that_a_running_query_may_read_stays(table: Aging) -> None:
    table.batch(1)
    table.now += 10 * HOUR  # older than all of history
    table.batch(2)
    table.now -= HOUR // 2 + 1
    assert preview_clean(table.env, RULES).directories[1:] == ()  # only the empty one that was added at first


def test_a_version_made_live_again_by_a_rollback_stays(table: Aging) -> None:
    for clicks in range(1, 4):
        table.batch(clicks)
    table.rollback(2)
    table.now += 100 * HOUR
    clean(table.env, RULES)
    assert visible(table.store)["k"] == ("mon", 2)


def test_a_rollback_refuses_what_was_cleaned_and_moves_nothing(table: Aging) -> None:
    for clicks in range(1, 6):
        table.batch(clicks)
    clean(table.env, RULES)
    now = visible(table.store)
    with pytest.raises(StorageError, match="is gone"):
        table.rollback(1)
    assert visible(table.store) == now


def test_a_rollback_refuses_what_is_condemned_but_not_deleted_yet(table: Aging) -> None:
    for clicks in range(1, 6):
        table.batch(clicks)
    saved = local_path(clean_and_keep(table).directories[-1].location)
    assert saved.exists()
    with pytest.raises(StorageError, match="is gone"):
        table.rollback(2)


def clean_and_keep(table: Aging) -> Cleaned:
    """A clean that dies after it has stored its list."""

    class Undeletable(type(table.env.files)):  # type: ignore[misc]
        def delete_tree(self, path: str) -> None:
            raise PermissionError(path)

    env: Environment = replace(table.env, files=Undeletable(fsync=lambda handle: None))
    done = clean(env, RULES)
    assert done.failed
    return done


def test_an_aborted_attempts_files_go_after_the_grace(table: Aging) -> None:
    table.batch(1)
    live = local_path(table.store.partitions(TABLE, [("mon",)])[0].location)
    (live / "part-0").write_bytes(b"theirs")
    table.source.put("k", "mon", 2)
    with pytest.raises(Exception, match="part-0"):
        run_batch(table.env, table.source)
    (live / "part-0").unlink()
    table.now += 2 * HOUR
    clean(table.env, RULES)
    assert table.versions() == {live.name}


def test_change_sets_go_when_history_and_windows_are_past_them(table: Aging) -> None:
    for clicks in range(1, 4):
        table.batch(clicks)
    table.now += 100 * HOUR
    table.batch(9)
    assert clean(table.env, RULES).change_sets == 0  # their windows may be read again: the low watermark is at 0


def test_an_unsettled_attempt_stops_the_clean(table: Aging) -> None:
    for clicks in range(1, 6):
        table.batch(clicks)
    outcome = table.folder / "_hotswap" / "state" / "log" / "0000000005.outcome.json"
    outcome.unlink()
    env = replace(open_world(table.store, table.folder, "later"), clock=lambda: table.now)
    assert clean(env, RULES) == Cleaned((), 0)
