"""Each road by which HBase hides a change from a window: what happens, and that it does not stay so.

All but the first are in the long suite. Import, CopyTable and replication put cells with the timestamps they had: to a
window they are `old_put`. The table in docs/sources.md names the test of each road.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.thrift2.client import DeleteType, TColumn, TColumnValue, TDelete, TPut
from tests.integration.clicks import Clicks, NewClicks, hotswap
from tests.integration.oracle.kept import fresh_name
from tests.world import Row

ROWS = tuple((f"k{number:02d}", "mon", number) for number in range(30))
OLD_MS = 1_000
TTL_S = 4


@dataclass
class Road:
    """A table whose windows reach back to nothing, so that only what a window is made for is seen by one."""

    table: Clicks
    hbase: HBase
    name: str

    def put(self, key: str, clicks: int, timestamp: int | None = None) -> None:
        cells = {b"day": b"mon", b"clicks": clicks.to_bytes(8, "big")}
        values = [TColumnValue(family=b"d", qualifier=name, value=value) for name, value in cells.items()]
        with self.table.client() as client:
            client.put(self.name, TPut(row=key.encode(), columnValues=values, timestamp=timestamp))

    def delete(self, *deletes: Any) -> None:
        with self.table.client() as client:
            client.delete_multiple(self.name, list(deletes))

    def of_hbase(self) -> dict[str, Row]:
        with self.table.client() as client:
            rows = [row for batch in client.scan(self.name, Scan()) for row in batch]
        cells = {row.row.decode(): {cell.qualifier: cell.value for cell in row.columnValues} for row in rows}
        return {key: (found[b"day"].decode(), int.from_bytes(found[b"clicks"], "big")) for key, found in cells.items()}

    def batch(self) -> None:
        done = hotswap(self.table.kept, "run", "--once", "--confirm-deletes")
        assert done.code == 0, done.err

    def equal(self) -> bool:
        return self.table.rows() == self.of_hbase()

    def reconcile(self) -> None:
        done = hotswap(self.table.kept, "reconcile", "--wait", "0s", "--repair", "--json")
        assert done.code in (0, 6), done.err

    def owes(self) -> int:
        return len(json.loads(hotswap(self.table.kept, "status", "--json").out)["tables"][0]["debts"])


@pytest.fixture
def road(clicks: NewClicks, hbase: HBase) -> Iterator[Callable[..., Road]]:
    made: list[str] = []

    def make(**settings: str) -> Road:
        made.append(fresh_name("road"))
        hbase.create_table(made[-1], ["d"], settings={"VERSIONS": "5"} | settings)
        table = clicks(*ROWS, source=made[-1], wal_sync_timeout="0s", overlap="0s")
        time.sleep(0.3)
        found = Road(table, hbase, made[-1])
        found.batch()
        return found

    yield make
    for name in made:
        hbase.drop(name)


def old_put(road: Road) -> None:
    road.put("late", 7, OLD_MS)


def old_delete(road: Road) -> None:
    """The shell's `delete`: the marker carries the time of the cell, and the version below comes back."""
    with road.table.client() as client:
        (row,) = next(client.scan(road.name, Scan(start=b"k01", stop=b"k01\0")))
        stamp = next(cell.timestamp for cell in row.columnValues if cell.qualifier == b"clicks")
    road.put("k01", 99, stamp - 1)
    column = TColumn(family=b"d", qualifier=b"clicks", timestamp=stamp)
    road.delete(TDelete(row=b"k01", columns=[column], deleteType=DeleteType.VERSION))


def compacted_markers(road: Road) -> None:
    road.delete(TDelete(row=b"k01"))
    road.hbase.flush(road.name)
    road.hbase.major_compact(road.name)


def markers_gone_with_a_minor_compaction(road: Road) -> None:
    """One that takes all files of a store drops markers like a major one."""
    for key in ("k01", "k02", "k03"):
        road.delete(TDelete(row=key.encode()))
        road.hbase.flush(road.name)
    road.hbase.minor_compact(road.name)
    assert road.hbase.store_files(road.name) == 1


def bulk_load(road: Road) -> None:
    """With timestamps of when the file was made."""
    clicks, day = (9).to_bytes(8, "big"), b"mon"
    cells = [
        (key, name, OLD_MS, value) for key in (b"new", b"nex") for name, value in ((b"clicks", clicks), (b"day", day))
    ]
    road.hbase.bulk_load(road.name, "d", cells)


def restored_snapshot(road: Road) -> None:
    """Published rows go back to what they were, with their old timestamps; new ones are gone."""
    with road.hbase.snapshot(road.name) as snapshot:
        road.put("k01", 77)
        road.put("since", 7)
        time.sleep(0.3)
        road.batch()
        assert road.equal()
        road.hbase.restore(road.name, snapshot)


def dropped_family_made_again(road: Road) -> None:
    """Its cells are gone without a marker, and the table has all its families."""
    road.hbase.add_family(road.name, "other")
    road.hbase.drop_family(road.name, "d")
    road.hbase.add_family(road.name, "d")
    road.hbase.drop_family(road.name, "other")
    road.put("k01", 1)


def put_below_the_window(road: Road) -> None:
    """Below what is there: no window sees it and nobody ever shall."""
    road.put("k01", 5, OLD_MS)
    road.put("k99", 5, OLD_MS)


ROADS = [
    pytest.param(old_put, id="old timestamp"),
    pytest.param(old_delete, marks=pytest.mark.slow, id="delete of one version"),
    pytest.param(compacted_markers, marks=pytest.mark.slow, id="markers gone with a compaction"),
    pytest.param(markers_gone_with_a_minor_compaction, marks=pytest.mark.slow, id="markers gone with a minor one"),
    pytest.param(bulk_load, marks=pytest.mark.slow, id="bulk load"),
    pytest.param(restored_snapshot, marks=pytest.mark.slow, id="restored snapshot"),
    pytest.param(dropped_family_made_again, marks=pytest.mark.slow, id="family dropped and made again"),
    pytest.param(put_below_the_window, marks=pytest.mark.slow, id="older than what is there"),
]


@pytest.mark.parametrize("hide", ROADS)
def test_what_no_window_shows_a_reconcile_finds(road: Callable[..., Road], hide: Callable[[Road], None]) -> None:
    table = road()
    hide(table)
    table.batch()
    assert not table.equal()
    table.reconcile()
    table.batch()
    assert table.equal()


KEPT = ({"hbase.hstore.time.to.purge.deletes": "3600000"}, {"KEEP_DELETED_CELLS": "TRUE"})


@pytest.mark.slow
@pytest.mark.parametrize("settings", KEPT, ids=["purged later", "deleted cells kept"])
def test_markers_that_are_kept_are_not_missed(road: Callable[..., Road], settings: dict[str, str]) -> None:
    table = road(**settings)
    compacted_markers(table)
    table.batch()
    assert table.equal()


@pytest.mark.slow
def test_expired_rows_stay_until_a_reconcile(road: Callable[..., Road]) -> None:
    table = road(TTL=str(TTL_S))
    time.sleep(TTL_S)
    table.batch()
    assert len(table.table.rows()) == len(ROWS)
    assert table.of_hbase() == {}
    table.reconcile()
    table.batch()
    assert table.table.rows() == {}


@pytest.mark.slow
def test_a_put_of_the_future_shows_when_its_time_has_come(road: Callable[..., Road]) -> None:
    table = road()
    table.put("future", 7, round(time.time() * 1000) + 3_000)
    table.batch()
    assert "future" not in table.table.rows()
    time.sleep(3.5)
    table.batch()
    assert table.table.rows()["future"] == ("mon", 7)


@pytest.mark.slow
def test_a_put_behind_one_of_the_future_reads_as_in_hbase(road: Callable[..., Road]) -> None:
    """It is hidden there too: its row is read again, and shows what is to come."""
    table = road()
    table.put("k01", 7, round(time.time() * 1000) + 3_600_000)
    table.put("k01", 8)
    table.batch()
    assert table.table.rows()["k01"] == ("mon", 7)
    assert table.equal()


@pytest.mark.slow
def test_a_dropped_family_is_an_error_and_deletes_nothing(road: Callable[..., Road]) -> None:
    table = road()
    table.hbase.add_family(table.name, "other")
    table.hbase.drop_family(table.name, "d")
    done = hotswap(table.table.kept, "run", "--once", "--confirm-deletes")
    assert done.code != 0
    assert "has no column family 'd'" in done.err
    assert len(table.table.rows()) == len(ROWS)


@pytest.mark.slow
def test_a_truncated_table_is_owed_until_a_reconcile_has_paid(road: Callable[..., Road]) -> None:
    table = road()
    table.hbase.truncate(table.name)
    table.put("first", 1)
    table.batch()
    assert len(table.table.rows()) == len(ROWS) + 1
    assert table.owes() == 1
    table.reconcile()
    table.batch()
    assert table.table.rows() == {"first": ("mon", 1)}
    assert table.owes() == 0
