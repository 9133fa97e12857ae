"""SIGKILL before and after every effect of a batch; restart; settle; the table must equal its source."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loader.effects import Tap
from metastore.api import Metastore
from metastore.fence import is_fence
from partitioner.hashing import hash_keys
from tests.crash.points import Count, KillAt, Served, in_child, serve
from tests.world import KEYS, TABLE, Source, create_table, expected, open_world, run_batch, visible

CHUNKS = 6


def before() -> Source:
    """Four days; `gone` has one row, which the batch deletes."""
    source = Source()
    for number in range(40):
        source.put(f"k{number:03d}", ("mon", "tue", "wed", "thu")[number % 4], number)
    source.put("last", "gone", 1)
    return source


def after(source: Source) -> Source:
    """Updates, inserts, deletes, moves both ways, a new partition and an emptied one."""
    for number in range(0, 40, 5):
        source.put(f"k{number:03d}", ("mon", "tue", "wed", "thu")[number % 4], -number)
    source.put("new1", "mon", 7)
    source.put("new2", "fri", 8)
    source.put("k002", "fri", 9)
    source.put("k003", "mon", 10)
    source.delete("k001")
    source.delete("last")
    source.delete("never was")
    return source


@dataclass(frozen=True)
class Table:
    folder: Path
    served: Served

    def first_batch(self) -> Source:
        store = self.served.connect()
        create_table(store, self.folder)
        source = before()
        run_batch(open_world(store, self.folder, "base"), source)
        return source

    def second_batch(self, tap: Tap) -> None:
        source = after(self.first_batch())
        run_batch(open_world(self.served.connect(), self.folder, "killed", tap, clock=2_000_000), source)

    def restarted(self) -> dict[str, object]:
        """What a reader sees after the crash, and then what the next run makes of it."""
        store = self.served.connect()
        at_once = visible(store)
        source = after(before())
        env = open_world(store, self.folder, "restarted", clock=3_000_000)
        run_batch(env, source)
        records = env.state.records()
        keys = [key.encode() for key in expected(source)]
        return {
            "at once": at_once,
            "then": visible(store),
            "unsettled": len(records.unsettled),
            "strange fences": fences(store) - set(env.fences.own or ()),
            "partitions": {partition.values[0] for partition in store.all_partitions(TABLE)} - fences(store),
            "index": index_of(env, keys),
        }


def fences(store: Metastore) -> set[str]:
    return {values[0] for values in store.partition_names(TABLE) if is_fence(KEYS, values)}


def index_of(env: object, keys: list[bytes]) -> dict[str, str]:
    array = pa.array(keys, pa.binary())
    segments = env.state.records().state.index  # type: ignore[attr-defined]
    names = env.keystore.look_up(segments, np.asarray(hash_keys(array)), array)  # type: ignore[attr-defined]
    return {key.decode(): name for key, name in zip(keys, names.to_pylist(), strict=True)}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    for served in serve():
        yield Table(tmp_path / "clicks", served)


def effects_of_a_batch(table: Table) -> list[str]:
    def counted() -> list[str]:
        tap = Count()
        table.second_batch(tap)
        return tap.effects

    effects: list[str] = in_child(counted)
    return effects


def survives(table: Table, point: int, side: str) -> None:
    in_child(lambda: table.second_batch(KillAt(point, side)))
    table.served.later(10_000)  # the dead loader's lock expires
    seen = in_child(table.restarted)
    was, now = expected(before()), expected(after(before()))
    assert seen["at once"] in (was, now), "readers saw a state between two batches"
    assert seen["then"] == now
    assert seen["unsettled"] == 0
    assert not seen["strange fences"]
    assert seen["partitions"] == {"mon", "tue", "wed", "thu", "fri", "gone"}
    assert seen["index"] == {key: f"day={row[0]}" for key, row in now.items()}


def test_a_batch_without_a_crash_makes_the_table_equal_its_source(table: Table) -> None:
    effects = effects_of_a_batch(table)
    assert in_child(lambda: visible(table.served.connect())) == expected(after(before()))
    assert {"create", "publish", "link", "add_partitions", "alter_partitions", "lock", "unlock"} <= set(effects)


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many effects the batch has."""
    for served in serve():
        count = len(effects_of_a_batch(Table(tmp_path_factory.mktemp("counted") / "clicks", served)))
    return count


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_loader_killed_at_any_effect_leaves_a_whole_batch_or_none(
    tmp_path: Path, points: int, chunk: int, side: str
) -> None:
    for point in range(chunk, points, CHUNKS):
        for served in serve():
            survives(Table(tmp_path / f"{side}-{point}", served), point, side)
