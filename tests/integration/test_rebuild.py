"""A changed configuration under a loaded table, and the way out: all of it anew in one swap, and back again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.storage.choose import files_of
from metastore.fence import is_fence
from tests.integration.clicks import Clicks, hotswap, new_clicks
from tests.integration.test_definition import PARTS, changed, refused
from tests.world import data_files

ON = "2026-07-01 12:00:00"


@pytest.fixture
def table(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Clicks]:
    """Forty rows, in buckets of four."""
    made = new_clicks(hbase, hms.uri, tmp_path, **PARTS, wal_sync_timeout="0s", overlap="0s")
    made.kept.initialise()
    made.put(*((f"k{number}", ON, number + 1) for number in range(40)))
    assert hotswap(made.kept, "run", "--once").code == 0
    yield made
    made.kept.drop()
    made.drop_source()


def locations(table: Clicks) -> dict[tuple[str, ...], str]:
    with table.metastore() as metastore:
        found = metastore.all_partitions(table.kept.table.hive_table)
        keys = metastore.table(table.kept.table.hive_table).partition_keys
    return {one.values: one.location for one in found if not is_fence(keys, one.values)}


def rows_at(places: dict[tuple[str, ...], str]) -> dict[str, tuple[str, int]]:
    """Key → its bucket and clicks. A key that is there twice fails."""
    seen: dict[str, tuple[str, int]] = {}
    for values, location in places.items():
        files = files_of(location)
        for path in data_files(files, location):
            with files.open_input(path) as stream:
                for row in pq.ParquetFile(stream).read().to_pylist():
                    assert row["id"] not in seen
                    seen[row["id"]] = (values[0], row["clicks"])
    return seen


def equal(table: Clicks) -> None:
    compared = json.loads(hotswap(table.kept, "reconcile", table.kept.hive_name, "--wait", "0s", "--json").out)
    assert {kind: compared[kind] for kind in ("missing", "extra", "different", "doubled")} == dict.fromkeys(
        ("missing", "extra", "different", "doubled"), 0
    )


def test_other_buckets_are_refused_then_rebuilt_and_taken_back(table: Clicks) -> None:
    name = table.kept.hive_name
    before = locations(table)
    was = rows_at(before)
    other = changed(table, "bucket(4)", "bucket(7)")
    table.put(("k1", ON, 100), ("late", ON, 7))
    table.delete("k2")
    done = hotswap(other.kept, "run", "--once")
    refused(done, "bucket(7)")
    assert f"hotswap rebuild {name}" in done.err
    asked = hotswap(other.kept, "rebuild", name)
    assert (asked.code, locations(table)) == (3, before), asked.out + asked.err
    assert "40 rows in 4 partitions" in asked.out
    assert "as bucket(7)" in asked.out
    loaded = json.loads(hotswap(other.kept, "rebuild", name, "--yes", "--json").out)
    assert loaded["rows"] == 40
    now = rows_at(locations(other))
    wanted = {f"k{number}": number + 1 for number in range(40) if number != 2} | {"k1": 100, "late": 7}
    assert {key: clicks for key, (_, clicks) in now.items()} == wanted
    assert len({bucket for bucket, _ in now.values()}) == 7
    assert rows_at(before) == was  # who began before reads on
    assert hotswap(other.kept, "run", "--once").code == 0
    equal(other)
    assert hotswap(other.kept, "verify", name, "--deep").code == 0
    assert '"kind": "rebuild"' in hotswap(other.kept, "history", name, "--json").out
    back = hotswap(other.kept, "rollback", name, "--to", "1", "--yes")
    assert back.code == 0, back.out + back.err
    assert rows_at(locations(other)) == was
    assert hotswap(other.kept, "resume", name, "--yes").code == 0
    refused(hotswap(other.kept, "run", "--once"), "bucket(4)")
    old = changed(other, "bucket(7)", "bucket(4)")
    assert hotswap(old.kept, "run", "--once").code == 0  # what the rebuild alone had read comes by once more
    found = rows_at(locations(old))
    assert {key: clicks for key, (_, clicks) in found.items()} == wanted
    equal(old)
    assert hotswap(old.kept, "verify", name, "--deep").code == 0
