"""A whole table in one process: a source that is a dict, the in-memory metastore, real files, the real protocol."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Rewriter, Tools
from loader.mapping.rejected import Rejected
from loader.publish.batch import Batch, Work
from loader.publish.publish import publish
from loader.sources.api import Poll
from loader.state.fences import Fences
from loader.state.key_index_files import KeyStore
from loader.state.layout import Layout
from loader.state.open_table import Environment, Identity
from loader.state.recently_published import Recently
from loader.state.records import State
from loader.storage.effects import Tap, tapped_files, tapped_metastore
from loader.storage.files import Files, join
from loader.storage.local import LocalFiles
from metastore.api import PARQUET, Column, Metastore, Table, TableName
from partitioner.changes.change_set import NOWHERE, Op
from partitioner.history.kinds import Kind
from partitioner.history.position import Position
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from partitioner.values import PartitionValues

TABLE = TableName("ads", "clicks")
KEYS = (Column("day", "string"),)
COLUMNS = (("id", "string"), ("clicks", "bigint"))

CELLS = ((b"d", b"clicks", 1, b"what"),)

Row = tuple[str, int]
"""day, clicks."""


@dataclass
class Source:
    """What HBase is to the loader: rows as they are now, and which keys changed since they were last asked for."""

    rows: dict[bytes, Row] = field(default_factory=dict)
    dirty: set[bytes] = field(default_factory=set)
    low: int = 0
    bad: set[bytes] = field(default_factory=set)  # rows that cannot be decoded
    clock: int = 0

    def put(self, key: str, day: str, clicks: int) -> None:
        self.rows[key.encode()] = (day, clicks)
        self.dirty.add(key.encode())

    def delete(self, key: str) -> None:
        self.rows.pop(key.encode(), None)
        self.dirty.add(key.encode())

    def scan(self) -> Poll:
        self.clock += 1
        position = Position("dict", self.clock - 1, self.clock, self.low)
        return Poll(pa.array(sorted(self.dirty), pa.binary()), position)

    def read(self, keys: pa.Array, at_ms: int) -> "Image":
        wanted = [key for key in keys.to_pylist() if key not in self.bad]
        rejected = tuple(Rejected(key, "bad", CELLS, "clicks") for key in keys.to_pylist() if key in self.bad)
        days = sorted({self.rows[key][0] for key in wanted if key in self.rows})
        return Image(self._table(wanted, days), tuple((day,) for day in days), rejected)

    def _table(self, wanted: list[bytes], days: list[str]) -> pa.Table:
        rows = [self.rows.get(key) for key in wanted]
        return pa.table(
            {
                ":key": pa.array(wanted, pa.binary()),
                ":hash": pa.array([zlib.crc32(key) for key in wanted], pa.uint32()),
                ":op": pa.array([Op.UPSERT if row else Op.DELETE for row in rows], pa.int8()),
                ":version": pa.array([self.clock] * len(wanted), pa.int64()),
                ":target": pa.array([days.index(row[0]) if row else NOWHERE for row in rows], pa.int32()),
                "id": pa.array(
                    [key.decode() if row else None for key, row in zip(wanted, rows, strict=True)], pa.string()
                ),
                "clicks": pa.array([row[1] if row else None for row in rows], pa.int64()),
            }
        )


@dataclass(frozen=True)
class Image:
    rows: pa.Table
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[Rejected, ...] = ()


def raw_keys(batch: pa.RecordBatch, partition: PartitionValues) -> pa.Array:
    return batch.column("id").cast(pa.binary())


def location_of(place: Path | str) -> str:
    """A path or a whole location, as a location."""
    return place if isinstance(place, str) else f"file://{place}"


def create_table(metastore: Metastore, location: Path | str) -> None:
    columns = tuple(Column(name, kind) for name, kind in COLUMNS)
    if not metastore.database_exists(TABLE.database):
        metastore.create_database(TABLE.database)
    parameters = {"EXTERNAL": "TRUE"}
    metastore.create_table(Table(TABLE, columns, KEYS, location_of(location), PARQUET, parameters=parameters))


def open_world(
    metastore: Metastore,
    location: Path | str,
    run: str,
    tap: Tap | None = None,
    fence: bool = True,
    clock: int = 1_000_000,
    files: Files | None = None,
) -> Environment:
    """One loader run over the table. With a `tap` every effect passes it. `files`: None: local ones, never synced."""
    ticks = iter(range(clock, clock + 1_000_000))
    plain = files or LocalFiles(fsync=lambda handle: None)  # a killed process loses nothing that it wrote
    files = tapped_files(plain, tap) if tap else plain
    metastore = tapped_metastore(metastore, tap) if tap else metastore
    layout = Layout.of(location_of(location))
    state = State(files, layout)
    columns = tuple(Column(name, kind) for name, kind in COLUMNS)
    fences = Fences(TABLE, KEYS, columns, PARQUET, metastore, files, layout, state, run, fence)
    return Environment(
        table=TABLE,
        partition_keys=KEYS,
        columns=COLUMNS,
        format="parquet",
        storage=PARQUET,
        layout=layout,
        files=files,
        metastore=metastore,
        state=state,
        keystore=KeyStore(files, layout),
        fences=fences,
        identity=Identity(run, "tester", "localhost"),
        clock=lambda: next(ticks),
        sleep=lambda seconds: None,
        lock_wait=5.0,
    )


def run_batch(
    env: Environment,
    source: Source,
    rows_per_file: int = 8,
    rewriter: Callable[[Rewriter], Rewriter] = lambda it: it,
    max_delete_share: float = 1.0,
    partitions_per_swap: int | None = None,
) -> Batch:
    """One batch of everything that is dirty in `source`; `rewriter` may wrap what carries its plan out."""
    rules = PlanRules(sizing=SizingRules(rows_before_measured=rows_per_file))
    tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
    local = rewriter(LocalRewriter(tools, env.layout.temporary))
    recently = Recently(env.files, env.layout)
    work = Work(source.scan, source, local, rules, parallelism=2, recently=recently, max_delete_share=max_delete_share)
    work = replace(work, partitions_per_swap=partitions_per_swap)
    batch = publish(Batch(env, Kind.BATCH, work))
    source.dirty.clear()
    return batch


def visible(metastore: Metastore, files: Files | None = None) -> dict[str, Row]:
    """Every row as a reader of the Hive table sees it. A key that is seen twice fails."""
    files, seen = files or LocalFiles(), dict[str, Row]()
    for partition in metastore.all_partitions(TABLE):
        for path in data_files(files, partition.location):
            with files.open_input(path) as stream:
                rows = pq.ParquetFile(stream).read().to_pylist()
            for row in rows:
                assert row["id"] not in seen, f"{row['id']} is visible twice: {seen[row['id']]} and in {path}"
                seen[row["id"]] = (partition.values[0], row["clicks"])
    return seen


def data_files(files: Files, location: str) -> list[str]:
    """What a reader takes for data there; nothing if there is no such folder."""
    try:
        return [join(location, entry.name) for entry in files.list(location) if entry.name[:1] not in "_."]
    except FileNotFoundError:
        return []


def expected(source: Source) -> dict[str, Row]:
    return {key.decode(): row for key, row in source.rows.items()}


def fill(source: Source, rows: Iterable[tuple[str, str, int]]) -> None:
    for key, day, clicks in rows:
        source.put(key, day, clicks)


def counted(rows: Mapping[str, Row]) -> dict[str, int]:
    """Rows by day, for messages that a person can read."""
    days: dict[str, int] = {}
    for day, _ in rows.values():
        days[day] = days.get(day, 0) + 1
    return days
