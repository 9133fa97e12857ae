"""A loaded table on a real metastore, whose loaders reach it through a proxy that loses, delays and doubles calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loader.state.open_table import Environment
from metastore.client import Retries, ThriftMetastore, connect
from tests.contract.proxy import Proxy
from tests.world import TABLE, Row, Source, create_table, open_world, run_batch, visible

ALTER = "alter_partitions_with_environment_context"
DAYS = ("mon", "tue", "wed")


@dataclass
class Line:
    """A loaded table on a real metastore; loaders reach it through the proxy, or beside it."""

    server: Any
    proxy: Proxy
    beside: ThriftMetastore
    folder: Path
    fence: bool
    source: Source = field(default_factory=Source)
    opened: list[ThriftMetastore] = field(default_factory=list)

    def load(self) -> None:
        for number in range(9):
            self.source.put(f"k{number}", DAYS[number % 3], number)
        run_batch(self.open("base", self.beside), self.source)

    def open(self, run: str, metastore: ThriftMetastore | None = None) -> Environment:
        """A loader; without a metastore of its own it goes through the proxy."""
        store = metastore or connect([self.proxy.uri], timeout_s=20, retries=Retries(attempts=1))
        self.opened.append(store)
        clock = 1_000_000 * (len(self.opened) + 1)
        return open_world(store, self.folder, run, fence=self.fence, clock=clock)

    def change(self) -> None:
        self.source.put("k0", "tue", 100)
        self.source.delete("k2")
        self.source.put("new", "fri", 101)

    def publish(self, env: Environment) -> None:
        self.source.dirty |= set(self.source.rows) | {b"k2"}
        run_batch(env, self.source)

    def publish_newer(self, run: str) -> None:
        """Another loader publishes what this one could not, and more."""
        self.source.put("k0", "tue", 200)
        self.source.put("k1", "wed", 201)
        self.publish(self.open(run, self.beside))

    def let_its_lock_expire(self) -> None:
        for lock in self.beside.locks(TABLE):
            self.beside.unlock(lock.id)

    def visible(self) -> dict[str, Row]:
        return visible(self.beside)

    def close(self) -> None:
        for store in self.opened:
            store.close()
        self.proxy.close()


@contextmanager
def loaded_line(server: Any, folder: Path, fence: bool = True) -> Iterator[Line]:
    beside = connect([server.uri])
    create_table(beside, folder)
    line = Line(server, Proxy(server.uri), beside, folder, fence)
    try:
        line.load()
        yield line
    finally:
        beside.drop_table(TABLE)
        line.close()
