"""What no window can show is noticed, owed once, and told before anything is published."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loader.sources.hbase.absence import Retention, retention_of
from loader.sources.hbase.blind_spots import Blindspots
from loader.sources.hbase.table_identity import Sighting
from loader.sources.hbase.windows import Window
from loader.state.gaps import debts
from loader.state.layout import Layout
from loader.storage.local import LocalFiles
from partitioner.history.position import Position

FILES = LocalFiles()
HOUR = 3_600_000
NOTHING_KEPT = Retention()
FIRST = Sighting(oldest_ms=10, newest_ms=20, enabled_ms=21)
SETTLED = Position("hbase:t", 0, 10 * HOUR, 9 * HOUR)


class Table:
    """What HBase would tell of the table."""

    def __init__(self, seen: Sighting | None = FIRST, retention: Retention = NOTHING_KEPT) -> None:
        self.seen, self.retention = seen, retention

    def look(self) -> tuple[Sighting | None, Retention]:
        return self.seen, self.retention


@pytest.fixture
def watch(tmp_path: Path) -> Callable[[Table], Blindspots]:
    layout = Layout.of(str(tmp_path))
    return lambda table: Blindspots(FILES, layout, "hbase:t", 300_000, table.look, clock=lambda: 77)


def window(end_ms: int) -> Window:
    return Window(end_ms - 1000, end_ms, False, 0)


def owed(spots: Blindspots) -> list[str]:
    return [debt.reason for debt in debts(FILES, spots.layout)]


def after(spots: Blindspots, away_ms: int) -> bool:
    return spots.after_scan(window(SETTLED.read_ms + away_ms), SETTLED)


# Which table it is


def test_a_table_that_stays_owes_nothing(watch: Callable[[Table], Blindspots]) -> None:
    spots = watch(Table())
    assert after(spots, 1000)
    assert after(spots, 2000)
    assert owed(spots) == []


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(Sighting(10, 99, 21), id="one region was split"),
        pytest.param(Sighting(98, 99, 21), id="every region was split"),
        pytest.param(Sighting(10, 20, 99), id="it was disabled and enabled"),
        pytest.param(Sighting(10, 98, 99), id="it was enabled, and one region was split"),
    ],
)
def test_splits_and_enabling_do_not_make_another_table(watch: Callable[[Table], Blindspots], then: Sighting) -> None:
    table = Table()
    spots = watch(table)
    after(spots, 1000)
    table.seen = then
    assert after(spots, 2000)
    assert owed(spots) == []


def test_a_table_made_again_must_be_scanned_again_and_is_owed_once(watch: Callable[[Table], Blindspots]) -> None:
    table = Table()
    spots = watch(table)
    after(spots, 1000)
    table.seen = Sighting(98, 99, 100)
    assert not after(spots, 2000)
    assert after(spots, 2000)
    assert len(owed(spots)) == 1
    assert "truncated" in owed(spots)[0]


def test_a_table_made_again_while_no_loader_ran_is_noticed(watch: Callable[[Table], Blindspots]) -> None:
    after(watch(Table()), 1000)
    later = watch(Table(Sighting(98, 99, 100)))
    assert not after(later, 2000)
    assert len(owed(later)) == 1


def test_a_split_seen_by_another_run_is_not_taken_for_a_new_table(watch: Callable[[Table], Blindspots]) -> None:
    after(watch(Table()), 1000)
    after(watch(Table(Sighting(98, 99, 21))), 1000)
    assert after(watch(Table(Sighting(98, 99, 100))), 1000)


def test_without_the_right_to_look_it_goes_on_and_says_so(
    watch: Callable[[Table], Blindspots], caplog: pytest.LogCaptureFixture
) -> None:
    spots = watch(Table(None))
    assert after(spots, 1000)
    assert after(spots, 2000)
    assert [record.message for record in caplog.records if "hbase:meta" in record.message] == [caplog.messages[0]]


# How long it may be away


@pytest.mark.parametrize(
    ("retention", "away_ms", "owes"),
    [
        pytest.param(Retention(), 300_000, False, id="within the overlap that is guaranteed"),
        pytest.param(Retention(), 300_001, True, id="longer than that, and markers are not kept"),
        pytest.param(Retention(markers_ms=HOUR), HOUR, False, id="as long as markers are kept"),
        pytest.param(Retention(markers_ms=HOUR), HOUR + 1, True, id="longer than markers are kept"),
        pytest.param(Retention(markers_ms=9 * HOUR, cells_ms=HOUR), 2 * HOUR, True, id="longer than cells live"),
        pytest.param(Retention(markers_ms=None), 999 * HOUR, False, id="all is kept for ever"),
    ],
)
def test_an_absence_is_owed_if_deletes_may_be_gone(
    watch: Callable[[Table], Blindspots], retention: Retention, away_ms: int, owes: bool
) -> None:
    spots = watch(Table(retention=retention))
    assert after(spots, away_ms)
    assert bool(owed(spots)) == owes


def test_the_first_window_owes_nothing(watch: Callable[[Table], Blindspots]) -> None:
    spots = watch(Table())
    spots.after_scan(Window(0, 99 * HOUR, True, 0), None)
    assert owed(spots) == []


def test_one_absence_is_one_debt_however_often_its_window_is_tried(watch: Callable[[Table], Blindspots]) -> None:
    after(watch(Table()), HOUR)
    spots = watch(Table())
    after(spots, 2 * HOUR)
    assert len(owed(spots)) == 1


# What families promise

PURGE = b"hbase.hstore.time.to.purge.deletes"


def test_markers_are_kept_for_no_time_unless_the_family_says_so() -> None:
    assert retention_of([{}]) == Retention(markers_ms=0, cells_ms=None)
    assert retention_of([{PURGE: b"3600000", b"TTL": b"86400"}]) == Retention(HOUR, 24 * HOUR)


def test_the_family_that_keeps_least_counts() -> None:
    assert retention_of([{PURGE: b"3600000"}, {}]).absence_ms == 0


def test_kept_deleted_cells_keep_their_markers() -> None:
    assert retention_of([{b"KEEP_DELETED_CELLS": b"TRUE"}]).absence_ms is None
    assert retention_of([{b"KEEP_DELETED_CELLS": b"TRUE", b"TTL": b"60"}]).absence_ms == 60_000


def test_the_largest_ttl_is_for_ever() -> None:
    assert retention_of([{b"TTL": b"2147483647"}]).cells_ms is None
