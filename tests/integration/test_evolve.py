"""A column comes to a table on the real servers: null at once, equal after a comparison."""

import json

import pytest

from loader.sources.hbase.thrift2.client import TColumnValue, TPut
from tests.integration.clicks import NewClicks, hotswap


@pytest.mark.slow
def test_old_rows_get_a_new_column_by_a_comparison(clicks: NewClicks, spark: object) -> None:
    table = clicks(("a", "mon", 1), ("b", "tue", 2), wal_sync_timeout="0s", overlap="0s")
    name, hbase_table = table.kept.hive_name, table.kept.table.hbase_table
    cost = TColumnValue(family=b"d", qualifier=b"cost", value=b"2.5")
    with table.client() as client:
        client.put(hbase_table, TPut(row=b"a", columnValues=[cost]))
    assert hotswap(table.kept, "run", "--once").code == 0  # seen, and of no interest yet
    text = table.kept.config.read_text()
    text = text.replace("clicks: bigint, day: string", "clicks: bigint, day: string, cost: double")
    table.kept.config.write_text(text.replace("d:clicks#b,d:day", "d:clicks#b,d:day,d:cost"))
    assert hotswap(table.kept, "run", "--once").code == 3
    assert hotswap(table.kept, "evolve", name, "--yes").code == 0
    table.put(("c", "tue", 3))
    assert hotswap(table.kept, "run", "--once").code == 0

    def costs() -> dict[str, float | None]:
        rows = spark.sql(f"SELECT id, cost FROM {name}").collect()  # type: ignore[attr-defined]
        return {row.id: row.cost for row in rows}

    assert costs() == {"a": None, "b": None, "c": None}
    told = json.loads(hotswap(table.kept, "reconcile", "--repair", "--wait", "0s", "--json").out)
    assert (told["different"], told["missing"], told["extra"]) == (1, 0, 0)
    assert hotswap(table.kept, "run", "--once").code == 0
    assert costs() == {"a": 2.5, "b": None, "c": None}
    (status,) = json.loads(hotswap(table.kept, "status", "--json").out)["tables"]
    assert status["behind"] == []
    assert not any("came to the table" in debt["reason"] for debt in status["debts"])
