"""A table that does not sit still: replaced, merged, moved and disabled in mid-scan, servers that go, late cells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.report.reports import BatchReport
from loader.runtime.assemble import hbase_of
from loader.runtime.loop import Loop
from loader.sources.hbase.access.api import HBaseClient, Patience, Scan
from loader.sources.hbase.access.where import THRIFT
from loader.sources.hbase.dirty_keys import DirtyKeys, IncompleteScan
from loader.sources.hbase.table_identity import sighting_of
from loader.sources.hbase.thrift2.client import TableDisabled, TColumnValue, Thrift2, TPut
from loader.sources.hbase.thrift2.connection import ConnectionLost, Endpoint
from loader.sources.hbase.windows import Window
from loader.state.gaps import debts
from partitioner.history.position import Position
from tests.contract.proxy import Proxy, Trick
from tests.hbase_ways import WAYS_OF_LONG_TESTS, client_of
from tests.integration.clicks import THREE, At, Clicks, NewClicks, hotswap
from tests.integration.oracle.kept import LAG_MS, RULES, fresh_name

ROWS = [b"%03d" % number for number in range(40)]


@dataclass
class Scanned:
    """A table that is scanned ten rows at a time, so that things can happen in between."""

    hbase: HBase
    name: str
    client: HBaseClient

    def put(self, *keys: bytes) -> None:
        cell = [TColumnValue(family=b"d", qualifier=b"q", value=b"v")]
        with Thrift2(Endpoint.parse(self.hbase.thrift)) as client:
            client.put_multiple(self.name, [TPut(row=key, columnValues=cell) for key in keys])

    def found(self, then: Callable[[], object], client: HBaseClient | None = None) -> list[bytes]:
        """The keys that a scan finds if `then` happens after its first ten."""
        batches = (client or self.client).scan(self.name, Scan(caching=10), rows=10)
        keys = [row.row for row in next(batches)]
        then()
        return keys + [row.row for batch in batches for row in batch]


@pytest.fixture(params=WAYS_OF_LONG_TESTS)
def way(request: pytest.FixtureRequest) -> str:
    """How HBase is read. Puts of the tests go through Thrift2."""
    return str(request.param)


@pytest.fixture
def clicks(clicks: NewClicks, way: str) -> NewClicks:
    return partial(clicks, way=way)


@pytest.fixture
def table(hbase: HBase, way: str) -> Iterator[Scanned]:
    name = fresh_name("unrest")
    hbase.create_table(name, ["d"], splits=[b"020"])
    with client_of(hbase, way) as client:
        made = Scanned(hbase, name, client)
        made.put(*ROWS)
        yield made
    hbase.drop(name)


# Regions


def test_regions_merged_in_mid_scan_lose_and_double_nothing(table: Scanned) -> None:
    assert table.found(lambda: table.hbase.merge(table.name)) == ROWS


def test_regions_moved_in_mid_scan_lose_and_double_nothing(table: Scanned) -> None:
    assert table.found(lambda: table.hbase.reopen(table.name)) == ROWS


def test_a_disabled_table_is_something_to_wait_for(table: Scanned) -> None:
    table.hbase.disable(table.name)
    try:
        with pytest.raises(TableDisabled, match="is disabled") as caught:
            table.client.check_table(table.name, [b"d"])
    finally:
        table.hbase.enable(table.name)
    assert "enable" in caught.value.hint


# Another table of the same name


def test_a_truncate_in_mid_scan_ends_the_scan_early_and_without_an_error(table: Scanned) -> None:
    """Why the table itself is looked at after each scan."""
    assert len(table.found(lambda: table.hbase.truncate(table.name))) < len(ROWS)


def test_a_truncated_table_is_another_table(table: Scanned) -> None:
    before = sighting_of(table.client, table.name)
    table.hbase.truncate(table.name)
    after = sighting_of(table.client, table.name)
    assert before is not None
    assert after is not None
    assert after.replaces(before)


def test_a_table_split_merged_moved_and_enabled_is_still_the_same(table: Scanned) -> None:
    before = sighting_of(table.client, table.name)
    assert before is not None
    for change in (
        lambda: table.hbase.split(table.name, b"010"),
        lambda: table.hbase.reopen(table.name),
        lambda: table.hbase.merge(table.name),
        lambda: (table.hbase.disable(table.name), table.hbase.enable(table.name)),
    ):
        change()
        after = sighting_of(table.client, table.name)
        assert after is not None
        assert not after.replaces(before)
        before = after


@contextmanager
def loop_of(clicks: Clicks, **options: Any) -> Iterator[Loop]:
    loop = clicks.kept.loop(**options)
    try:
        yield loop
    finally:
        loop.env.metastore.close()


def reasons(loop: Loop) -> list[str]:
    return [debt.reason for debt in debts(loop.env.files, loop.env.layout)]


def test_a_table_truncated_in_mid_scan_is_scanned_again_and_owed(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    source = table.kept.table.hbase_table
    scans: list[DirtyKeys] = []
    with loop_of(table) as loop:
        table.kept.turn(loop)
        scan = table.kept.scan(loop)

        def interrupted() -> DirtyKeys:
            scans.append(scan())
            if len(scans) == 1:
                table.hbase.truncate(source)
                table.put(("new", "wed", 9))
                time.sleep(LAG_MS / 1000)
            return scans[-1]

        hbase_of(loop).scan = interrupted
        report = loop.turn()
        assert (len(scans), report is not None and report.upserts) == (2, 1)
        assert "truncated" in reasons(loop)[0]
    assert table.rows()["new"] == ("wed", 9)
    assert "hotswap reconcile" in hotswap(table.kept, "status").out


def test_a_table_replaced_again_and_again_publishes_nothing(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    before = table.rows()
    with loop_of(table) as loop:
        table.kept.turn(loop)
        scan = table.kept.scan(loop)

        def interrupted() -> DirtyKeys:
            table.put(("new", "wed", 9))
            found = scan()
            table.hbase.truncate(table.kept.table.hbase_table)
            return found

        hbase_of(loop).scan = interrupted
        with pytest.raises(IncompleteScan, match="replaced"):
            loop.turn()
    assert table.rows() == before


# Servers


@pytest.fixture
def line(hbase: HBase) -> Iterator[Proxy]:
    made = Proxy(hbase.thrift)
    yield made
    made.close()


def at(line: Proxy, read_timeout: float = 10.0) -> Endpoint:
    return replace(Endpoint.parse(line.uri.removeprefix("thrift://")), read_timeout=read_timeout)


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
@pytest.mark.parametrize("trick", [Trick.NO_ANSWER, Trick.CUT_REPLY, Trick.CUT_REQUEST], ids=lambda trick: trick.name)
def test_after_a_time_out_no_scanner_is_asked_again(table: Scanned, line: Proxy, trick: Trick) -> None:
    """Its answer may still come, and its number may be another's: the scan goes on with a scanner of its own."""
    with Thrift2(at(line, read_timeout=0.5), Patience(seconds=20)) as client:
        assert table.found(lambda: line.play(trick, "getScannerRows"), client) == ROWS
    broken = line.seen.index("getScannerRows", line.seen.index("getScannerRows") + 1)
    assert line.seen[broken + 1 : broken + 3] == ["getThriftServerType", "openScanner"]


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_a_scan_goes_on_at_the_next_server_when_its_own_is_gone(table: Scanned, line: Proxy) -> None:
    other = Proxy(table.hbase.thrift)
    with Thrift2([at(line), at(other)], Patience(seconds=20)) as client:
        assert table.found(line.close, client) == ROWS
    assert other.seen[:2] == ["getThriftServerType", "openScanner"]
    other.close()


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_without_any_server_it_gives_up_when_its_patience_ends(table: Scanned, line: Proxy) -> None:
    slept: list[float] = []
    with (
        Thrift2(at(line), Patience(seconds=3600, tries=8), sleep=slept.append) as client,
        pytest.raises(ConnectionLost),
    ):
        table.found(line.close, client)
    assert len(slept) == 7
    assert len(set(slept)) > 1  # backed off, with jitter


# Cells that show late


def late_put(clicks: Clicks) -> threading.Thread:
    """Acknowledged only when the log has synced."""
    putting = threading.Thread(target=clicks.put, args=(("late", "mon", 7),))
    putting.start()
    return putting


def test_a_cell_that_shows_after_its_windows_is_found_by_the_deep_one(clicks: NewClicks, hbase: HBase) -> None:
    """Stalled between its timestamp and the log: meanwhile the short windows pass over its time."""
    table = clicks(*THREE)
    with loop_of(table) as loop:
        table.kept.turn(loop)
        with hbase.stalled_wal():
            putting = late_put(table)
            time.sleep((RULES.overlap_ms + 1_000) / 1000)  # so long that no short window reaches back to it
            table.kept.turn(loop)
            assert "late" not in table.rows()
            stored = loop.env.state
            quiet = stored.position()
            assert quiet is not None
        putting.join()
        settle_here(loop, quiet, table)
        assert table.kept.turn(loop) is None
        assert "late" not in table.rows()
        assert table.kept.turn(loop, deep=True) is not None
    assert table.rows()["late"] == ("mon", 7)


def settle_here(loop: Loop, position: Position, table: Clicks) -> None:
    """A quiet table stores its position now and then: as if that had been just before the cell showed."""
    end = loop.env.clock() - LAG_MS
    loop.env.state.store_position(replace(position, read_ms=end))


def test_a_server_that_was_stopped_in_the_middle_of_puts_hides_nothing(clicks: NewClicks, hbase: HBase) -> None:
    table = clicks(*THREE)
    keys = [f"k{number:04d}" for number in range(2000)]
    with loop_of(table) as loop:
        table.kept.turn(loop)
        putting = threading.Thread(target=lambda: table.put(*((key, "wed", 1) for key in keys)))
        putting.start()
        for _ in range(6):
            hbase.pause()
            time.sleep(0.4)
            hbase.resume()
            table.kept.turn(loop)
        putting.join()
        table.kept.turn(loop)
    assert {key for key, (day, _) in table.rows().items() if day == "wed"} == set(keys)


# A backlog


def test_a_backlog_is_cut_into_batches_and_each_row_is_read_once(clicks: NewClicks) -> None:
    table = clicks(*THREE, max_keys="7")
    rows = [(f"k{number:02d}", "wed", number) for number in range(30)]
    for row in rows:
        table.put(row)
    with loop_of(table) as loop:
        reports = all_of(table, loop)
        counts = [report.upserts for report in reports]
        assert (len(counts), max(counts), sum(counts)) == (5, 7, 30)
        assert table.kept.turn(loop) is None
    assert {key: value for key, value in table.rows().items() if key.startswith("k")} == {
        key: (day, number) for key, day, number in rows
    }


def all_of(table: Clicks, loop: Loop) -> list[BatchReport]:
    found = [table.kept.turn(loop)]
    while loop.behind:
        found.append(table.kept.turn(loop))
    return [report for report in found if report is not None]


def test_a_loader_that_dies_in_a_backlog_leaves_the_rest_to_the_next(clicks: NewClicks) -> None:
    table = clicks(*THREE, max_keys="7")
    rows = {f"k{number:02d}": ("wed", number) for number in range(30)}
    for key, (day, number) in rows.items():
        table.put((key, day, number))

    class Dies(Exception):
        pass

    def die() -> None:
        raise Dies

    with loop_of(table) as loop:
        table.kept.turn(loop)
        loop.watch = At("swap", die)
        with pytest.raises(Dies):
            table.kept.turn(loop)
    with loop_of(table) as loop:
        reports = all_of(table, loop)
        assert sum(report.upserts for report in reports) < len(rows)  # what was in is not written again
    assert {key: value for key, value in table.rows().items() if key in rows} == rows


def test_one_run_loads_a_whole_backlog(clicks: NewClicks) -> None:
    table = clicks(*THREE, max_keys="7")
    table.put(*((f"k{number:02d}", "wed", number) for number in range(30)))
    assert hotswap(table.kept, "run", "--once").code == 0
    assert len(table.rows()) == 33


# Away for long


def test_a_long_absence_is_owed_and_shown(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    with loop_of(table) as loop:
        long_ago = loop.env.clock() - 3_600_000
        settled = loop.env.state.position()
        assert settled is not None
        window = Window(0, loop.env.clock(), True, 0)
        blindspots = hbase_of(loop).blindspots
        assert blindspots is not None
        blindspots.after_scan(window, Position(settled.source, 0, long_ago, 0))
        assert "no window was read for 1h" in reasons(loop)[0]
    shown = hotswap(table.kept, "status", "--check")
    assert (shown.code, "provisional" in shown.out) == (6, True)
