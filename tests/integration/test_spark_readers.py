"""Spark beside a swap: what it reads, and what its ANALYZE TABLE puts back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loader.ops.recover.stale_writes import repair
from loader.runtime.loop import Loop
from tests.contract.proxy import Proxy
from tests.integration.clicks import CHANGED, CHANGES, THREE, Clicks, NewClicks
from tests.integration.stale import over_a_swap
from tests.world import Row

STATISTICS = ("numRows", "totalSize", "rawDataSize", "numFiles", "COLUMN_STATS_ACCURATE")
BEFORE = {key: (day, clicks) for key, day, clicks in THREE}


def query(spark: Any, table: Clicks) -> Any:
    return spark.sql(f"select id, day, clicks from {table.kept.hive_name}")


def rows(frame: Any) -> dict[str, Row]:
    found = frame.collect()
    assert len({row.id for row in found}) == len(found)
    return {row.id: (row.day, row.clicks) for row in found}


def test_a_query_planned_before_a_swap_finishes_on_the_old_rows_and_the_next_sees_the_new(
    clicks: NewClicks, spark: Any
) -> None:
    table = clicks(*THREE)
    planned = query(spark, table)
    planned._jdf.queryExecution().executedPlan().execute()  # the partitions are fetched, their files listed
    table.put(*CHANGES)
    loop = table.kept.loop()
    table.kept.turn(loop)
    loop.env.metastore.close()
    assert rows(planned) == BEFORE
    assert rows(query(spark, table)) == CHANGED


def without_statistics(table: Clicks) -> None:
    """Spark writes only partitions whose statistics it finds otherwise than they are recorded, and ours are exact."""
    bare = [
        replace(partition, parameters={k: v for k, v in partition.parameters.items() if k not in STATISTICS})
        for partition in table.partitions().values()
    ]
    with table.metastore() as metastore:
        metastore.alter_partitions(table.kept.table.hive_table, bare)


def test_what_analyze_writes_back_over_a_swap_is_mended(clicks: NewClicks, spark: Any, spark_proxy: Proxy) -> None:
    table = clicks()
    loop = table.kept.loop()
    table.put(*THREE)
    table.kept.turn(loop)
    without_statistics(table)

    def publish() -> None:
        table.put(*CHANGES)
        table.kept.turn(loop)

    with over_a_swap(spark_proxy, publish) as written:
        spark.sql(f"analyze table {table.kept.hive_name} partition (day) compute statistics")
    assert written
    assert table.locations()["mon"] != committed(loop)["mon"], "nothing was put back: this proves nothing"
    repair(loop.env)
    assert table.rows() == CHANGED
    loop.env.metastore.close()


def committed(loop: Loop) -> dict[str, str]:
    return {values[0]: version.location for values, version in loop.env.state.records().state.live.items()}
