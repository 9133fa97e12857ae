"""MSCK REPAIR of a real HiveServer2 4.0.1 on a table of ours: what it adds and drops, and what readers see then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hiveserver2 import HiveMetastore40, HiveServer2
from loader.basics.errors import ForeignChange
from loader.ops.recover.stale_writes import astray
from metastore.fence import is_fence
from tests.integration.line import Line, loaded_line
from tests.world import KEYS, TABLE, Row, expected, run_batch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


@pytest.fixture
def line(hive_metastore: HiveMetastore40, tmp_path: Path) -> Iterator[Line]:
    """A table with moves, a new and an emptied partition behind it."""
    with loaded_line(hive_metastore, tmp_path / "clicks") as line:
        line.change()
        for key in ("k4", "k7"):
            line.source.delete(key)
        line.source.put("k1", "fri", 1)
        line.source.put("k0", "mon", 100)
        run_batch(line.open("second", line.beside), line.source)
        yield line


@pytest.fixture
def cursor(hive: HiveServer2) -> Iterator[Any]:
    with hive.connect() as opened:
        yield opened


def shown(cursor: Any) -> dict[str, Row]:
    """Every row as HiveServer2 shows it; a key twice fails."""
    cursor.execute(f"select id, day, clicks from {TABLE}")
    rows = cursor.fetchall()
    assert len({key for key, _, _ in rows}) == len(rows)
    return {key: (day, clicks) for key, day, clicks in rows}


def places(line: Line) -> dict[str, str]:
    """The fence among them."""
    return {partition.values[0]: partition.location for partition in line.beside.all_partitions(TABLE)}


def next_batch_is_right(line: Line, cursor: Any) -> bool:
    line.source.put("k0", "wed", 7)
    line.source.put("later", "sat", 8)
    run_batch(line.open("next", line.beside), line.source)
    return shown(cursor) == expected(line.source) == line.visible()


@pytest.mark.parametrize("how", ["", "add partitions", "drop partitions", "sync partitions"])
def test_msck_changes_nothing_of_a_live_table(line: Line, cursor: Any, how: str) -> None:
    before = places(line)
    assert shown(cursor) == expected(line.source)
    cursor.execute(f"msck repair table {TABLE} {how}")
    assert places(line) == before
    assert shown(cursor) == expected(line.source)
    assert next_batch_is_right(line, cursor)


def test_without_its_placeholder_msck_drops_a_live_partition_which_is_named(line: Line, cursor: Any) -> None:
    """That the test above can fail; and what it would come to."""
    (line.folder / "day=mon").rmdir()
    cursor.execute(f"msck repair table {TABLE} sync partitions")
    assert "mon" not in places(line)
    assert astray(line.open("watcher", line.beside)).foreign == {("mon",): None}


def test_msck_after_all_was_dropped_brings_no_old_row_back_and_what_it_added_is_named(line: Line, cursor: Any) -> None:
    before = places(line)
    days = sorted(day for day in before if not is_fence(KEYS, (day,)))
    cursor.execute(f"alter table {TABLE} drop " + ", ".join(f"partition (day='{day}')" for day in days))
    cursor.execute(f"msck repair table {TABLE}")
    assert set(places(line)) == set(before)
    assert shown(cursor) == {}
    watched = astray(line.open("watcher", line.beside))
    assert (watched.mendable, sorted(watched.foreign)) == ((), [(day,) for day in days])
    line.source.put("k0", "wed", 7)
    with pytest.raises(ForeignChange, match="day=mon"):
        run_batch(line.open("loader", line.beside), line.source)
    assert shown(cursor) == {}
    for day in days:
        cursor.execute(f"alter table {TABLE} partition (day='{day}') set location '{before[day]}'")
    assert next_batch_is_right(line, cursor)
