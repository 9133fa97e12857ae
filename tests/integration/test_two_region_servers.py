"""Two region servers in two processes: regions lie on both, move between them, and one of them dies in mid-scan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devservers.hbase import HBase
from devservers.hbase_second import SecondRegionServer
from loader.sources.hbase.access.api import Patience, Scan
from loader.sources.hbase.access.where import SERVERS, ZOOKEEPER, Where
from loader.sources.hbase.connect import connector
from loader.sources.hbase.reread import Few, HBaseRowReader
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.thrift2.client import Endpoint, TColumnValue, Thrift2, TPut
from loader.sources.hbase.windows import Window
from partitioner.changes.change_set import Op
from tests.unit.source.test_rpc_proof import MAPPING

pytestmark = pytest.mark.slow
KEYS = [b"%03d" % number for number in range(200)]
ALL = Window(0, 1000, True, 0)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HBase, SecondRegionServer]]:
    """With table `t` of four regions, flushed."""
    with HBase.start(tmp_path_factory.mktemp("two")) as hbase, SecondRegionServer(hbase) as second:
        hbase.create_table("t", ["d"], splits=[b"050", b"100", b"150"])
        cell = [TColumnValue(family=b"d", qualifier=b"day", value=b"mon")]
        with Thrift2(Endpoint.parse(hbase.thrift)) as client:
            client.put_multiple("t", [TPut(row=key, columnValues=cell, timestamp=100) for key in KEYS])
        hbase.flush("t")
        yield hbase, second


def found(where: Where) -> list[bytes]:
    keys: list[bytes] = scan_window(connector(where), "t", [b"d"], ALL).keys.to_pylist()
    return keys


def read(where: Where, few: Few) -> set[str]:
    read = HBaseRowReader(connector(where), "t", MAPPING, few=few).read(KEYS, 1)
    return {Op(op).name for op in read.rows[":op"].to_pylist()}


def test_any_server_tells_where_everything_is(both: tuple[HBase, SecondRegionServer]) -> None:
    hbase, second = both
    hbase.move("t", second.port)
    for hosts in ((hbase.rpc,), (second.rpc,), (hbase.master,), ("127.0.0.1:1", second.rpc)):
        where = Where(SERVERS, hosts)
        assert found(where) == KEYS
        assert (read(where, Few()), read(where, Few(0, 0))) == ({"UPSERT"}, {"UPSERT"})
    assert found(Where(ZOOKEEPER, (hbase.zookeeper,))) == KEYS


def test_a_table_that_moves_to_the_other_server_in_mid_scan_loses_and_doubles_nothing(
    both: tuple[HBase, SecondRegionServer],
) -> None:
    hbase, second = both
    with connector(Where(SERVERS, (hbase.rpc,)), Patience(seconds=30))() as client:
        for port in (second.port, hbase.ports.region_server):
            batches = client.scan("t", Scan(), rows=10)
            keys = [row.row for row in next(batches)]
            hbase.move("t", port)
            assert keys + [row.row for rows in batches for row in rows] == KEYS


def test_a_server_that_is_killed_in_mid_scan_loses_nothing(both: tuple[HBase, SecondRegionServer]) -> None:
    """Last: it does not come back."""
    hbase, second = both
    hbase.move("t", second.port)
    with connector(Where(SERVERS, (hbase.rpc,)), Patience(seconds=90))() as client:
        batches = client.scan("t", Scan(), rows=10)
        keys = [row.row for row in next(batches)]
        second.kill()
        assert keys + [row.row for rows in batches for row in rows] == KEYS
    assert read(Where(SERVERS, (hbase.rpc,)), Few()) == {"UPSERT"}
