"""A small table of clicks by day on real servers, the command in this process, and what is live seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from loader.basics.errors import HotswapError, from_foreign
from loader.cli.main import main
from loader.cli.session import Loader, Session
from loader.publish.batch import Batch
from loader.sources.hbase.thrift2.client import Endpoint, Patience, TColumnValue, TDelete, Thrift2, TPut
from loader.storage.choose import files_of
from loader.wiring.table import open_metastore
from metastore.api import Column, Metastore, Partition
from metastore.fence import is_fence
from tests.hbase_ways import where
from tests.integration.oracle.kept import LAG_MS, Kept, fresh_name, keep
from tests.world import Row, data_files

SETTINGS = """\
columns: {id: string, clicks: bigint, day: string}
mapping: ":key,d:clicks#b,d:day"
partition_by: [day]
lag: 150ms
lock_wait: 1s"""


@dataclass(frozen=True)
class Result:
    """What a verb left: its exit code and both streams."""

    code: int
    out: str
    err: str


def hotswap(kept: Kept, verb: str, *arguments: str) -> Result:
    """The command as a person types it, in this process, not at a terminal, once all that was put is old enough."""
    time.sleep(LAG_MS / 1000 if verb == "run" else 0)
    out, err = StringIO(), StringIO()
    session = Session(Loader(), StringIO(), out, err, {})
    code = main([verb, *arguments, "--config", str(kept.config)], session)
    return Result(code, out.getvalue(), err.getvalue())


def failure_of(action: Callable[[], object]) -> HotswapError:
    """What the user is told when `action` fails."""
    try:
        action()
    except Exception as error:
        told = from_foreign(error)
        if told is None:
            raise
        return told
    raise AssertionError("it did not fail")


@dataclass
class Clicks:
    """`kept` as configured; puts and deletes go straight to HBase."""

    kept: Kept
    hbase: Any
    created: bool = True

    def drop_source(self) -> None:
        """The HBase table, if it was created."""
        if self.created:
            self.hbase.drop(self.kept.table.hbase_table)

    def put(self, *rows: tuple[str, str, int]) -> None:
        """(key, day, clicks)."""
        self.put_cells({key: {b"day": day.encode(), b"clicks": clicks.to_bytes(8, "big")} for key, day, clicks in rows})

    def put_cells(self, rows: Mapping[str, Mapping[bytes, bytes]], family: bytes = b"d") -> None:
        """Qualifier → bytes of one family, by key."""
        puts = [
            TPut(
                row=key.encode(),
                columnValues=[
                    TColumnValue(family=family, qualifier=name, value=value) for name, value in cells.items()
                ],
            )
            for key, cells in rows.items()
        ]
        with self.client() as client:
            client.put_multiple(self.kept.table.hbase_table, puts)

    def delete(self, *keys: str) -> None:
        with self.client() as client:
            client.delete_multiple(self.kept.table.hbase_table, [TDelete(row=key.encode()) for key in keys])

    def client(self) -> Thrift2:
        return Thrift2(Endpoint.parse(self.hbase.thrift), Patience(seconds=30))

    @contextmanager
    def metastore(self) -> Iterator[Metastore]:
        metastore = open_metastore(self.kept.settings)
        try:
            yield metastore
        finally:
            metastore.close()

    def partitions(self) -> dict[str, Partition]:
        """By day, the fence left out."""
        with self.metastore() as metastore:
            found = metastore.all_partitions(self.kept.table.hive_table)
        keys = (Column("day", "string"),)
        return {partition.values[0]: partition for partition in found if not is_fence(keys, partition.values)}

    def locations(self) -> dict[str, str]:
        """Everything that a reader could tell of a publish."""
        return {day: partition.location for day, partition in self.partitions().items()}

    def rows(self) -> dict[str, Row]:
        """Every row that the live locations hold. A key that is there twice fails."""
        seen: dict[str, Row] = {}
        for day, partition in self.partitions().items():
            files = files_of(partition.location)
            for path in data_files(files, partition.location):
                with files.open_input(path) as stream:
                    found = pq.ParquetFile(stream).read().to_pylist()
                for row in found:
                    assert row["id"] not in seen, f"{row['id']} is there twice: {seen[row['id']]} and in {path}"
                    seen[row["id"]] = (day, row["clicks"])
        return seen

    def unsettled(self) -> int:
        service = self.kept.service()
        try:
            return len(service.status().unsettled)
        finally:
            service.env.metastore.close()

    def move(self, day: str, location: str) -> None:
        """ALTER TABLE … PARTITION … SET LOCATION, as somebody else would."""
        partition = replace(self.partitions()[day], location=location)
        with self.metastore() as metastore:
            metastore.alter_partitions(self.kept.table.hive_table, [partition])


def new_clicks(hbase: Any, metastore: str, folder: Path, source: str | None = None, **options: str) -> Clicks:
    """Configured; `hotswap init` is the caller's. `source`: an HBase table; None: a new one is created.

    `way`: how HBase is read, else through Thrift2; `thrift`: another Thrift2 server.
    """
    name = fresh_name("clicks")
    if source is None:
        hbase.create_table(name, ["d"])
    asked = where(hbase, options.pop("way")) if "way" in options else options.pop("thrift", hbase.thrift)
    kept = keep(folder, asked, metastore, source or name, f"default.{name}", SETTINGS, **options)
    kept.patience = Patience(tries=2)
    return Clicks(kept, hbase, source is None)


NewClicks = Callable[..., Clicks]

# What most tests begin with, and what they come to

THREE = (("a", "mon", 1), ("b", "mon", 2), ("c", "tue", 3))


@dataclass
class At:
    """Does something before one step of a batch, once."""

    step: str
    action: Callable[[], object]
    done: bool = False

    def __call__(self, batch: Batch, step: str) -> None:
        if step == self.step and not self.done:
            self.done = True
            self.action()


CHANGES = (("a", "tue", 10), ("d", "wed", 4), ("b", "mon", 20))
CHANGED = {"a": ("tue", 10), "b": ("mon", 20), "c": ("tue", 3), "d": ("wed", 4)}


@dataclass
class Scene:
    """A table with a batch in it and changes waiting; what is seen before, and the next batch of a new loader."""

    table: Clicks
    before: Mapping[str, Any]

    @staticmethod
    def of(table: Clicks) -> Scene:
        before = table.rows()
        table.put(*CHANGES)
        return Scene(table, before)

    def unchanged(self) -> bool:
        return self.table.rows() == self.before

    def next_batch_is_right(self) -> bool:
        loop = self.table.kept.loop()
        self.table.kept.turn(loop)
        again = self.table.kept.turn(loop)
        loop.env.metastore.close()
        return self.table.rows() == CHANGED and again is None and self.table.unsettled() == 0


def by_another_line(clicks: Clicks, uri: str) -> Clicks:
    """The same table by another line."""
    settings = clicks.kept.settings
    moved = settings.model_copy(update={"metastore": settings.metastore.model_copy(update={"uris": (uri,)})})
    return replace(clicks, kept=replace(clicks.kept, settings=moved))


def unlock(clicks: Clicks) -> None:
    """As the server does when heartbeats have been missing for long."""
    with clicks.metastore() as metastore:
        for lock in metastore.locks(clicks.kept.table.hive_table):
            metastore.unlock(lock.id)


def fails(clicks: Clicks, code: int, named: str, hint: str, *arguments: str) -> None:
    result = hotswap(clicks.kept, *arguments)
    assert result.code == code, result.err
    message, _, told = result.err.partition("hint: ")
    assert named in message
    assert hint in told
