"""Servers that a person names by HOTSWAP_TEST_HBASE and HOTSWAP_TEST_HMS: used, not controlled."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from devservers.hbase import HBase
from loader.sources.hbase.thrift2.client import Thrift2
from loader.sources.hbase.thrift2.connection import Endpoint
from loader.sources.hbase.thrift2.idl import TColumnValue, TGet, TPut
from tests.servers import GivenHBase, GivenMetastore

_names = (f"given{number}" for number in itertools.count())


def test_table_is_made_with_splits_and_family_settings(hbase: HBase) -> None:
    given, name = GivenHBase(hbase.thrift), next(_names)
    given.create_table(name, ["d"], splits=[b"m"], settings={"VERSIONS": "3"})
    with Thrift2(Endpoint.parse(given.thrift)) as client:
        for number in range(4):
            value = TColumnValue(family=b"d", qualifier=b"q", value=b"%d" % number, timestamp=number + 1)
            client.put(name, TPut(row=b"row", columnValues=[value]))
        kept = client.get(name, TGet(row=b"row", maxVersions=10)).columnValues
        regions = len(client.regions(name))
    assert (regions, [cell.value for cell in kept]) == (2, [b"3", b"2", b"1"])


def test_table_of_an_earlier_run_is_replaced(hbase: HBase) -> None:
    given, name = GivenHBase(hbase.thrift), next(_names)
    given.create_table(name, ["old"])
    given.create_table(name, ["new"])
    with Thrift2(Endpoint.parse(given.thrift)) as client:
        assert client.families(name) == {b"new"}


def test_table_is_truncated_and_dropped(hbase: HBase) -> None:
    given, name = GivenHBase(hbase.thrift), next(_names)
    given.create_table(name, ["d"])
    given.truncate(name)
    given.drop(name)
    with Thrift2(Endpoint.parse(given.thrift)) as client:
        assert not client.table_exists(name)


@pytest.mark.parametrize(
    ("server", "operation", "variable"),
    [
        (GivenHBase("127.0.0.1:1"), "flush", "HOTSWAP_TEST_HBASE"),
        (GivenMetastore("thrift://127.0.0.1:1", Path("/")), "restart", "HOTSWAP_TEST_HMS"),
    ],
)
def test_control_of_a_given_server_skips_with_the_reason(
    server: GivenHBase | GivenMetastore, operation: str, variable: str
) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{variable} is set: {operation} needs a server of our own"):
        getattr(server, operation)()
