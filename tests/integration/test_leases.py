"""Scanners whose lease is over, on an HBase that gives them one second: the scan goes on, each row once and whole."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.thrift2.client import Patience, TColumnValue, Thrift2, TPut, TScan
from loader.sources.hbase.thrift2.connection import Connection, Endpoint, ScannerGone
from tests.contract.proxy import Proxy

pytestmark = pytest.mark.slow

LEASE = "hbase.client.scanner.timeout.period"
LEASE_S = 1.0
ROWS = [b"%04d" % number for number in range(400)]
WIDE = b"0200"
CELLS = 1_500


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HBase]:
    """400 rows of 10 KB, and in their middle one of 15 MB: it takes three answers, from the seventh on."""
    settings = {LEASE: str(round(1000 * LEASE_S)), "hbase.regionserver.lease.period": str(round(1000 * LEASE_S))}
    with HBase.start(tmp_path_factory.mktemp("hurried"), settings=settings) as started:
        started.create_table("t", ["d"])
        with Thrift2(Endpoint.parse(started.thrift)) as client:
            client.put_multiple("t", [put(key, CELLS if key == WIDE else 1) for key in ROWS])
        yield started


def put(key: bytes, cells: int) -> object:
    values = [TColumnValue(family=b"d", qualifier=b"%04d" % number, value=bytes(10_000)) for number in range(cells)]
    return TPut(row=key, columnValues=values)


def scanned(hbase: HBase, at_call: int, happens: Callable[[], object]) -> tuple[list[tuple[bytes, int]], list[str]]:
    """Keys and numbers of cells that a scan finds if that happens before so manyth call for rows; and all calls."""
    line, calls = Proxy(hbase.thrift), []

    def then(call: str) -> None:
        calls.append(call)
        if calls.count("getScannerRows") == at_call and call == "getScannerRows":
            happens()

    endpoint = replace(Endpoint.parse(line.uri.removeprefix("thrift://")), read_timeout=5 * LEASE_S)
    with line.watching(re.compile(".*"), then), Thrift2(endpoint, Patience(seconds=30)) as client:
        batches = client.scan("t", Scan(caching=10), rows=40)
        found = [(row.row, len(row.columnValues)) for rows in batches for row in rows]
    line.close()
    return found, calls


def wait() -> None:
    time.sleep(3 * LEASE_S)


WANTED = [(key, CELLS if key == WIDE else 1) for key in ROWS]


def test_the_lease_of_a_scanner_is_really_over(hurried: HBase) -> None:
    with closing(Connection(Endpoint.parse(hurried.thrift))) as connection:
        scanner = connection.call("openScanner", table=b"t", tscan=TScan(caching=10))
        connection.call("getScannerRows", scannerId=scanner, numRows=10)
        wait()
        with pytest.raises(ScannerGone):
            connection.call("getScannerRows", scannerId=scanner, numRows=10)


@pytest.mark.parametrize("at_call", [2, 7, 8, 9, 12])
def test_a_scan_goes_on_when_its_lease_has_run_out_between_two_calls(hurried: HBase, at_call: int) -> None:
    found, calls = scanned(hurried, at_call, wait)
    assert found == WANTED
    again = [index for index, call in enumerate(calls) if call == "openScanner"]
    assert len(again) >= 2


def test_a_scan_goes_on_when_the_server_slept_longer_than_its_lease(hurried: HBase) -> None:
    """In the middle of a call: ZooKeeper, region server and Thrift server, all of them."""

    def sleep() -> None:
        hurried.pause()
        wait()
        hurried.resume()

    found, _ = scanned(hurried, 8, sleep)
    assert found == WANTED


@pytest.mark.parametrize("at_call", [3, 8])
def test_a_scan_goes_on_when_only_the_region_server_has_forgotten_its_scanner(hurried: HBase, at_call: int) -> None:
    """The Thrift server still knows it, and asks a region server that does not."""
    hurried.stop_thrift()
    hurried.start_thrift({LEASE: "600000"})
    try:
        found, _ = scanned(hurried, at_call, wait)
    finally:
        hurried.stop_thrift()
        hurried.start_thrift()
    assert found == WANTED
