"""A first load from begin to end: sample, spool, split, index, publish. After a kill each goes on where it was.

Nothing is published before the end. Changes that come meanwhile are asked of the next batches, once a minute, so that
none is lost whose delete marker HBase removes before the stream starts; and the stream starts where this began.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from loader.basics.errors import Conflict
from loader.basics.moments import passed
from loader.datafiles.split_file import Tools, count_rows, write_rows
from loader.ops.bootstrap import spool
from loader.ops.bootstrap.attempt import FirstLoad, Prepared
from loader.ops.bootstrap.index import write_segment
from loader.ops.bootstrap.reading import Reading
from loader.ops.bootstrap.sample import Sample, take_sample
from loader.ops.reconcile.values import TableMapping
from loader.publish.batch import Batch
from loader.sources.hbase.key_ranges import Ranges
from loader.state import rereads
from loader.state.deleting import delete_tree
from loader.state.gaps import Debt, owe
from loader.state.objects import LARGE, HexText, create_object, read_object
from loader.state.open_table import Environment
from loader.storage.files import join
from loader.storage.whole_file import whole_file
from partitioner.arrow_types import arrow_schema
from partitioner.history.position import Position
from partitioner.merge.merge_split import MergeCounts
from partitioner.planning.plan import file_name
from partitioner.planning.sizing import SizingRules, first_split_count, rows_per_file
from partitioner.values import Bucket, DataFile, Estimate, PartitionValues

log = logging.getLogger(__name__)

PART_ROWS = 100_000
"""Rows of one spool file, and in the memory of one thread."""
WINDOW_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class BootstrapRules:
    """`sample_s`: the sample's deadline. `overlap_ms`: how long a put may stay invisible; `lag_ms` as of windows."""

    sizing: SizingRules
    threads: int = 2
    sample_s: float = 60.0
    lag_ms: int = 1_000
    overlap_ms: int = 310_000
    part_rows: int = PART_ROWS


@dataclass(frozen=True, slots=True)
class Begun:
    """What must be the same after a kill."""

    begun_ms: int
    digest: str
    ranges: tuple[tuple[HexText, HexText], ...]
    bytes_per_row: float | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was published. `sample` is None where a killed load went on."""

    batch: int
    attempt: str
    rows: int
    partitions: int
    files: int
    bytes: int
    rejected: int
    begun_ms: int
    sample: Sample | None


class Way(Protocol):
    """How what was prepared is published. `salt` goes into the digest of what may be gone on with after a kill."""

    @property
    def salt(self) -> str: ...
    def check(self, env: Environment) -> None: ...
    def is_over(self, env: Environment, begun_ms: int) -> bool: ...
    def publish(self, env: Environment, prepared: Prepared) -> Batch: ...


Told = Callable[[str, int, int, int], None]
"""Phase, done, of, rows."""


@dataclass(slots=True)
class Bootstrap:
    """One first load. `dirty(start_ms, end_ms)`: keys with a cell or marker of that time."""

    env: Environment
    ranges: Ranges
    mapping: TableMapping
    tools: Tools
    rules: BootstrapRules
    source: str
    dirty: Callable[[int, int], Sequence[bytes]]
    told: Told = lambda phase, done, of, rows: None
    shown: Callable[[Sample], None] = lambda sample: None
    way: Way = FirstLoad()  # noqa: RUF009 - frozen
    rows: int = 0
    window_ms: int | None = None
    done: int = 0
    of: int = 0
    _parts: dict[str, spool.Spooled] = field(default_factory=dict)

    def run(self) -> Loaded:
        """Raises Conflict if the table is loaded already, and what reading and publishing raise."""
        self.way.check(self.env)
        started = self.env.clock()
        try:
            return self._load()
        except FileNotFoundError as error:  # another one was first, and has cleared up
            self.way.check(self.env)
            if self.way.is_over(self.env, started):
                raise Conflict(f"another run has just published {self.env.table}", "There is nothing to do.") from error
            raise

    def _load(self) -> Loaded:
        begun, sample = self._begin()
        names = self._spool(begun)
        parts = {name: spool.load_part(self.env.files, self._at("spool"), name) for name in names}
        files = self._split(begun, parts)
        index = self._index(begun, parts)
        self._collect(begun, always=True)
        start = begun.begun_ms - self.rules.lag_ms
        position = Position(self.source, 0, start, max(0, start - self.rules.overlap_ms))
        rejected = [spool.rejected_of(row) for part in parts.values() for row in part.rejected]
        self.told("publishing", 0, 0, self.rows)
        self._owe(begun)  # before it is published: the debt of a load that then failed costs a comparison
        batch = self.way.publish(self.env, Prepared(files, index, rejected, position, begun.begun_ms))
        self._parts.clear()
        with suppress(FileNotFoundError):
            delete_tree(self.env.files, self.env.layout, self._at())
        return _loaded(batch, begun, len(rejected), sample)

    @property
    def digest(self) -> str:
        return f"{self.mapping.digest} {spool.VERSION}{self.way.salt}"

    def _at(self, *names: str) -> str:
        return join(self.env.layout.bootstrap, *names)

    # Begin

    def _begin(self) -> tuple[Begun, Sample | None]:
        found = self._found()
        if found is not None and found.digest == self.digest and not self.way.is_over(self.env, found.begun_ms):
            return found, None
        if found is not None:
            log.warning("%s: what an earlier load has left is of other rows: the load begins anew", self.env.table)
            delete_tree(self.env.files, self.env.layout, self._at())
        began = self.env.clock()
        sample = take_sample(self.ranges, self.rules.sample_s, lambda: (self.env.clock() - began) / 1000)
        self.shown(sample)
        ranges = tuple((start.hex(), stop.hex()) for start, stop in self.ranges.regions())
        per_row = sample.bytes_per_row.value if sample.bytes_per_row else None
        begun = Begun(began, self.digest, ranges, per_row)
        if not create_object(self.env.files, self._at("begun.json"), asdict(begun)):
            raise Conflict(f"another bootstrap of {self.env.table} has just begun", "Let one of them run.")
        return begun, sample

    def _found(self) -> Begun | None:
        try:
            return read_object(self.env.files, self._at("begun.json"), Begun, spool.LOAD_ANEW, LARGE)
        except FileNotFoundError:
            return None

    # Spool

    def _spool(self, begun: Begun) -> list[str]:
        """The names of all parts, in key order."""
        self.env.files.make_dirs(self._at("spool"))
        reading = Reading(
            self.env.files, self._at("spool"), self.env.identity.run, self.ranges, self.rules.part_rows, self._took
        )
        self.of = len(begun.ranges)
        with ThreadPoolExecutor(self.rules.threads) as pool:
            running = [pool.submit(reading.range, at, *map(bytes.fromhex, one)) for at, one in enumerate(begun.ranges)]
            try:
                names: list[str] = []
                for future in running:
                    self._wait_for(future, begun)
                    names += future.result()
                    self.done += 1
                    self.told("reading HBase", self.done, self.of, self.rows)
            finally:
                pool.shutdown(cancel_futures=True)
        return names

    def _took(self, part: spool.SpooledPart) -> None:
        self.rows += part.rows
        self.told("reading HBase", self.done, self.of, self.rows)

    def _wait_for(self, future: "Future[Any]", begun: Begun) -> None:
        """Until it has ended; meanwhile, what changes is asked for."""
        while not wait([future], WINDOW_EVERY_MS / 1000).done:
            self._collect(begun)
        self._collect(begun)

    def _collect(self, begun: Begun, always: bool = False) -> None:
        """Ask for what changes meanwhile, before HBase can forget it. A window that was read twice is harmless."""
        now = self.env.clock()
        since = self.window_ms if self.window_ms is not None else begun.begun_ms
        if not always and not passed(now, since, WINDOW_EVERY_MS):
            return
        end = now - self.rules.lag_ms
        keys = self.dirty(max(0, since - self.rules.lag_ms - self.rules.overlap_ms), end) if end > since else ()
        asker = rereads.Asker("bootstrap", self.env.identity.run, self.env.clock)
        rereads.ask(self.env.files, self.env.layout, keys, asker)
        self.window_ms = now

    # Split

    def _split(
        self, begun: Begun, parts: dict[str, spool.SpooledPart]
    ) -> dict[PartitionValues, tuple[str, tuple[DataFile, ...]]]:
        sizing = self.rules.sizing
        per_row = None if begun.bytes_per_row is None else Estimate(begun.bytes_per_row)
        target, totals = rows_per_file(per_row, sizing), spool.total_of(iter(parts.values()))
        work = [
            (values, Bucket(index, count))
            for values, rows in totals.items()
            for count in [first_split_count(Estimate(float(rows)), target, sizing)]
            for index in range(count)
        ]
        slices: dict[PartitionValues, list[tuple[str, spool.Slice]]] = {}
        for part in parts.values():
            for one in part.slices:
                slices.setdefault(one.partition, []).append((part.data, one))
        files: dict[PartitionValues, list[DataFile]] = {values: [] for values in totals}
        with ThreadPoolExecutor(self.rules.threads) as pool:
            running = [(values, pool.submit(self._file, values, bucket, slices[values])) for values, bucket in work]
            try:
                for done, (values, future) in enumerate(running, 1):
                    self._wait_for(future, begun)
                    files[values].append(future.result())
                    self.told("writing files", done, len(running), self.rows)
            finally:
                pool.shutdown(cancel_futures=True)
        return {values: (self._folder(values), tuple(found)) for values, found in files.items()}

    def _folder(self, values: PartitionValues) -> str:
        return self._at("files", self.env.name_of(values))

    def _file(self, values: PartitionValues, bucket: Bucket, slices: Sequence[tuple[str, spool.Slice]]) -> DataFile:
        """One split's file; one that is there was finished before a kill, or by another bootstrap of the same parts."""
        files, folder, name = self.env.files, self._folder(values), file_name(bucket, self.env.format)
        final = join(folder, name)
        if not files.exists(final):
            files.make_dirs(folder)
            temporary = self._at("writing", self.env.name_of(values), f"{name}.{self.env.identity.run}")
            with suppress(FileExistsError), whole_file(files, temporary, final) as stream:
                write_rows(stream, self._rows(bucket, slices), arrow_schema(self.env.columns), self.tools)
        size = next(entry.size for entry in files.list(folder) if entry.name == name)
        return DataFile(name, bucket, count_rows(files, final, self.env.format), size)

    def _rows(
        self, bucket: Bucket, slices: Sequence[tuple[str, spool.Slice]]
    ) -> Generator[pa.RecordBatch, None, MergeCounts]:
        rows, schema = 0, arrow_schema(self.env.columns)
        for name, one in slices:
            for batch in self._part(name).of_bucket(one, bucket):
                rows += len(batch)
                yield batch.drop_columns([spool.KEY, spool.PLACE]).cast(schema)
        return MergeCounts(0, rows, 0, 0, 0, 0)

    def _part(self, data: str) -> spool.Spooled:
        if data not in self._parts:
            self._parts[data] = spool.Spooled.open(self.env.files, self._at("spool", data))
        return self._parts[data]

    # The key index

    def _index(self, begun: Begun, parts: dict[str, spool.SpooledPart]) -> tuple[str, ...]:
        """One segment of all keys. It joins the others when it is published."""
        if self.mapping.partition_from_key:
            return ()
        name = f"bootstrap-{begun.begun_ms:013d}.arrow"
        if not self.env.files.exists(self._at(name)):
            self.told("indexing keys", 0, 0, self.rows)
            write_segment(self.env.files, self._at(name), self.env.identity.run, self._keys(parts))
        return (name,)

    def _keys(self, parts: dict[str, spool.SpooledPart]) -> Iterator[tuple[str, pa.ChunkedArray]]:
        for part in parts.values():
            for one in part.slices:
                keys = [batch[spool.KEY] for batch in self._part(part.data).batches(one)]
                yield self.env.name_of(one.partition), pa.chunked_array(keys)

    # Afterwards

    def _owe(self, begun: Begun) -> None:
        """What came and went between two looks is found by a comparison only."""
        now = self.env.clock()
        if not passed(now, begun.begun_ms, WINDOW_EVERY_MS):
            return
        reason = "rows may have been deleted, and their markers compacted away, while the table was loaded"
        owe(
            self.env.files,
            self.env.layout,
            Debt(f"bootstrap {begun.begun_ms}", reason, self.source, now, begun.begun_ms, now),
        )


def _loaded(batch: Batch, begun: Begun, rejected: int, sample: Sample | None) -> Loaded:
    versions = [move.new for move in batch.moves]
    return Loaded(
        batch.attempt.batch,
        batch.attempt.attempt,
        sum(version.rows for version in versions),
        len(versions),
        sum(len(version.files) for version in versions),
        sum(version.bytes for version in versions),
        rejected,
        begun.begun_ms,
        sample,
    )
