"""What MSCK REPAIR does to a table of ours, by the same metastore calls: ADD, SYNC, and ADD after all was dropped.

Hive's checker lists the folders below the table that do not begin with `_` or `.`. SYNC drops a partition whose folder
is missing there; ADD adds a partition for each folder without one, and points it at that folder.
"""

from pathlib import Path

import pytest

from loader.basics.errors import ForeignChange
from metastore.api import PARQUET, Column, Partition
from metastore.names import partition_name, partition_values
from tests.unit.publish.stage import Stage
from tests.world import COLUMNS, TABLE


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A table with moves, a new and an emptied partition behind it."""
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.source.put("k4", "mon", 4)
    for key in ("k7", "new"):
        stage.source.delete(key)
    stage.run(stage.first)
    return stage


def folders(stage: Stage) -> set[tuple[str, ...]]:
    found = [path.name for path in stage.folder.iterdir() if path.is_dir() and path.name[0] not in "_."]
    return {partition_values(name) for name in found}


def msck_add(stage: Stage) -> list[tuple[str, ...]]:
    """MSCK REPAIR TABLE: what it added."""
    missing = sorted(folders(stage) - set(stage.store.partition_names(TABLE)))
    columns = tuple(Column(name, kind) for name, kind in COLUMNS)
    places = {values: f"file://{stage.folder}/{partition_name(['day'], values)}" for values in missing}
    stage.store.add_partitions(TABLE, [Partition(v, places[v], columns, PARQUET, {}) for v in missing])
    return missing


def msck_sync(stage: Stage) -> list[tuple[str, ...]]:
    """MSCK REPAIR TABLE … SYNC PARTITIONS: what it dropped."""
    gone = sorted(set(stage.store.partition_names(TABLE)) - folders(stage))
    for values in gone:
        stage.store.drop_partition(TABLE, values)
    return [*gone, *msck_add(stage)]


def test_msck_finds_nothing_to_add_and_nothing_to_drop(stage: Stage) -> None:
    assert (msck_add(stage), msck_sync(stage)) == ([], [])
    assert stage.is_whole(stage.first) is None


def test_without_its_placeholder_a_live_partition_would_be_dropped(stage: Stage) -> None:
    """That the test above can fail."""
    (stage.folder / "day=mon").rmdir()
    assert msck_sync(stage) == [("mon",)]


def test_msck_after_all_partitions_were_dropped_brings_no_old_version_back_as_rows(stage: Stage) -> None:
    for values in stage.store.partition_names(TABLE):
        stage.store.drop_partition(TABLE, values)
    assert ("mon",) in msck_add(stage)
    assert stage.visible() == {}


def test_what_msck_added_after_a_drop_is_named_and_not_overwritten(stage: Stage) -> None:
    for values in stage.store.partition_names(TABLE):
        stage.store.drop_partition(TABLE, values)
    msck_add(stage)
    stage.source.put("k0", "mon", 900)
    with pytest.raises(ForeignChange, match="day=mon"):
        stage.run(stage.first)
    assert stage.visible() == {}


def test_a_fence_has_a_placeholder_too(stage: Stage) -> None:
    assert stage.fences()
    assert stage.fences() <= folders(stage)


def test_an_added_folder_of_a_stranger_is_no_partition_of_ours_and_stays(stage: Stage) -> None:
    (stage.folder / "day=theirs").mkdir()
    assert msck_add(stage) == [("theirs",)]
    stage.source.put("k0", "mon", 901)
    stage.run(stage.first)
    assert stage.visible() == stage.expected()
    assert ("theirs",) in stage.store.partition_names(TABLE)


# ---- somebody changes the columns of a partition in between


def add_column(stage: Stage) -> None:
    """ALTER TABLE … PARTITION … ADD COLUMNS."""
    (mon,) = stage.store.partitions(TABLE, [("mon",)])
    changed = Partition(mon.values, mon.location, (*mon.columns, Column("x", "int")), mon.format, mon.parameters)
    stage.store.alter_partitions(TABLE, [changed])


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_columns_changed_in_mid_batch_are_named_and_the_partition_is_not_overwritten(stage: Stage, calls: int) -> None:
    """Before the first, second and third time that the batch reads partitions; the last one is the check's."""
    stage.source.put("k0", "mon", 902)
    reads: list[str] = []

    def change(number: int, name: str, arguments: tuple[object, ...]) -> None:
        reads.extend([name] if name == "partitions" else [])
        if len(reads) == calls and name == "partitions":
            add_column(stage)

    env, _ = stage.watched("meets it", change)
    before = stage.store.partitions(TABLE, [("mon",)])[0].location
    with pytest.raises(ForeignChange, match="the columns or the serde of partition day=mon"):
        stage.run(env)
    assert stage.store.partitions(TABLE, [("mon",)])[0].location == before
