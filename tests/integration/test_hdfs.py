"""A table on a real HDFS: the verbs, what readers see, and what is refused there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loader.basics.errors import ConfigError, StorageError, Unavailable, from_foreign
from loader.ops.clean.clean import clean
from loader.storage.choose import files_of
from loader.storage.files import join
from loader.storage.hdfs import HdfsFiles
from loader.wiring.retention import retention_of
from loader.wiring.table import now_ms
from tests.hdfs import RunningHdfs
from tests.integration.clicks import CHANGED, THREE, Clicks, NewClicks, Scene, failure_of, hotswap

DAYS_LATER_MS = 30 * 86_400_000


def on_hdfs(clicks: NewClicks, hdfs: RunningHdfs) -> Scene:
    """Loaded, and changes waiting."""
    return Scene.of(clicks(*THREE, location=join(hdfs.new_folder(), "clicks")))


def works(table: Clicks, *arguments: str) -> None:
    result = hotswap(table.kept, *arguments)
    assert result.code == 0, result.err


def test_a_table_on_hdfs_is_loaded_rolled_back_resumed_and_cleaned(clicks: NewClicks, hdfs: RunningHdfs) -> None:
    scene = on_hdfs(clicks, hdfs)
    table, name = scene.table, scene.table.kept.hive_name
    works(table, "run", "--once")
    assert table.rows() == CHANGED
    assert all(place.startswith(hdfs.server.uri) for place in table.locations().values())
    works(table, "rollback", name, "--to", "1", "--yes")
    assert table.rows() == scene.before
    works(table, "resume", name, "--yes")
    works(table, "run", "--once")
    assert table.rows() == CHANGED
    works(table, "status", name)
    assert versions_left(table) == {"mon": 1, "tue": 1, "wed": 1}
    assert table.rows() == CHANGED


def versions_left(table: Clicks) -> dict[str, int]:
    """By day, once everything may go that nobody needs."""
    env = replace(table.kept.service().env, clock=lambda: now_ms() + DAYS_LATER_MS, witness=None)
    cleaned = clean(env, retention_of(table.kept.table))
    assert cleaned.directories
    assert not cleaned.failed
    env.metastore.close()
    folder = join(env.layout.table, "_hotswap", "versions")
    return {day: len(env.files.list(join(folder, f"day={day}"))) for day in table.locations()}


@pytest.mark.slow
def test_spark_reads_a_table_on_hdfs(clicks: NewClicks, hdfs: RunningHdfs, spark: Any) -> None:
    scene = on_hdfs(clicks, hdfs)
    works(scene.table, "run", "--once")
    rows = spark.sql(f"select id, day, clicks from {scene.table.kept.hive_name}").collect()
    assert {row.id: (row.day, row.clicks) for row in rows} == CHANGED


@pytest.mark.slow
def test_a_second_loader_and_a_foreign_file_are_met_on_hdfs_as_elsewhere(clicks: NewClicks, hdfs: RunningHdfs) -> None:
    scene = on_hdfs(clicks, hdfs)
    foreign = join(scene.table.locations()["mon"], "000000_0")
    hdfs.files.create(foreign, b"theirs")
    told = failure_of(lambda: scene.table.kept.turn(scene.table.kept.loop()))
    assert "000000_0" in told.message
    hdfs.files.delete_file(foreign)
    assert scene.next_batch_is_right()


@pytest.mark.slow
def test_an_hdfs_that_is_not_there_is_told_as_such() -> None:
    with pytest.raises(OSError, match=r".") as caught:
        HdfsFiles("hdfs://127.0.0.1:1").exists("hdfs://127.0.0.1:1/a")
    assert isinstance(from_foreign(caught.value), Unavailable)


def test_a_full_quota_is_told_as_one(hdfs: RunningHdfs) -> None:
    folder = hdfs.new_folder()
    hdfs.limit(folder, names=2)
    hdfs.files.make_dirs(join(folder, "one"))
    with pytest.raises(OSError, match=r".") as caught:
        hdfs.files.make_dirs(join(folder, "two"))
    told = from_foreign(caught.value)
    assert isinstance(told, StorageError)
    assert "quota" in told.hint


def test_new_files_and_folders_take_group_and_mode_from_their_parent(hdfs: RunningHdfs) -> None:
    folder = hdfs.new_folder()
    hdfs.permit(folder, group="readers", mode=0o750)
    hdfs.files.create(join(folder, "a", "b", "file"), b"x")
    found = [hdfs.permissions(join(folder, *names)) for names in (("a",), ("a", "b"), ("a", "b", "file"))]
    assert found == [("readers", 0o750), ("readers", 0o750), ("readers", 0o640)]


def test_state_on_another_file_system_than_its_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not on the file system of the table"):
        files_of("hdfs://name/ads", "/data/state")
