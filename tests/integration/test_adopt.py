"""A Hive table that another program filled, on the real servers: taken over, compared, kept."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from metastore.api import PARQUET, Column, Partition, Table
from tests.integration.clicks import Clicks, NewClicks, hotswap
from tests.integration.test_reconcile import expected


def fill(table: Clicks, location: Path) -> None:
    """As another program would: two partitions, three files."""
    columns = (Column("id", "string"), Column("clicks", "bigint"))
    name, keys = table.kept.table.hive_table, (Column("day", "string"),)
    partitions = []
    for day, files in {
        "mon": {"000000_0": {"a": 1, "b": 2}, "000001_0": {"c": 3}},
        "tue": {"000000_0": {"d": 4}},
    }.items():
        folder = location / f"day={day}"
        folder.mkdir(parents=True)
        for file, rows in files.items():
            ids, clicks = pa.array(list(rows), pa.string()), pa.array(list(rows.values()), pa.int64())
            pq.write_table(pa.table({"id": ids, "clicks": clicks}), folder / file)
        partitions.append(Partition((day,), f"file://{folder}", columns, PARQUET, {}))
    with table.metastore() as metastore:
        metastore.create_table(
            Table(name, columns, keys, f"file://{location}", PARQUET, parameters={"EXTERNAL": "TRUE"})
        )
        metastore.add_partitions(name, partitions)


def test_a_filled_table_is_taken_over_compared_and_kept(clicks: NewClicks, tmp_path: Path) -> None:
    table = clicks(init=False, wal_sync_timeout="0s", overlap="0s")
    fill(table, tmp_path / table.kept.hive_name)
    table.put(("a", "mon", 1), ("b", "wed", 2), ("c", "mon", 33), ("e", "tue", 5))
    name = table.kept.hive_name
    assert hotswap(table.kept, "init").code == 3
    adopted = hotswap(table.kept, "adopt", name, "--yes")
    assert adopted.code == 0, adopted.err
    assert set(table.rows()) == {"a", "b", "c", "d"}
    table.put(("f", "fri", 6))
    assert hotswap(table.kept, "run", "--once").code == 0
    report = json.loads(hotswap(table.kept, "reconcile", "--repair", "--wait", "0s", "--json").out)
    assert report["unsettled"] == 0
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == expected(table)
