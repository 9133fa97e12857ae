"""The measured table as hotswap keeps it: a real metastore, the real protocol, rows that come decoded from memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.workload import DAYS, Batch, Numbers, Workload
from devservers.metastore import Metastore23
from loader.basics.beside import in_thread
from loader.datafiles.in_process import Temporary
from loader.datafiles.split_file import Rewriter, Tools, WriteSettings
from loader.publish.batch import Batch as Publishing
from loader.publish.batch import Work
from loader.publish.publish import publish
from loader.runtime.compactor import Compactor
from loader.sources.api import Poll
from loader.state.fences import Fences
from loader.state.key_index_files import KeyStore
from loader.state.layout import Layout
from loader.state.open_table import Environment, Identity
from loader.state.quarantine import RejectedRow
from loader.state.recently_published import Recently
from loader.state.records import State
from loader.storage.local import SYNCS_AT_ONCE, LocalFiles
from metastore.api import ORC, PARQUET, Column, Metastore, Table, TableName
from metastore.client import connect
from partitioner.changes.change_set import META, NOWHERE, Op
from partitioner.changes.hashing import hash_keys
from partitioner.history.kinds import Kind
from partitioner.history.position import Position
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from partitioner.values import PartitionValues

NAME = TableName("bench", "m")
KEYS = (Column("day", "string"),)
STORAGE = {"parquet": PARQUET, "orc": ORC}
DAY_VALUES: tuple[PartitionValues, ...] = tuple((day,) for day in DAYS)
TWO_FILES_A_DAY = PlanRules(SizingRules(bytes_per_file=3 << 20))
"""Workload M has files of 100,000 rows, a tenth of what the default size would make."""

ROWS_LOADED_AT_ONCE = 5_000_000

MakeRewriter = Callable[[Tools, Temporary], Rewriter]


@dataclass(frozen=True, slots=True)
class Decoded:
    """`ReadRows` that were read and decoded before the clock starts."""

    rows: pa.Table
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """A `RowReader` that has its answer."""

    decoded: Decoded

    def read(self, keys: pa.Array, at_ms: int) -> Decoded:
        return self.decoded


@dataclass(frozen=True, slots=True)
class Timed:
    """One batch: seconds from its start to its confirmed swap, and of every step."""

    seconds: float
    steps: dict[str, float]
    bytes_written: int
    files_written: int


@dataclass(slots=True)
class BenchTable:
    """One open table. `publish` runs the whole protocol, fence, lock and key index included."""

    env: Environment
    workload: Workload
    tools: Tools
    rewriter: Rewriter
    recently: Recently
    rules: PlanRules = TWO_FILES_A_DAY
    window: int = 0

    def load(self) -> None:
        """The first batches: every row, some partitions at a time."""
        workload = self.workload
        step = max(workload.partitions * ROWS_LOADED_AT_ONCE // workload.rows, 1)
        for first in range(0, workload.partitions, step):
            days = np.arange(first, min(first + step, workload.partitions))
            rows = np.arange(workload.rows, dtype=np.int64).reshape(-1, workload.partitions)
            self.publish(decoded_rows(workload, rows[:, days].reshape(-1)))

    def publish_batch(self, batch: Batch) -> Timed:
        return self.publish(decoded_batch(self.workload, batch))

    def publish(self, decoded: Decoded) -> Timed:
        """The clock runs from the batch's start until the swap is read back."""
        self.window += 1
        dirty = Poll(decoded.rows[":key"].combine_chunks(), Position("bench", self.window - 1, self.window, 0))
        work = Work(lambda: dirty, Ready(decoded), self.rewriter, self.rules, 2, self.recently)
        confirmed: list[float] = []

        def watch(_: Publishing, step: str) -> None:
            if step == "conclude":
                confirmed.append(time.perf_counter())

        started = time.perf_counter()
        done = publish(Publishing(self.env, Kind.BATCH, work), watch=watch)
        written = sum(result.file.bytes for result in done.results)
        Compactor(self.env).after_batch(
            self.env.state.records().state.index
        )  # as the loader does it beside its batches
        self.recently.refresh(self.env.state.records())
        return Timed(confirmed[0] - started, dict(done.seconds), written, len(done.results))

    def result(self) -> list[str]:
        """Globs of the files that the metastore says are live."""
        return list(self.places().values())

    def places(self) -> dict[str, str]:
        """The same by partition value."""
        fence = self.env.fences.own
        live = self.env.metastore.all_partitions(NAME)
        return {
            p.values[0]: f"{p.location.removeprefix('file:').replace('//', '', 1)}/*.{self.env.format}"
            for p in live
            if p.values != fence
        }


@contextmanager
def open_table(
    folder: Path,
    workload: Workload,
    make_rewriter: MakeRewriter,
    rules: PlanRules = TWO_FILES_A_DAY,
    files: LocalFiles | None = None,
    format: str = "parquet",
    settings: WriteSettings | None = None,
) -> Iterator[BenchTable]:
    """A new table below `folder` on a metastore of its own."""
    with Metastore23.start(folder / "metastore") as server:
        metastore = connect([server.uri])
        location = folder / "table"
        location.mkdir()
        metastore.create_database(NAME.database)
        columns = tuple(Column(name, kind) for name, kind in workload.columns)
        metastore.create_table(
            Table(NAME, columns, KEYS, f"file://{location}", STORAGE[format], parameters={"EXTERNAL": "TRUE"})
        )
        try:
            env = environment(metastore, location, columns, files or LocalFiles(parallel_syncs=SYNCS_AT_ONCE), format)
            tools = Tools(env.files, raw_keys, workload.columns, format, ("id",), settings=settings or WriteSettings())
            rewriter = make_rewriter(tools, env.layout.temporary)
            yield BenchTable(env, workload, tools, rewriter, Recently(env.files, env.layout), rules)
        finally:
            metastore.close()


def environment(
    metastore: Metastore, location: Path, columns: tuple[Column, ...], files: LocalFiles, format: str
) -> Environment:
    layout = Layout.of(f"file://{location}")
    state = State(files, layout)
    return Environment(
        table=NAME,
        partition_keys=KEYS,
        columns=tuple((column.name, column.type) for column in columns),
        format=format,
        storage=STORAGE[format],
        layout=layout,
        files=files,
        metastore=metastore,
        state=state,
        keystore=KeyStore(files, layout),
        fences=Fences(NAME, KEYS, columns, STORAGE[format], metastore, files, layout, state, "bench"),
        identity=Identity("bench", "bench", "localhost"),
        clock=lambda: time.time_ns() // 1_000_000,
        sleep=time.sleep,
        beside=in_thread,
    )


def raw_keys(batch: pa.RecordBatch, partition: PartitionValues) -> pa.Array:
    return batch.column("id").cast(pa.binary())


def decoded_batch(workload: Workload, batch: Batch) -> Decoded:
    """What reading the batch's keys and decoding them gives."""
    live = np.concatenate([batch.updates, batch.inserts])
    days, targets = np.unique(live % workload.partitions, return_inverse=True)
    upserts = _with_meta(workload, workload.rows_of(live, batch.revision), Op.UPSERT, targets)
    nowhere = np.full(len(batch.deletes), NOWHERE)
    deletes = _without_images(workload, _with_meta(workload, workload.rows_of(batch.deletes, 0), Op.DELETE, nowhere))
    rows = pa.concat_tables([upserts, deletes]).sort_by(":key").combine_chunks()
    return Decoded(rows, _values(workload, days))


def decoded_rows(workload: Workload, numbers: Numbers) -> Decoded:
    """Rows of revision 0, as a first load reads them."""
    days, targets = np.unique(numbers % workload.partitions, return_inverse=True)
    rows = _with_meta(workload, workload.rows_of(numbers, 0), Op.UPSERT, targets)
    return Decoded(rows, _values(workload, days))


def _values(workload: Workload, days: Numbers) -> tuple[PartitionValues, ...]:
    named = workload.days
    return tuple((named[day],) for day in days)


def _with_meta(workload: Workload, rows: pa.Table, op: Op, target: Numbers) -> pa.Table:
    keys, columns = rows["id"].cast(pa.binary()), dict(workload.columns)
    meta = {
        ":key": keys,
        ":hash": hash_keys(keys),
        ":op": pa.array(np.full(len(rows), int(op), np.int8)),
        ":version": pa.array(np.full(len(rows), time.time_ns() // 1_000_000)),
        ":target": pa.array(target.astype(np.int32)),
    }
    names = [name for name in META.names if name != ":origin"]
    return pa.table([meta[name] for name in names] + [rows[name] for name in columns], [*names, *columns])


def _without_images(workload: Workload, rows: pa.Table) -> pa.Table:
    nulls = {name: pa.nulls(len(rows), rows[name].type) for name, _ in workload.columns}
    return pa.table({name: nulls.get(name, rows[name]) for name in rows.column_names})
