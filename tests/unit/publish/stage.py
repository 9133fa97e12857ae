"""A small loaded table, a metastore that can be struck at any of its calls, and what must hold after a bad batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from loader.publish.batch import Batch
from loader.state.open_table import Environment
from loader.storage.effects import Tap
from loader.storage.local import local_path
from metastore.api import Metastore
from metastore.fence import is_fence
from metastore.memory import InMemoryMetastore
from partitioner.values import same_location
from tests.world import KEYS, TABLE, Row, Source, create_table, expected, open_world, run_batch, visible

DAYS = ("mon", "tue", "wed")
LOCK_TIMEOUT_S = 300.0

OnCall = Callable[[int, str, tuple[Any, ...]], None]
"""A call's number, name and arguments, before it is sent."""


def ignore(number: int, name: str, arguments: tuple[Any, ...]) -> None:
    pass


@dataclass
class Watched:
    """A metastore as a client holds it; `on_call` is told of each call before it is sent."""

    inner: Metastore
    on_call: OnCall
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            self.on_call(len(self.calls) - 1, name, arguments)
            return member(*arguments, **named)

        return call


@dataclass
class Stage:
    """A table of nine rows over three days, loaded by the run `first`."""

    folder: Path
    fence: bool = True
    now: list[float] = field(default_factory=lambda: [0.0])
    source: Source = field(default_factory=Source)
    opened: int = 0

    def __post_init__(self) -> None:
        self.store = InMemoryMetastore("2.3.10", lambda: self.now[0], LOCK_TIMEOUT_S)
        create_table(self.store, self.folder)
        for number in range(9):
            self.source.put(f"k{number}", DAYS[number % 3], number)
        self.first = self.open("first")
        run_batch(self.first, self.source)

    def open(self, run: str, metastore: object = None, tap: Tap | None = None) -> Environment:
        self.opened += 1
        store = cast(Metastore, metastore or self.store)
        return open_world(store, self.folder, run, tap, self.fence, clock=1_000_000 * (self.opened + 1))

    def watched(self, run: str, on_call: OnCall) -> tuple[Environment, Watched]:
        client = Watched(self.store, on_call)
        return self.open(run, client), client

    def change(self) -> None:
        """An update, an insert, a delete, a move either way, a new partition."""
        self.source.put("k0", "mon", 100)
        self.source.put("new", "tue", 101)
        self.source.delete("k2")
        self.source.put("k1", "mon", 102)
        self.source.put("k3", "fri", 103)

    def again(self) -> None:
        """Every key is read again, as a window that was not settled is."""
        self.source.dirty |= set(self.source.rows) | {b"k2"}

    def run(self, env: Environment | None = None) -> Batch:
        return run_batch(env or self.open(f"run{self.opened}"), self.source)

    def later(self) -> None:
        """Time passes on the server until every lock of a silent holder has expired."""
        self.now[0] += LOCK_TIMEOUT_S + 1

    def visible(self) -> dict[str, Row]:
        return visible(self.store)

    def expected(self) -> dict[str, Row]:
        return expected(self.source)

    def fences(self) -> set[tuple[str, ...]]:
        return {values for values in self.store.partition_names(TABLE) if is_fence(KEYS, values)}

    def days(self) -> set[str]:
        return {values[0] for values in self.store.partition_names(TABLE)} - {fence[0] for fence in self.fences()}

    def is_whole(self, env: Environment) -> str | None:
        """None if the table equals its source and its history its partitions; else what is wrong, for a message."""
        records = env.state.records()
        live = {p.values: p.location for p in self.store.all_partitions(TABLE) if not is_fence(KEYS, p.values)}
        astray = [v for v, version in records.state.live.items() if not same_location(live[v], version.location)]
        wrong = {
            "rows": {} if self.visible() == self.expected() else self.visible(),
            "unsettled": [attempt.intent.batch for attempt in records.unsettled],
            "astray": astray,
            "strangers": [v for v, place in live.items() if v not in records.state.live and not is_empty(place)],
            "fences": sorted(self.fences() - {env.fences.own}),
        }
        found = {name: what for name, what in wrong.items() if what}
        return str(found) if found else None


def is_empty(location: str) -> bool:
    """Where an attempt added a partition before a swap that never came; nobody drops it, the next batch may use it."""
    return location.endswith("-empty") and pq.read_table(local_path(location)).num_rows == 0
