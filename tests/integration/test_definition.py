"""Settings that decide rows are changed under a loaded table: every verb that would mix two kinds of rows refuses."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.config.settings import load
from tests.integration.clicks import Clicks, Result, hotswap, new_clicks

PARTS = {
    "columns": "{id: string, clicks: bigint, at: timestamp}",
    "mapping": '{id: ":key", clicks: "d:clicks#b", at: "d:day"}',
    "partition_by": "[{name: part, type: int, from: id, as: bucket(4)}, {name: on, type: date, from: at, as: date}]",
    "time_zone": "UTC",
    "transform": '{where: "clicks > 0"}',
}


@pytest.fixture
def table(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Clicks]:
    made = new_clicks(hbase, hms.uri, tmp_path, **PARTS)
    made.kept.initialise()
    made.put(*((f"k{number}", "2026-07-01 12:00:00", number + 1) for number in range(20)))
    assert hotswap(made.kept, "run", "--once").code == 0
    yield made
    made.kept.drop()
    made.drop_source()


def changed(table: Clicks, before: str, after: str) -> Clicks:
    """The same table with another configuration."""
    text = table.kept.config.read_text()
    assert before in text
    table.kept.config.write_text(text.replace(before, after))
    settings = load(table.kept.config)
    return replace(table, kept=replace(table.kept, settings=settings, table=settings.table()))


def refused(done: Result, told: str) -> None:
    assert done.code == 2, done.out + done.err
    assert "makes other rows than those that are live" in done.err
    assert told in done.err
    assert "hint: Put it back." in done.err


def equal_rows(compared: Result) -> int:
    """How many rows both have, of a comparison that found nothing."""
    found = re.search(r"HBase +(\d+) rows\s+Hive +\1 rows", compared.out)
    assert compared.code == 0, compared.out + compared.err
    assert found, compared.out
    return int(found[1])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("bucket(4)", "bucket(7)", "as bucket(4), on date from at as date in UTC → part int from id as bucket(7)"),
        ("time_zone: UTC", "time_zone: Asia/Tokyo", "as date in Asia/Tokyo"),
        ("d:clicks#b", "d:other#b", "column clicks: bigint from d:clicks#b → bigint from d:other#b"),
        ("clicks > 0", "clicks > 5", "where: clicks > 0 → clicks > 5"),
    ],
    ids=["partition expression", "zone", "cell", "where"],
)
def test_another_row_is_refused_by_every_verb_that_would_make_it(
    table: Clicks, before: str, after: str, told: str
) -> None:
    live = table.kept.service()
    batch = live.status().batch
    live.env.metastore.close()
    table.put(("k1", "2026-07-01 12:00:00", 100))
    other = changed(table, before, after)
    name = other.kept.hive_name
    for verb in (("run", "--once"), ("plan", name), ("reconcile", name), ("reconcile", name, "--repair")):
        refused(hotswap(other.kept, *verb), told)
    doctor = hotswap(other.kept, "doctor", name)
    assert doctor.code == 6
    assert "makes other rows than those that are live" in doctor.out
    assert hotswap(other.kept, "status").code == 0
    back = changed(other, after, before)
    service = back.kept.service()
    assert service.status().batch == batch
    service.env.metastore.close()
    assert hotswap(back.kept, "run", "--once").code == 0
    compared = hotswap(back.kept, "reconcile", name)
    assert (compared.code, "equals HBase" in compared.out) == (0, True), compared.out + compared.err


def test_another_hbase_table_is_refused(table: Clicks, hbase: HBase) -> None:
    name = table.kept.table.hbase_table
    hbase.create_table(f"{name}_b", ["d"])
    try:
        refused(hotswap(changed(table, f"hbase_table: {name}", f"hbase_table: {name}_b").kept, "run", "--once"), name)
    finally:
        hbase.drop(f"{name}_b")


def test_a_rebuild_makes_all_rows_anew_and_a_rollback_takes_it_back(table: Clicks) -> None:
    """bucket(4) becomes bucket(7): each row in one partition, as a comparison with HBase says."""
    other = changed(table, "bucket(4)", "bucket(7)")
    name = other.kept.hive_name
    assert hotswap(other.kept, "rebuild", name).code == 3  # nobody said yes
    made = hotswap(other.kept, "rebuild", name, "--yes")
    assert made.code == 0, made.out + made.err
    assert "as bucket(4), on date from at as date in UTC → part int from id as bucket(7)" in made.out + made.err
    table.put(("k1", "2026-07-01 12:00:00", 100), ("new", "2026-07-02 12:00:00", 5))
    assert hotswap(other.kept, "run", "--once").code == 0
    compared = hotswap(other.kept, "reconcile", name)
    assert equal_rows(compared) == 21
    assert hotswap(other.kept, "verify", name, "--deep").code == 0
    refused(hotswap(changed(other, "bucket(7)", "bucket(4)").kept, "run", "--once"), "bucket(7)")
    back = hotswap(other.kept, "rollback", name, "--to", "1", "--yes")
    assert back.code == 0, back.err
    assert hotswap(other.kept, "resume", name, "--yes").code == 0
    assert hotswap(other.kept, "run", "--once").code == 0  # the file says bucket(4) again
    compared = hotswap(other.kept, "reconcile", name, "--repair", "--yes")
    assert compared.code in (0, 6), compared.out + compared.err
    assert hotswap(other.kept, "run", "--once").code == 0
    last = hotswap(other.kept, "reconcile", name)
    assert equal_rows(last) == 21


def test_a_rebuild_from_another_hbase_table_and_back_loses_nothing_of_either(table: Clicks, hbase: HBase) -> None:
    """What was put into the first one while the second was read comes after the rollback."""
    name, hive = table.kept.table.hbase_table, table.kept.hive_name
    hbase.create_table(f"{name}_b", ["d"])
    try:
        other = changed(table, f"hbase_table: {name}", f"hbase_table: {name}_b")
        other.put(*((f"k{number}", "2026-07-03 12:00:00", number + 1) for number in range(15)))
        made = hotswap(other.kept, "rebuild", hive, "--yes")
        assert made.code == 0, made.out + made.err
        assert f"hbase_table: {name} → {name}_b" in made.out
        table.put(("of-the-first", "2026-07-04 12:00:00", 1))
        other.put(("of-the-second", "2026-07-04 12:00:00", 1))
        assert hotswap(other.kept, "run", "--once").code == 0
        assert equal_rows(hotswap(other.kept, "reconcile", hive)) == 16
        assert "hbase_table" not in hotswap(other.kept, "doctor", hive).out
        back = hotswap(other.kept, "rollback", hive, "--to", "1", "--yes")
        assert f"hbase_table: {name}_b → {name}" in back.out
        first = changed(other, f"hbase_table: {name}_b", f"hbase_table: {name}")
        assert hotswap(first.kept, "resume", hive, "--yes").code == 0
        assert hotswap(first.kept, "run", "--once").code == 0
        assert equal_rows(hotswap(first.kept, "reconcile", hive)) == 21
    finally:
        hbase.drop(f"{name}_b")
