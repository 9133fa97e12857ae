"""Batches on Hive 4.0.1 with PostgreSQL, read by HiveServer2: what it shows before, while and after a table moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.hiveserver2 import HiveMetastore40, HiveServer2
from loader.ops.recover.stale_writes import repair
from tests.contract.proxy import Proxy
from tests.integration.clicks import Clicks, hotswap, new_clicks
from tests.integration.hive_types import ROWS, SELECT, SETTINGS, Row, as_shown, for_orc
from tests.integration.oracle.kept import Kept, fresh_name, keep
from tests.integration.stale import over_a_swap
from tests.world import Row as Click

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


@pytest.fixture
def table(hbase: HBase, hive_metastore: HiveMetastore40, tmp_path: Path) -> Iterator[Clicks]:
    made = new_clicks(hbase, hive_metastore.uri, tmp_path, max_delete_share="100%")
    made.kept.initialise()
    yield made
    made.kept.drop()
    made.drop_source()


@pytest.fixture
def cursor(hive: HiveServer2) -> Iterator[Any]:
    with hive.connect() as opened:
        yield opened


def shown(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def clicks_of(cursor: Any, table: Clicks) -> dict[str, Click]:
    """Every row as HiveServer2 shows it; a key twice fails."""
    rows = shown(cursor, f"select id, day, clicks from {table.kept.hive_name}")
    assert len({key for key, _, _ in rows}) == len(rows)
    return {key: (day, clicks) for key, day, clicks in rows}


def load(kept: Kept) -> None:
    loop = kept.loop()
    kept.turn(loop)
    loop.env.metastore.close()


def run(kept: Kept) -> None:
    """By the verb, so with all that a loader does to rows."""
    done = hotswap(kept, "run", kept.hive_name, "--once")
    assert done.code == 0, done.err


# Every type


class Types:
    """The table of all types."""

    def __init__(self, kept: Kept, hbase: Any) -> None:
        self.kept, self.hbase = kept, hbase

    def put(self, rows: Mapping[str, Row]) -> None:
        clicks = Clicks(self.kept, self.hbase)
        clicks.put_cells({row.key: {name.encode(): cell for name, cell in row.cells.items()} for row in rows.values()})
        tags = {
            row.key: {name.encode(): str(number).encode() for name, number in row.tags.items()} for row in rows.values()
        }
        clicks.put_cells({key: cells for key, cells in tags.items() if cells}, family=b"m")

    def wrong(self, cursor: Any, rows: Mapping[str, Row]) -> list[object]:
        """What HiveServer2 shows otherwise than it should, vectorized or not."""
        found: list[object] = []
        for vectorized in ("true", "false"):
            cursor.execute(f"set hive.vectorized.execution.enabled={vectorized}")
            seen = {row[0]: as_shown(row) for row in shown(cursor, f"select {SELECT} from {self.kept.hive_name}")}
            found += [key for key in seen.keys() ^ rows.keys()]
            found += [(a, b) for row in rows.values() for a, b in zip(seen[row.key], row.shown, strict=True) if a != b]
        return found


FILES = {
    "parquet, int96": {"timestamps": "int96"},
    "parquet, int64": {"timestamps": "int64"},
    "parquet, sorted": {"sort_by": "[wide, s]"},
    "orc": {"format": "orc"},
}


@pytest.fixture(params=FILES.values(), ids=FILES.keys())
def types(
    request: pytest.FixtureRequest, hbase: HBase, hive_metastore: HiveMetastore40, tmp_path: Path
) -> Iterator[Types]:
    name = fresh_name("types")
    hbase.create_table(name, ["d", "m"])
    kept = keep(tmp_path, hbase.thrift, hive_metastore.uri, name, f"default.{name}", SETTINGS, **request.param)
    kept.initialise()
    yield Types(kept, hbase)
    kept.drop()
    hbase.drop(name)


def test_hiveserver2_reads_every_type_after_a_swap_a_rollback_and_a_resume(types: Types, cursor: Any) -> None:
    rows = {row.key: for_orc(row) if types.kept.table.format == "orc" else row for row in ROWS}
    types.put(rows)
    run(types.kept)
    assert types.wrong(cursor, rows) == []
    turned = {"extreme": rows["extreme"], "empty": _as(rows["ordinary"], "empty")}
    types.put(turned)
    run(types.kept)
    assert types.wrong(cursor, rows | turned) == []
    first = str(types.kept.service().history(99)[-1].batch)
    assert hotswap(types.kept, "rollback", types.kept.hive_name, "--to", first, "--yes").code == 0
    assert types.wrong(cursor, rows) == []
    assert hotswap(types.kept, "resume", types.kept.hive_name, "--yes").code == 0
    run(types.kept)
    assert types.wrong(cursor, rows | turned) == []


def _as(row: Row, key: str) -> Row:
    return Row(key, row.cells, row.tags, (key, *row.shown[1:]))


# While a table moves

BEFORE = {f"k{number}": (("mon", "tue", "wed", "thu")[number % 4], number) for number in range(40)}
AFTER = {key: (("tue", "wed", "thu", "fri")[clicks % 4], clicks + 1000) for key, (_, clicks) in BEFORE.items()}


def put_all(table: Clicks, rows: Mapping[str, Click]) -> None:
    table.put(*((key, day, clicks) for key, (day, clicks) in rows.items()))


def test_a_running_query_finishes_on_the_old_rows_and_the_next_sees_the_new(table: Clicks, cursor: Any) -> None:
    """Each row takes 100 ms, and two partitions are read at a time: the others are opened after the swap."""
    put_all(table, BEFORE)
    load(table.kept)
    slowly = "java_method('java.lang.Thread', 'sleep', cast(100 + length(id) - length(id) as bigint))"
    query = f"select count({slowly}), count(*), sum(clicks), count(distinct day) from {table.kept.hive_name}"
    cursor.execute_async(query)
    put_all(table, AFTER)
    load(table.kept)
    assert cursor.is_executing()
    assert cursor.fetchall()[0][1:] == _told(BEFORE)
    assert shown(cursor, query)[0][1:] == _told(AFTER)


def _told(rows: Mapping[str, Click]) -> tuple[int, int, int]:
    return len(rows), sum(clicks for _, clicks in rows.values()), len({day for day, _ in rows.values()})


# Stale write-backs

STATEMENTS = (
    "analyze table {} partition (day) compute statistics",
    "analyze table {} partition (day) compute statistics for columns",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_hiveserver2_writes_back_over_a_swap_is_mended(
    table: Clicks, cursor: Any, hive_proxy: Proxy, statement: str
) -> None:
    put_all(table, BEFORE)
    loop = table.kept.loop()
    table.kept.turn(loop)

    def publish() -> None:
        put_all(table, AFTER)
        table.kept.turn(loop)

    with over_a_swap(hive_proxy, publish) as written:
        cursor.execute(statement.format(table.kept.hive_name))
    assert written
    stale = shown(cursor, f"select id from {table.kept.hive_name}")
    assert len(stale) > len(AFTER), "nothing was put back, or a key that moved is not there twice: this proves nothing"
    repair(loop.env)
    assert clicks_of(cursor, table) == AFTER
    assert loop.env.state.records().unsettled == ()
    loop.env.metastore.close()


def test_a_column_that_is_added_with_cascade_is_null_in_every_row_and_moves_nothing(table: Clicks, cursor: Any) -> None:
    put_all(table, BEFORE)
    load(table.kept)
    cursor.execute(f"alter table {table.kept.hive_name} add columns (extra int) cascade")
    assert clicks_of(cursor, table) == BEFORE
    assert shown(cursor, f"select distinct extra from {table.kept.hive_name}") == [(None,)]
