"""A table whose columns have the names that the loader uses for its own: nothing of them meets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from tests.integration.clicks import Clicks, hotswap
from tests.integration.oracle.kept import fresh_name, keep

OURS_OF_OLD = ("key", "hash", "op", "version", "target", "origin", "until", "partition", "kind", "split", "place")
NAMES = (
    *(f"__{name}" for name in (*OURS_OF_OLD, "row", "kept", "rows", "entries", "found", "given")),
    *("key", "hash", "digest", "partition", "before", "row", "decoded", "found", "entries", "rows", "select", "day_"),
)
COLUMNS = f"""\
columns: {{id: string, clicks: bigint, {", ".join(f'"{name}": string' for name in NAMES)}, day: string}}
mapping: ":key,d:clicks#b,{",".join(f"d:{name}" for name in NAMES)},d:day"
partition_by: [day]
transform: {{select: {{clicks: "clicks + 1"}}, where: "`__op` <> 'gone'"}}
lag: 150ms"""


@pytest.fixture
def table(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Clicks]:
    name = fresh_name("clicks")
    hbase.create_table(name, ["d"])
    made = Clicks(keep(tmp_path, hbase.thrift, hms.uri, name, f"default.{name}", COLUMNS), hbase)
    yield made
    made.kept.drop()
    made.drop_source()


def put(table: Clicks, key: str, day: str, text: str, **other: str) -> None:
    cells = {name.encode(): other.get(name, text).encode() for name in NAMES}
    table.put_cells({key: {**cells, b"clicks": (1).to_bytes(8, "big"), b"day": day.encode()}})


def do(table: Clicks, verb: str, *arguments: str) -> dict[str, Any]:
    done = hotswap(table.kept, verb, table.kept.hive_name, *arguments, "--json")
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    return told


def test_every_verb_works_on_a_table_whose_columns_are_called_as_ours(table: Clicks) -> None:
    put(table, "a", "mon", "one")
    put(table, "b", "tue", "one")
    do(table, "init", "--sample", "2")
    do(table, "bootstrap")
    for text in ("two", "three"):
        put(table, "a", "tue", text)
        put(table, "c", "mon", text)
        do(table, "plan")
        do(table, "run", "--once")
    put(table, "b", "tue", "four", __op="gone")
    do(table, "run", "--once")
    assert table.rows() == {"a": ("tue", 2), "c": ("mon", 2)}
    image = do(table, "show", "--key", "a")["hbase_row"]
    assert isinstance(image, dict)
    assert {image[name] for name in NAMES} == {"three"}
    assert hotswap(table.kept, "reconcile", table.kept.hive_name).code == 0
    do(table, "verify", "--deep")
    do(table, "analyze")
