"""Rows of thousands of columns and of tens of megabytes, on the real HBase with its Thrift server as it comes."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.access.api import HBaseClient, Scan
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.access.where import THRIFT
from loader.sources.hbase.key_ranges import RangeReader
from loader.sources.hbase.reread import Few, HBaseRowReader
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.thrift2.client import Patience, TColumnValue, Thrift2, TPut
from loader.sources.hbase.thrift2.connection import Endpoint
from loader.sources.hbase.thrift2.cursor import CELLS
from loader.sources.hbase.windows import Window
from tests.contract.proxy import Proxy
from tests.hbase_ways import WAYS_OF_LONG_TESTS, client_of, where
from tests.integration.clicks import NewClicks, hotswap
from tests.integration.oracle.kept import fresh_name
from tests.integration.wide_peak import MAPPING

MEGABYTE = 1 << 20
only_thrift = pytest.mark.parametrize("way", [THRIFT], indirect=True)
"""What happens between two answers is told by a proxy of Thrift's; for the other way see test_rpc_proof.py."""
Maps = dict[bytes, dict[str, bytes]]


@dataclass
class Wide:
    """A table of a narrow family and a wide one; `rest` of a row is a map of all its cells in the wide one."""

    hbase: HBase
    name: str
    client: Thrift2
    way: str

    def put(self, key: bytes, cells: dict[str, bytes], timestamp: int = 100) -> None:
        values = [TColumnValue(family=b"w", qualifier=name.encode(), value=value) for name, value in cells.items()]
        self.client.put(self.name, TPut(row=key, columnValues=[_campaign(), *values[:1]], timestamp=timestamp))
        for start in range(1, len(values), 5_000):
            self.client.put(self.name, TPut(row=key, columnValues=values[start : start + 5_000], timestamp=timestamp))

    def connect(self) -> HBaseClient:
        return client_of(self.hbase, self.way)

    def reader(self, **options: Any) -> HBaseRowReader:
        return HBaseRowReader(self.connect, self.name, MAPPING, **options)

    def keys(self) -> list[bytes]:
        window = Window(0, 1000, True, 0)
        found: list[bytes] = scan_window(self.connect, self.name, MAPPING.families, window).keys.to_pylist()
        return found


def _campaign() -> Any:
    return TColumnValue(family=b"d", qualifier=b"c", value=b"red")


def columns(count: int, size: int = 10) -> dict[str, bytes]:
    return {f"c{number:05d}": b"%05d" % number + bytes(size - 5) for number in range(count)}


def maps(rows: Any) -> Maps:
    return {row[":key"]: dict(row["rest"]) for row in rows.rows.to_pylist()}


@pytest.fixture(params=WAYS_OF_LONG_TESTS)
def way(request: pytest.FixtureRequest) -> str:
    """How HBase is read. Puts of the tests go through Thrift2."""
    return str(request.param)


@pytest.fixture
def wide(hbase: HBase, way: str) -> Iterator[Wide]:
    name = fresh_name("wide")
    hbase.create_table(name, ["d", "w"])
    with Thrift2(Endpoint.parse(hbase.thrift), Patience(seconds=20)) as client:
        made = Wide(hbase, name, client, way)
        made.put(b"narrow", columns(1))
        made.put(b"zz", columns(2))
        yield made
    hbase.drop(name)


SHAPES = [CELLS - 2, CELLS - 1, CELLS, 2 * CELLS - 1, 2 * CELLS, 20_000]


@pytest.mark.parametrize("few", [Few(), Few(keys=0, a_region=0)], ids=["Gets", "scan"])
def test_every_column_of_a_row_is_read_however_many_there_are(wide: Wide, few: Few) -> None:
    """Around the borders of parts, with a cell of another family before them."""
    rows = {b"row%d" % count: columns(count) for count in SHAPES}
    for key, cells in rows.items():
        wide.put(key, cells)
    wanted = rows | {b"narrow": columns(1), b"zz": columns(2)}
    assert wide.keys() == sorted(wanted)
    assert maps(wide.reader(few=few).read(sorted(wanted), 9)) == wanted
    blocks = RangeReader(wide.connect, wide.name, MAPPING).blocks(b"", b"")
    found = {
        key: dict(rest)
        for block in blocks
        for key, rest in zip(block.keys.to_pylist(), block.table["rest"].to_pylist(), strict=True)
    }
    assert found == wanted


def test_a_sample_reads_wide_rows_too(wide: Wide) -> None:
    wide.put(b"row", columns(3 * CELLS))
    blocks = list(RangeReader(wide.connect, wide.name, MAPPING).sampled(b"", b"", 1.0))
    assert {
        key: len(rest)
        for block in blocks
        for key, rest in zip(block.keys.to_pylist(), block.table["rest"].to_pylist(), strict=True)
    } == {b"narrow": 1, b"row": 3 * CELLS, b"zz": 2}


def sleeps(wide: Wide) -> None:
    wide.hbase.pause()
    time.sleep(1.0)
    wide.hbase.resume()


HAPPENINGS = {
    "the region moves": lambda wide: wide.hbase.reopen(wide.name),
    "the region splits": lambda wide: wide.hbase.split(wide.name, b"row"),
    "the Thrift server goes": lambda wide: (wide.hbase.stop_thrift(), wide.hbase.start_thrift()),
    "the server sleeps longer than it is waited for": sleeps,
}
CELLS_OF_6_MB = columns(600, size=10_000)


def scanned_while(wide: Wide, happens: Callable[[Wide], object], read_timeout: float = 30.0) -> list[Row]:
    """The rows of a scan in which that happens when a part of the wide row has come: an answer is some hundred kB."""
    asked, over = itertools.count(), threading.Event()
    line = Proxy(wide.hbase.thrift)

    def then(call: str) -> None:
        if next(asked) == 2:
            happens(wide)
            over.set()

    endpoint = replace(Endpoint.parse(line.uri.removeprefix("thrift://")), read_timeout=read_timeout)
    with line.watching(re.compile("getScannerRows"), then), Thrift2(endpoint, Patience(seconds=20)) as client:
        rows = [row for rows in client.scan(wide.name, Scan(), rows=2) for row in rows]
    assert over.wait(30)
    line.close()
    assert next(asked) > 3
    return rows


@only_thrift
@pytest.mark.parametrize("happens", [pytest.param(way, id=name) for name, way in HAPPENINGS.items()])
def test_a_row_that_is_broken_off_in_the_middle_is_read_once_and_whole(
    wide: Wide, happens: Callable[[Wide], object]
) -> None:
    wide.put(b"row", CELLS_OF_6_MB)
    rows = scanned_while(wide, happens, read_timeout=0.7 if happens is sleeps else 30.0)
    assert [(row.row, len(row.columnValues)) for row in rows] == [(b"narrow", 2), (b"row", 601), (b"zz", 3)]
    assert {
        cell.qualifier.decode(): cell.value for cell in rows[1].columnValues if cell.family == b"w"
    } == CELLS_OF_6_MB


@only_thrift
def test_a_table_truncated_in_mid_row_leaves_no_half_row(wide: Wide) -> None:
    wide.put(b"row", CELLS_OF_6_MB)
    rows = scanned_while(wide, lambda wide: wide.hbase.truncate(wide.name))
    assert [(row.row, len(row.columnValues)) for row in rows] == [(b"narrow", 2)]


PEAKS = [
    pytest.param(20_000, 100, id="20,000 columns"),
    pytest.param(40, MEGABYTE, id="40 values of a megabyte"),
    pytest.param(100, MEGABYTE, id="above what is read", marks=pytest.mark.slow),
]
BOUND = 6
"""Times the row, at most, or the largest row that is read (max_row_bytes), while it becomes columns."""


@pytest.mark.parametrize(("count", "size"), PEAKS)
def test_memory_is_bounded_by_the_row_and_by_the_largest_allowed(wide: Wide, count: int, size: int) -> None:
    values = columns(count, size)
    for start in range(0, count, 10_000_000 // size):
        wide.put(b"row", dict(itertools.islice(values.items(), start, start + 10_000_000 // size)))
    del values
    command = [
        sys.executable,
        "-m",
        "tests.integration.wide_peak",
        where(wide.hbase, wide.way).text(),
        wide.name,
        "row",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    held, read, scanned = map(int, done.stdout.split())
    print(f"{count} cells of {size} bytes: {held:,} bytes in columns, re-read {read:,}, scan {scanned:,} at most")
    assert read < 48 * MEGABYTE + BOUND * min(count * size, 64 * MEGABYTE)
    assert scanned < 48 * MEGABYTE + BOUND * 16 * MEGABYTE


def test_a_row_above_the_bound_is_quarantined_by_name_and_size_and_stops_nothing(clicks: NewClicks, way: str) -> None:
    table = clicks(("small", "mon", 1), way=way, max_row_bytes="1MB")
    large = {b"day": b"tue" + bytes(2 * MEGABYTE), b"clicks": (2).to_bytes(8, "big")}
    table.put_cells({"large": large, "next": {b"day": b"tue", b"clicks": (3).to_bytes(8, "big")}})
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == {"small": ("mon", 1), "next": ("tue", 3)}
    shown = hotswap(table.kept, "quarantine", "show", table.kept.hive_name, "large")
    assert shown.code == 0, shown.err
    assert "max_row_bytes (1,048,576 bytes): 2,097" in " ".join(shown.out.split())
    assert hotswap(table.kept, "reconcile", "--wait", "0s").code == 0
    table.put_cells({"large": {b"day": b"tue"}})
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["large"] == ("tue", 2)
