"""Values at and beyond the ends of what a table holds, through every verb that decodes them, on the real servers."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.sources.hbase.thrift2.client import Patience
from loader.storage.choose import files_of
from tests.integration.clicks import Clicks, hotswap
from tests.integration.oracle.kept import fresh_name, keep
from tests.world import data_files

SETTINGS = """\
columns: {id: string, price: double, at: timestamp, doc: string, day: date, seen: timestamp}
mapping:
    id: ":key"
    price: {cell: "d:price", type: double_be}
    at: {cell: "d:at", type: timestamp_ms}
    doc: {cell: "d:doc", type: json}
    day: "d:day"
    seen: ":timestamp"
partition_by: [day, {name: hour, from: at, as: hour}]
time_zone: America/New_York
lag: 150ms
lock_wait: 1s"""
NOON = 1_767_268_800_000


def double(value: float) -> bytes:
    return struct.pack(">d", value)


def ms(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def cells(**changed: bytes) -> dict[bytes, bytes]:
    ordinary = {"price": double(1.5), "at": ms(NOON), "doc": b"{}", "day": b"2026-01-01"}
    return {name.encode(): value for name, value in (ordinary | changed).items()}


BAD = {
    "year 0": ("day", cells(day=b"0000-01-01")),
    "deep": ("doc", cells(doc=b"[" * 5000 + b"]" * 5000)),
    "far past": ("at", cells(at=ms(-(10**15)))),
    "far future": ("at", cells(at=ms(10**17))),
    "no such year in New York": ("at", cells(at=ms(-62_135_596_800_000))),
}
GOOD = {
    "ordinary": cells(),
    "ends": cells(day=b"9999-12-31", at=ms(253_402_300_799_999)),
    "zero": cells(price=double(0.0)),
    "nan": cells(price=double(math.nan)),
    "more": cells(),  # most rows have to be good, or `init` makes no table
    "and more": cells(),
}


@pytest.fixture(scope="module")
def table(hbase: HBase, hms: Metastore23, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clicks]:
    name = fresh_name("odd")
    hbase.create_table(name, ["d"])
    folder = tmp_path_factory.mktemp("odd")
    kept = keep(folder, hbase.thrift, hms.uri, name, f"default.{name}", SETTINGS)
    kept.patience = Patience(tries=2)
    made = Clicks(kept, hbase)
    made.put_cells(GOOD | {key: bad for key, (_, bad) in BAD.items()})
    shown = hotswap(kept, "init", "--sample", "20")
    assert shown.code == 0, shown.err
    yield made
    kept.drop()
    hbase.drop(name)


def told(table: Clicks, verb: str, *arguments: str) -> Any:
    result = hotswap(table.kept, verb, *arguments, "--json")
    assert result.code == 0, (verb, result.out, result.err)
    return json.loads(result.out)


def drift(table: Clicks) -> int:
    report = told(table, "reconcile", "--wait", "0s")
    return sum(report[kind] for kind in ("missing", "extra", "different", "doubled", "unnoticed"))


def batches(table: Clicks) -> int:
    return len(told(table, "history", table.kept.hive_name)["attempts"])


def prices(table: Clicks) -> dict[str, bytes]:
    """Bits of each price by key, as the live files hold them."""
    found: dict[str, bytes] = {}
    with table.metastore() as metastore:
        partitions = metastore.all_partitions(table.kept.table.hive_table)
    for partition in partitions:
        files = files_of(partition.location)
        for path in data_files(files, partition.location):
            with files.open_input(path) as stream:
                rows = pq.ParquetFile(stream).read(["id", "price"]).to_pylist()
            found.update({row["id"]: double(row["price"]) for row in rows})
    return found


def test_each_bad_value_is_its_rows_rejection_in_every_verb_and_the_others_are_published(table: Clicks) -> None:
    name = table.kept.hive_name
    assert hotswap(table.kept, "plan", name).code == 0
    assert hotswap(table.kept, "run", "--once").code == 0
    assert prices(table).keys() == GOOD.keys()
    listed = {row["key"]: row["column"] for row in told(table, "quarantine", "list", name)["rows"]}
    assert listed == {key: column for key, (column, _) in BAD.items()}
    for key in BAD:
        assert told(table, "show", name, "--key", key)["now"] == "undecodable"
    assert (drift(table), told(table, "reconcile", "--wait", "0s")["rejected"]) == (0, len(BAD))
    assert hotswap(table.kept, "analyze", name).code == 0
    assert hotswap(table.kept, "doctor").code in (0, 6)


def test_a_zero_of_another_sign_is_published_and_the_same_nan_is_not_published_again(table: Clicks) -> None:
    assert hotswap(table.kept, "run", "--once").code == 0
    before = batches(table)
    table.put_cells({"zero": cells(price=double(-0.0))})
    assert hotswap(table.kept, "run", "--once").code == 0
    assert prices(table)["zero"] == double(-0.0)
    assert (drift(table), batches(table)) == (0, before + 1)
