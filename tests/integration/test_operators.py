"""`doctor`, `verify`, `show` and `diff` on real servers: a healthy table has no finding, and what is wrong is named."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.sources.hbase.thrift2.idl import TColumnValue, TPut
from loader.storage.local import local_path
from metastore.api import TableName
from metastore.errors import NoSuchTable
from tests.integration.clicks import THREE, Clicks, NewClicks, hotswap
from tests.integration.oracle.kept import fresh_name

ANY_DISK = {"alarms": "{free_space: null}"}
"""These tests may run where little is free."""


def findings(table: Clicks, verb: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and what it found but for notes."""
    done = hotswap(table.kept, verb, "--json", *options)
    assert done.out, done.err
    told = json.loads(done.out)
    (report,) = told.get("tables", (told,))
    return done.code, [item for item in report["findings"] if item["grade"] != "note"]


def test_doctor_has_nothing_to_say_of_a_healthy_table(clicks: NewClicks) -> None:
    assert findings(clicks(*THREE, **ANY_DISK), "doctor") == (0, [])


def test_doctor_tries_all_that_a_publish_does_and_leaves_nothing(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    before = table.locations()
    done = hotswap(table.kept, "doctor")
    assert "tried              write, create, add, lock, swap, read, fence, drop" in done.out
    scratch = TableName("default", f"hotswap_doctor_{table.kept.table.hive_table.table}")
    with table.metastore() as metastore:
        assert not metastore.locks(scratch)
        with pytest.raises(NoSuchTable):
            metastore.table(scratch)
    folder = local_path(next(iter(before.values()))).parents[1].parent
    assert (table.locations(), (folder / "doctor").exists()) == (before, False)


@pytest.mark.slow
def test_doctor_names_a_port_on_which_something_else_listens(clicks: NewClicks, hms: Metastore23) -> None:
    table = clicks(*THREE, **ANY_DISK)
    text = table.kept.config.read_text().replace(table.hbase.thrift, hms.uri.removeprefix("thrift://"))
    table.kept.config.write_text(text)
    code, found = findings(table, "doctor")
    assert (code, {item["check"] for item in found}) == (6, {"hbase", "decoding"})
    assert "hbase thrift2 start" in found[0]["do"]


@pytest.mark.slow
def test_doctor_says_that_a_family_keeps_no_delete_markers_and_what_to_do(hbase: HBase, clicks: NewClicks) -> None:
    told = hotswap(clicks(*THREE, **ANY_DISK).kept, "doctor").out
    assert "hbase.hstore.time.to.purge.deletes is not set for it" in told
    assert "CONFIGURATION => {'hbase.hstore.time.to.purge.deletes' => '86400000'}" in told


@pytest.mark.slow
def test_doctor_finds_a_cell_from_the_future(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    ahead = round(time.time() * 1000) + 3_600_000
    with table.client() as client:
        value = TColumnValue(family=b"d", qualifier=b"day", value=b"mon", timestamp=ahead)
        client.put(table.kept.table.hbase_table, TPut(row=b"late", columnValues=[value]))
    code, found = findings(table, "doctor")
    assert (code, [item["check"] for item in found]) == (6, ["clocks"])
    assert "late" in found[0]["what"]


@pytest.mark.slow
def test_doctor_measures_the_clocks_of_hbase_in_a_table_of_its_own(hbase: HBase, clicks: NewClicks) -> None:
    table, clocks = clicks(*THREE, **ANY_DISK), fresh_name("clocks")
    hbase.create_table(clocks, ["d"], [b"m"])
    done = hotswap(table.kept, "doctor", "--clock-table", clocks)
    hbase.drop(clocks)
    assert (done.code, "HBase's clocks" in done.out) == (0, True), done.out


@pytest.mark.slow
def test_doctor_finds_a_clock_of_hbase_that_is_off(hbase: HBase, clicks: NewClicks) -> None:
    table, clocks = clicks(*THREE, **ANY_DISK), fresh_name("clocks")
    hbase.create_table(clocks, ["d"])
    hbase.set_clock(round(time.time() * 1000) - 3_600_000)
    try:
        code, found = findings(table, "doctor", "--clock-table", clocks)
    finally:
        hbase.set_clock(None)
        hbase.drop(clocks)
    assert (code, [item["check"] for item in found]) == (6, ["clocks"])
    assert "behind this machine's" in found[0]["what"]


@pytest.mark.slow
def test_doctor_counts_rows_that_cannot_be_decoded(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    table.put_cells({"bad": {b"day": b"mon", b"clicks": b"not eight"}})
    code, found = findings(table, "doctor")
    assert (code, found[0]["where"]) == (6, "clicks")
    assert "init" in found[0]["do"]


@pytest.mark.slow
def test_doctor_before_init_sends_to_init(clicks: NewClicks) -> None:
    table = clicks(init=False, **ANY_DISK)
    code, found = findings(table, "doctor")
    assert (code, found[0]["do"]) == (6, f"hotswap init {table.kept.hive_name}")


def test_verify_agrees_row_by_row_after_moves_deletes_and_a_rollback(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    table.put(("a", "wed", 9), ("e", "mon", 5))
    table.delete("c")
    assert hotswap(table.kept, "run", "--once").code == 0
    assert findings(table, "verify", "--deep") == (0, [])
    assert hotswap(table.kept, "rollback", table.kept.hive_name, "--to", "1", "--yes").code == 0
    assert findings(table, "verify", "--deep") == (0, [])


@pytest.mark.slow
def test_verify_names_the_file_of_somebodys_insert(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    theirs = local_path(table.locations()["mon"]) / "000000_0"
    theirs.write_bytes(b"PAR1")
    code, found = findings(table, "verify")
    assert (code, str(theirs) in found[0]["do"]) == (6, True)


@pytest.mark.slow
def test_verify_calls_a_lost_file_damage(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    next(local_path(table.locations()["mon"]).glob("*.parquet")).unlink()
    code, found = findings(table, "verify")
    assert (code, found[0]["grade"], "hotswap rollback" in found[0]["do"]) == (5, "damage", True)


@pytest.mark.slow
def test_diff_and_show_tell_of_the_batches(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    table.put(("a", "wed", 9))
    assert hotswap(table.kept, "run", "--once").code == 0
    told = json.loads(hotswap(table.kept, "diff", table.kept.hive_name, "1", "2", "--json").out)
    assert {item["partition"] for item in told["partitions"]} == {"day=mon", "day=wed"}
    shown = json.loads(hotswap(table.kept, "show", table.kept.hive_name, "2", "--json").out)
    assert (shown["outcome"], shown["moves"]) == ("committed", 1)


def test_analyze_tells_the_metastore_what_columns_hold_and_moves_nothing(clicks: NewClicks) -> None:
    table = clicks(*THREE, **ANY_DISK)
    before = table.locations()
    assert hotswap(table.kept, "analyze", table.kept.hive_name).code == 0
    with table.metastore() as metastore:
        told = metastore.column_statistics(table.kept.table.hive_table, [("mon",)], ["clicks"])
    (column,) = told["mon",]
    assert (column.low, column.high, column.distinct, column.nulls) == (1, 2, 2, 0)
    assert table.locations() == before
    assert findings(table, "verify", "--deep") == (0, [])
