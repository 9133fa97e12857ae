"""Every verb that asks HBase does so by its own RPC, and a table may change from one way to the other."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from devservers.hbase import HBase
from loader.config.settings import load
from loader.sources.hbase.access.where import THRIFT, server_of
from loader.sources.hbase.rpc import admin
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.registry import ServersRegistry
from tests.hbase_ways import RPC, where
from tests.integration.clicks import THREE, Clicks, NewClicks, fails, hotswap


def told(table: Clicks, verb: str, *arguments: str) -> str:
    result = hotswap(table.kept, verb, *arguments)
    assert result.code == 0, result.err
    return result.out


def test_every_verb_that_asks_hbase_needs_no_thrift_server(clicks: NewClicks) -> None:
    table = clicks(*THREE, way=RPC)
    name = table.kept.hive_name
    table.put(("d", "wed", 4))
    assert "wed" in told(table, "init", name, "--sample", "9")
    told(table, "plan", name)
    told(table, "run", "--once")
    assert table.rows()["d"] == ("wed", 4)
    table.delete("a")
    told(table, "run", "--once")
    assert "a" not in table.rows()
    assert json.loads(told(table, "show", name, "--key", "d", "--json"))
    told(table, "reconcile", name, "--wait", "0s")
    found = hotswap(table.kept, "doctor", name, "--json")
    assert table.hbase.rpc in found.out, found.err


def test_a_table_may_change_from_one_way_to_the_other(clicks: NewClicks, hbase: HBase) -> None:
    table = clicks(*THREE, way=THRIFT)
    before = table.rows()
    for way in (RPC, THRIFT):
        asked = where(hbase, way)
        text = table.kept.config.read_text()
        line = next(line for line in text.splitlines() if line.startswith("hbase:"))
        table.kept.config.write_text(text.replace(line, f"hbase: {{{asked.way}: '{asked.hosts[0]}'}}"))
        table.kept.settings = load(Path(table.kept.config))
        told(table, "run", "--once")
        assert table.rows() == before
        table.put((way, "wed", 9))
        told(table, "run", "--once")
        before |= {way: ("wed", 9)}
        assert table.rows() == before


def test_master_and_servers_tell_sizes_and_times(clicks: NewClicks, hbase: HBase) -> None:
    table = clicks(*THREE, way=RPC)
    cluster = Cluster(ServersRegistry([server_of(hbase.rpc, 0)], "me", 60.0), "me")
    name = table.kept.table.hbase_table
    sizes = admin.region_bytes(cluster, name)
    assert list(sizes) == [place.name for place in cluster.locations.all(name)]
    assert 0 < sum(sizes.values()) < 10 << 20
    (first,) = admin.server_times(cluster)
    assert first.server == ("localhost", hbase.ports.region_server)
    deadline = time.monotonic() + 20
    while (later := admin.server_times(cluster)[0]).report_end_ms == first.report_end_ms:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert later.start_code == first.start_code < first.report_end_ms < later.report_end_ms
    assert later.report_end_ms <= time.time() * 1000


@pytest.mark.parametrize("way", ["servers", "zookeeper"])
def test_nobody_there_is_said_with_what_to_check(clicks: NewClicks, way: str) -> None:
    table = clicks(init=False)
    text = table.kept.config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("hbase:"))
    table.kept.config.write_text(text.replace(line, f"hbase: {{{way}: '127.0.0.1:1'}}"))
    fails(table, 1, "127.0.0.1:1", "address under `hbase`", "init")
