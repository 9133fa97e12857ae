"""What is not as it should be, on real servers: exit code, what is named, what to do, and nothing published."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.storage.local import local_path
from metastore.api import ORC, PARQUET, Column, Table
from metastore.errors import NoSuchTable
from tests.integration.clicks import (
    THREE,
    Clicks,
    NewClicks,
    fails,
    hotswap,
)


@pytest.fixture
def dead_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
    return port


def no_hive_table(clicks: Clicks) -> bool:
    with clicks.metastore() as metastore, pytest.raises(NoSuchTable):
        metastore.table(clicks.kept.table.hive_table)
    return True


# Servers that are not there


def test_an_hbase_that_is_not_there_is_named(clicks: NewClicks, dead_port: int) -> None:
    table = clicks(init=False, source="nothing", thrift=f"127.0.0.1:{dead_port}")
    fails(table, 1, f"127.0.0.1:{dead_port}", "hbase thrift2 start", "init")
    assert no_hive_table(table)


@pytest.mark.parametrize("verb", [["init"], ["run", "--once"], ["status"], ["recover"]], ids=lambda verb: verb[0])
def test_a_metastore_that_is_not_there_is_named(clicks: NewClicks, empty: str, dead_port: int, verb: list[str]) -> None:
    table = clicks(init=False, source=empty, metastore=f"thrift://127.0.0.1:{dead_port}")
    named = [*verb, table.kept.hive_name] if verb == ["recover"] else verb
    fails(table, 1, f"127.0.0.1:{dead_port}", "metastore.uris", *named)


def test_thrift1_on_the_port_is_called_by_its_name(hbase: HBase, clicks: NewClicks) -> None:
    thrift1 = hbase.start_thrift1()
    try:
        fails(
            clicks(init=False, source="nothing", thrift=thrift1),
            2,
            f"{thrift1} is a Thrift1 server",
            "hbase thrift2",
            "init",
        )
    finally:
        hbase.stop_thrift1()


def test_a_metastore_that_is_an_hbase_is_no_metastore(hbase: HBase, clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty, metastore=f"thrift://{hbase.thrift}")
    fails(table, 2, hbase.thrift, "metastore's Thrift port", "init")


# HBase tables


def test_an_hbase_table_that_does_not_exist_makes_no_hive_table(clicks: NewClicks) -> None:
    table = clicks(init=False, source="nowhere")
    fails(table, 1, "no table 'nowhere'", "hbase_table", "init")
    assert no_hive_table(table)


def test_a_family_that_does_not_exist_makes_no_hive_table(clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty)
    config = table.kept.config
    config.write_text(config.read_text().replace("d:clicks", "zz:clicks"))
    fails(table, 1, "no column family 'zz'", "Its families are: d", "init")
    assert no_hive_table(table)


def test_a_table_that_was_dropped_in_hbase_does_not_read_as_deletes(hbase: HBase, clicks: NewClicks) -> None:
    table = clicks(*THREE, init=True)
    name = table.kept.table.hbase_table
    before = table.rows()
    hbase.drop(name)
    try:
        fails(table, 1, f"no table '{name}'", "hbase_table", "run", "--once")
    finally:
        hbase.create_table(name, ["d"])
    assert table.rows() == before


# Hive tables of the wrong kind

COLUMNS = (Column("id", "string"), Column("clicks", "bigint"))
DAY = (Column("day", "string"),)


def create_hive(clicks: Clicks, **changed: Any) -> None:
    """The table that `init` would create, but for what is changed."""
    location = local_path(clicks.kept.table.location or "")
    location.mkdir(parents=True, exist_ok=True)
    fitting = Table(
        clicks.kept.table.hive_table, COLUMNS, DAY, f"file://{location}", PARQUET, parameters={"EXTERNAL": "TRUE"}
    )
    with clicks.metastore() as metastore:
        metastore.create_table(replace(fitting, **changed))


def external(**parameters: str) -> dict[str, Any]:
    return {"parameters": {"EXTERNAL": "TRUE", **parameters}}


WRONG: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "managed": ({"kind": "MANAGED_TABLE", "parameters": {}}, "MANAGED_TABLE", "external partitioned table"),
    "discovering": (external(**{"discover.partitions": "true"}), "discover.partitions = true", "UNSET TBLPROPERTIES"),
    "purging": (external(**{"external.table.purge": "TRUE"}), "external.table.purge", "UNSET TBLPROPERTIES"),
    "too few columns": ({"columns": COLUMNS[:1]}, "(id string)", "same columns"),
    "another type": ({"columns": (COLUMNS[0], Column("clicks", "int"))}, "clicks int", "same columns"),
    "another order": ({"columns": COLUMNS[::-1]}, "(clicks bigint, id string)", "same columns"),
    "another partition key": ({"partition_keys": (Column("week", "string"),)}, "week string", "same columns"),
    "another key type": ({"partition_keys": (Column("day", "date"),)}, "day date", "same columns"),
    "not partitioned": ({"partition_keys": ()}, "is not partitioned", "partition the table"),
    "orc": ({"format": ORC}, "OrcSerde", "format:"),
}


@pytest.mark.parametrize(("changed", "named", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_hive_table_of_the_wrong_kind_is_not_taken(
    clicks: NewClicks, empty: str, changed: dict[str, Any], named: str, hint: str
) -> None:
    table = clicks(init=False, source=empty)
    create_hive(table, **changed)
    fails(table, 3, named, hint, "init")
    assert not (local_path(table.kept.table.location or "") / "_hotswap").exists()


def test_a_transactional_table_is_not_taken(clicks: NewClicks, empty: str, spark: Any) -> None:
    table = clicks(init=False, source=empty)
    spark.sql(
        f"CREATE TABLE {table.kept.hive_name} (id string, clicks bigint) PARTITIONED BY (day string)"
        " CLUSTERED BY (id) INTO 2 BUCKETS STORED AS ORC TBLPROPERTIES ('transactional' = 'true')"
    )
    fails(table, 3, "MANAGED_TABLE", "external partitioned table", "init")


@pytest.mark.parametrize("parameter", ["discover.partitions", "external.table.purge"])
def test_a_table_that_turns_unsuitable_is_left_alone(clicks: NewClicks, parameter: str) -> None:
    table = clicks(*THREE)
    before = table.locations()
    with table.metastore() as metastore:
        metastore.alter_table_parameters(table.kept.table.hive_table, {parameter: "true"})
    table.put(("d", "mon", 4))
    fails(table, 3, f"{parameter} = true", "UNSET TBLPROPERTIES", "run", "--once")
    assert table.locations() == before


def test_a_table_that_is_gone_is_named(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    with table.metastore() as metastore:
        metastore.drop_table(table.kept.table.hive_table)
    fails(table, 2, table.kept.hive_name, "hotswap init", "run", "--once")


# Claims


def test_a_location_of_another_table_is_not_taken(clicks: NewClicks) -> None:
    mine = clicks(*THREE)
    before = mine.locations()
    other = clicks(init=False, source=mine.kept.table.hbase_table, location=mine.kept.table.location)
    fails(other, 3, f"{mine.kept.table.location} carries a claim", "another location", "init")
    create_hive(other, location=mine.kept.table.location)
    fails(other, 3, f"belongs to {mine.kept.hive_name}", "must never share a location", "init")
    fails(other, 3, f"belongs to {mine.kept.hive_name}", "must never share a location", "run", "--once")
    assert mine.locations() == before


def test_a_table_that_was_dropped_and_made_again_does_not_get_the_old_ones_state(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    with table.metastore() as metastore:
        old = metastore.table(table.kept.table.hive_table)
        metastore.drop_table(table.kept.table.hive_table)
        time.sleep(1.1)  # the server dates it, in whole seconds
        metastore.create_table(old)
    fails(table, 3, f"belongs to {table.kept.hive_name} (created at {old.create_time})", "re-created", "run", "--once")
    assert table.rows() == {}


def test_a_table_that_was_never_initialised_says_so(clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty)
    create_hive(table)
    fails(table, 3, "is not claimed", f"hotswap init {table.kept.hive_name}", "run", "--once")


# Bytes that are nothing

BAD_ROWS = {
    "short": {b"day": b"mon", b"clicks": b"12"},
    "latin": {b"day": b"m\xfcn", b"clicks": bytes(8)},
    "default": {b"day": b"__HIVE_DEFAULT_PARTITION__", b"clicks": bytes(8)},
    "long": {b"day": b"x" * 300, b"clicks": bytes(8)},
    "space": {b"day": b"mon ", b"clicks": bytes(8)},
    "nul": {b"day": b"m\0n", b"clicks": bytes(8)},
}


def test_what_cannot_be_decoded_or_placed_is_quarantined_and_the_rest_is_published(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    table.put_cells(BAD_ROWS)
    table.put(("d", "\x01\x7f/%=", 4))
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["d"] == ("\x01\x7f/%=", 4)
    assert len(table.rows()) == 4
    status = hotswap(table.kept, "status", "--check", "--max-lag", "1h")
    assert status.code == 6
    assert f"{len(BAD_ROWS)} rows in quarantine" in status.out


def test_a_quarantined_row_keeps_its_last_image_until_it_heals(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    table.put_cells({"a": BAD_ROWS["short"]})
    hotswap(table.kept, "run", "--once")
    assert table.rows()["a"] == ("mon", 1)
    table.put(("a", "tue", 9))
    hotswap(table.kept, "run", "--once")
    assert table.rows()["a"] == ("tue", 9)
    assert hotswap(table.kept, "status", "--check", "--max-lag", "1h").code == 0


def test_more_bad_rows_than_allowed_stop_the_batch(clicks: NewClicks) -> None:
    table = clicks(*THREE, max_rejected="5")
    before = table.locations()
    table.put_cells(BAD_ROWS)
    table.put(("d", "mon", 4))
    fails(table, 1, "6 rows", "init --dry-run", "run", "--once")
    assert table.locations() == before
    table.delete("nul")
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["d"] == ("mon", 4)
