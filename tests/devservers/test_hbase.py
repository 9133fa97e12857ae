"""The HBase that tests and the demo run on, seen through its Thrift2 server."""

from __future__ import annotations

import itertools

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.thrift2.client import Thrift2
from loader.sources.hbase.thrift2.connection import Endpoint, WrongServer
from loader.sources.hbase.thrift2.idl import TColumnValue, TGet, TPut
from tests.devservers.processes import listeners

_names = (f"servers{number}" for number in itertools.count())


@pytest.fixture
def table(hbase: HBase) -> str:
    """A new table with one family, `d`."""
    name = next(_names)
    hbase.create_table(name, ["d"])
    return name


def put(hbase: HBase, table: str, row: bytes, value: bytes) -> None:
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        client.put(table, TPut(row=row, columnValues=[TColumnValue(family=b"d", qualifier=b"q", value=value)]))


def get(hbase: HBase, table: str, row: bytes) -> Row:
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        return client.get(table, TGet(row=row))


def value(hbase: HBase, table: str, row: bytes) -> bytes:
    return get(hbase, table, row).columnValues[0].value


def test_put_survives_kill_and_restart(hbase: HBase, table: str) -> None:
    put(hbase, table, b"row", b"kept")
    before = hbase.thrift
    hbase.restart()
    assert (hbase.thrift, value(hbase, table, b"row")) == (before, b"kept")


def test_every_listener_is_on_loopback(hbase: HBase) -> None:
    found = listeners(hbase.pid)
    ports = hbase.ports
    assert {ports.zookeeper, ports.master, ports.region_server, ports.thrift2} <= set(found)
    assert [port for port, loopback in found.items() if not loopback] == []


def test_split_and_merge_change_the_regions(hbase: HBase, table: str) -> None:
    put(hbase, table, b"a", b"1")
    hbase.split(table, b"m")
    after_split = hbase.region_count(table)
    hbase.merge(table)
    assert (after_split, hbase.region_count(table)) == (2, 1)


def test_table_is_made_with_its_splits(hbase: HBase) -> None:
    name = next(_names)
    hbase.create_table(name, ["d"], splits=[b"f", b"\xff\x00"])
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        assert [region.start for region in client.regions(name)] == [b"", b"f", b"\xff\x00"]


def test_major_compaction_leaves_one_file(hbase: HBase, table: str) -> None:
    for number in range(2):
        put(hbase, table, b"row", str(number).encode())
        hbase.flush(table)
    before = hbase.store_files(table)
    hbase.major_compact(table)
    assert (before, hbase.store_files(table)) == (2, 1)


def test_stopped_clock_stamps_puts(hbase: HBase, table: str) -> None:
    hbase.set_clock(1_700_000_000_000)
    try:
        put(hbase, table, b"row", b"old")
    finally:
        hbase.set_clock(None)
    assert get(hbase, table, b"row").columnValues[0].timestamp == 1_700_000_000_000


def test_truncate_empties_the_table(hbase: HBase, table: str) -> None:
    put(hbase, table, b"row", b"gone")
    hbase.truncate(table)
    assert not get(hbase, table, b"row").columnValues


def test_drop_removes_the_table(hbase: HBase, table: str) -> None:
    hbase.drop(table)
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        assert not client.table_exists(table)


def test_thrift1_is_another_server(hbase: HBase) -> None:
    older = hbase.start_thrift1()
    try:
        with pytest.raises(WrongServer):
            Thrift2(Endpoint.parse(older)).table_exists("any")
    finally:
        hbase.stop_thrift1()


def test_thrift2_alone_can_stop_and_start(hbase: HBase, table: str) -> None:
    put(hbase, table, b"row", b"kept")
    hbase.stop_thrift()
    stopped = hbase.ports.thrift2 not in listeners(hbase.pid)
    hbase.start_thrift()
    assert (stopped, value(hbase, table, b"row")) == (True, b"kept")


def test_resumed_server_answers_what_was_asked_in_its_pause(hbase: HBase, table: str) -> None:
    put(hbase, table, b"row", b"kept")
    hbase.pause()
    try:
        in_pause = hbase.ports.thrift2 in listeners(hbase.pid)
    finally:
        hbase.resume()
    assert (in_pause, value(hbase, table, b"row")) == (True, b"kept")
