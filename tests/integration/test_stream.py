"""The streaming source in real Spark tasks finds what the scan in this process finds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.basics.errors import SourceError, Unavailable
from loader.sources.hbase.access.where import THRIFT, Where
from loader.sources.hbase.dirty_keys import DirtyKeys, dirty_keys_from_rows
from loader.sources.hbase.idle_check import LONGEST_MS
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.spark_stream import HBaseStream, StreamSettings, WindowReader
from loader.sources.hbase.thrift2.client import Endpoint, TColumnValue, Thrift2, TPut
from loader.sources.hbase.thrift2.idl import TDelete
from loader.sources.hbase.windows import WindowRules
from partitioner.history.position import Position
from tests.hbase_ways import both_ways, client_of, where
from tests.integration.positions import settle

NOBODY = Where(THRIFT, ("127.0.0.1:1",))
RULES = WindowRules(lag_ms=0, overlap_ms=10, deep_overlap_ms=100, deep_every_ms=1000)
TABLE = "streamed"


@pytest.fixture
def client(hbase: HBase) -> Iterator[Thrift2]:
    hbase.create_table(TABLE, ["d"], splits=[b"g", b"p"])
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        put(client, b"a", b"h", b"z")
        yield client
    hbase.drop(TABLE)


def put(client: Thrift2, *keys: bytes, timestamp: int = 500) -> None:
    cell = [TColumnValue(family=b"d", qualifier=b"q", value=b"v")]
    client.put_multiple(TABLE, [TPut(row=key, columnValues=cell, timestamp=timestamp) for key in keys])


def settings(hbase: HBase | Where, state: Path, way: str = THRIFT, **changed: Any) -> StreamSettings:
    asked = hbase if isinstance(hbase, Where) else where(hbase, way)
    given = {"hbase": asked, "table": TABLE, "families": (b"d",), "rules": RULES, "patience": 5.0} | changed
    return StreamSettings(position="tests.integration.positions:settled", state=str(state), **given)


def run_once(spark: Any, source: StreamSettings, folder: Path) -> list[DirtyKeys]:
    found: list[DirtyKeys] = []
    spark.dataSource.register(HBaseStream)
    frame = spark.readStream.format("hotswap_hbase").options(**source.options()).load()
    writer = frame.writeStream.foreachBatch(lambda batch, _: found.append(dirty_keys_from_rows(batch.toArrow())))
    query = writer.option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start()
    query.awaitTermination()
    return found


@both_ways
def test_tasks_find_what_one_process_finds(spark: Any, hbase: HBase, client: Thrift2, tmp_path: Path, way: str) -> None:
    (found,) = run_once(spark, settings(hbase, tmp_path / "none", way), tmp_path)
    alone = scan_window(lambda: client_of(hbase, way), TABLE, [b"d"], found.window)
    assert found.keys.to_pylist() == [b"a", b"h", b"z"]
    assert (found.keys, found.marks, found.unmarked) == (alone.keys, alone.marks, alone.unmarked)


def test_a_lost_checkpoint_loses_nothing_and_repeats_nothing(
    spark: Any, hbase: HBase, client: Thrift2, tmp_path: Path
) -> None:
    settle(tmp_path / "state", Position("s", 0, 1000, 900))
    put(client, b"new", timestamp=995)
    (found,) = run_once(spark, settings(hbase, tmp_path / "state"), tmp_path)
    assert found.keys.to_pylist() == [b"new"]


# The reader's calls, as Spark makes them


def reader(hbase: HBase | Where, state: Path, now: Callable[[], int] = lambda: 2000, **changed: Any) -> WindowReader:
    return WindowReader(settings(hbase, state, **changed), now)


def test_settings_survive_sparks_options(hbase: HBase, tmp_path: Path) -> None:
    source = settings(hbase, tmp_path, families=(b"d", b"\xff,"))
    assert StreamSettings.from_options(source.options()) == source


def test_a_window_has_one_part_a_region(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    parts = reader(hbase, tmp_path / "none").partitions({"end_ms": 0}, {"end_ms": 1000})
    assert [(part.part.start, part.part.stop) for part in parts] == [(b"", b"g"), (b"g", b"p"), (b"p", b"")]


def test_regions_are_packed_with_their_neighbours(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    parts = reader(hbase, tmp_path / "none", tasks=2).partitions({"end_ms": 0}, {"end_ms": 1000})
    assert [(part.part.start, part.part.stop) for part in parts] == [(b"", b"g"), (b"g", b"")]


@both_ways
def test_windows_reach_back_as_far_as_the_servers_clocks_are_behind(
    hbase: HBase, client: Thrift2, tmp_path: Path, way: str
) -> None:
    settle(tmp_path / "state", Position("s", 0, 700, 600))
    ahead = time.time_ns() // 1_000_000 + 5_000
    source = reader(hbase, tmp_path / "state", now=lambda: ahead, way=way, clock_table=TABLE)
    offset = source.latestOffset({"end_ms": 0}, None)
    assert 0 < offset["behind_ms"] <= 5_000
    part, *_ = source.partitions({"end_ms": 0}, {"end_ms": 1000, "behind_ms": 50})
    assert (part.window.start_ms, part.window.low_ms) == (640, 600)


def test_what_comes_after_the_trigger_is_left_to_the_next(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    """Trigger availableNow ends when the offset stays."""
    clock = [2000]
    source = reader(hbase, tmp_path, now=lambda: clock[0])
    source.prepareForTriggerAvailableNow()
    clock[0] = 9000
    first = source.latestOffset({"end_ms": 7}, None)
    assert first["end_ms"] == 2000
    assert source.latestOffset(first, None) == first


def test_available_now_does_not_end_well_while_hbase_is_away(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        reader(NOBODY, tmp_path, patience=0.1).prepareForTriggerAvailableNow()


def test_the_start_is_the_tables_and_not_the_checkpoints(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    settle(tmp_path / "state", Position("s", 0, 700, 600))
    part, *_ = reader(hbase, tmp_path / "state").partitions({"end_ms": 0}, {"end_ms": 1000})
    assert (part.window.start_ms, part.window.end_ms) == (690, 1000)


def test_a_replay_of_a_settled_batch_has_nothing_but_its_marker(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    settle(tmp_path / "state", Position("s", 0, 1000, 900))
    source = reader(hbase, tmp_path / "state")
    (part,) = source.partitions({"end_ms": 0}, {"end_ms": 1000})
    assert [row["end_ms"] for batch in source.read(part) for row in batch.to_pylist()] == [1000]


def test_no_batch_is_made_while_hbase_is_away(tmp_path: Path) -> None:
    away = reader(NOBODY, tmp_path)
    assert away.latestOffset({"end_ms": 7}, None) == {"end_ms": 7}


def test_an_absence_is_a_line_on_stderr_and_not_one_a_poll(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    away = reader(NOBODY, tmp_path)
    for _ in range(3):
        away.latestOffset({"end_ms": 7}, None)
    assert capfd.readouterr().err.count("127.0.0.1") == 2  # the message names it twice


def test_an_offset_never_goes_back(hbase: HBase, tmp_path: Path) -> None:
    assert reader(hbase, tmp_path, now=lambda: 5).latestOffset({"end_ms": 7}, None) == {"end_ms": 7}


def test_a_table_that_is_gone_ends_the_planning(hbase: HBase, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no table 'gone'"):
        reader(hbase, tmp_path / "none", table="gone").partitions({"end_ms": 0}, {"end_ms": 1000})


# A table that stands still


def standing(hbase: HBase, state: Path, clock: list[int]) -> tuple[WindowReader, dict[str, int]]:
    """A reader that has planned its first batch, whose window ended at 1000; and the offset of that."""
    source = reader(hbase, state, now=lambda: clock[0], rules=replace(RULES, deep_every_ms=60_000))
    offset = source.latestOffset({"end_ms": 0}, None)
    settle(state, Position("s", 0, 1000, 900))
    source.partitions({"end_ms": 0}, offset)
    clock[0] += 100
    return source, offset


def test_a_poll_of_a_still_table_makes_no_batch(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    source, offset = standing(hbase, tmp_path / "state", [1000])
    assert source.latestOffset(offset, None) == offset


def test_a_put_makes_a_batch_at_the_next_poll(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    source, offset = standing(hbase, tmp_path / "state", [1000])
    put(client, b"z", timestamp=1050)
    assert source.latestOffset(offset, None)["end_ms"] == 1100


def test_a_delete_makes_a_batch_at_the_next_poll(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    source, offset = standing(hbase, tmp_path / "state", [1000])
    client.delete(TABLE, TDelete(row=b"z", timestamp=1050))
    assert source.latestOffset(offset, None)["end_ms"] == 1100


def test_a_still_table_has_a_batch_now_and_then(hbase: HBase, client: Thrift2, tmp_path: Path) -> None:
    clock = [1000]
    source, offset = standing(hbase, tmp_path / "state", clock)
    clock[0] = 1000 + LONGEST_MS
    assert source.latestOffset(offset, None)["end_ms"] == 1000 + LONGEST_MS
