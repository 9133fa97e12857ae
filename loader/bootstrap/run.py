"""A first load from begin to end: sample, spool, split, index, publish. After a kill each goes on where it was.

Nothing is published before the end. Changes that come meanwhile are asked of the next batches, once a minute, so that
none is lost whose delete marker HBase removes before the stream starts; and the stream starts where this began.
"""

import json
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pyarrow as pa

from loader import asked
from loader.bootstrap import spool
from loader.bootstrap.index import write_segment
from loader.bootstrap.publish import Prepared, publish_bootstrap
from loader.bootstrap.sample import Sample, take_sample
from loader.debt import Debt, owe
from loader.errors import Conflict
from loader.files import join
from loader.publish.environment import Environment
from loader.reconcile.values import TableMapping
from loader.rewrite import Tools, count_rows, write_rows
from loader.sources.ranges import Block, Ranges
from partitioner.manifest import Span
from partitioner.merge import MergeCounts
from partitioner.plan import file_name
from partitioner.sizing import SizingRules, first_split_count, rows_per_file
from partitioner.types import arrow_schema
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
    ranges: tuple[tuple[str, str], ...]  # hex
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
    rows: int = 0
    window_ms: int | None = None
    _parts: dict[str, pa.Table] = field(default_factory=dict)

    def run(self) -> Loaded:
        """Raises Conflict if the table is loaded already, and what reading and publishing raise."""
        state = self.env.state.records().state
        if state.batch:
            raise Conflict(
                f"{self.env.table} is loaded already, up to batch {state.batch}",
                "Bootstrap is for a table's first load. `hotswap reconcile` finds what is missing.",
            )
        begun, sample = self._begin()
        names = self._spool(begun)
        parts = {name: spool.load_part(self.env.files, self._at("spool"), name) for name in names}
        files = self._split(begun, parts)
        index = self._index(begun, parts)
        self._collect(begun, always=True)
        start = begun.begun_ms - self.rules.lag_ms
        span = Span(self.source, 0, start, max(0, start - self.rules.overlap_ms))
        rejected = [spool.rejected_of(row) for part in parts.values() for row in part.rejected]
        self.told("publishing", 0, 0, self.rows)
        batch = publish_bootstrap(self.env, Prepared(files, index, rejected, span))
        self._owe(begun)
        self._parts.clear()
        with suppress(FileNotFoundError):
            self.env.files.delete_tree(self._at())
        versions = [move.new for move in batch.moves]
        return Loaded(
            batch.attempt.batch,
            batch.attempt.attempt,
            sum(version.rows for version in versions),
            len(versions),
            sum(len(version.files) for version in versions),
            sum(version.bytes for version in versions),
            len(rejected),
            begun.begun_ms,
            sample,
        )

    def _at(self, *names: str) -> str:
        return join(self.env.layout.bootstrap, *names)

    # Begin

    def _begin(self) -> tuple[Begun, Sample | None]:
        found = self._found()
        if found is not None and found.digest == self.mapping.digest:
            return found, None
        if found is not None:
            log.warning("%s: the mapping has changed: the load begins anew", self.env.table)
            self.env.files.delete_tree(self._at())
        began = self.env.clock()
        sample = take_sample(self.ranges, self.rules.sample_s, lambda: (self.env.clock() - began) / 1000)
        self.shown(sample)
        ranges = tuple((start.hex(), stop.hex()) for start, stop in self.ranges.regions())
        per_row = sample.bytes_per_row.value if sample.bytes_per_row else None
        begun = Begun(began, self.mapping.digest, ranges, per_row)
        plain = {"begun_ms": began, "digest": begun.digest, "ranges": ranges, "bytes_per_row": per_row}
        try:
            self.env.files.create(self._at("begun.json"), json.dumps(plain).encode())
        except FileExistsError:
            raise Conflict(f"another bootstrap of {self.env.table} has just begun", "Let one of them run.") from None
        return begun, sample

    def _found(self) -> Begun | None:
        try:
            plain = json.loads(self.env.files.read(self._at("begun.json")))
        except FileNotFoundError:
            return None
        ranges = tuple((start, stop) for start, stop in plain["ranges"])
        return Begun(plain["begun_ms"], plain["digest"], ranges, plain["bytes_per_row"])

    # Spool

    def _spool(self, begun: Begun) -> list[str]:
        """The names of all parts, in key order."""
        self.env.files.make_dirs(self._at("spool"))
        there = {entry.name for entry in self.env.files.list(self._at("spool"))}
        done = 0
        with ThreadPoolExecutor(self.rules.threads) as pool:
            running = [pool.submit(self._range, at, one, there) for at, one in enumerate(begun.ranges)]
            try:
                names: list[str] = []
                for future in running:
                    names += future.result()
                    done += 1
                    self.told("reading HBase", done, len(running), self.rows)
                    self._collect(begun)
            finally:
                pool.shutdown(cancel_futures=True)
        return names

    def _range(self, at: int, one: tuple[str, str], there: set[str]) -> list[str]:
        names: list[str] = []
        start, stop = bytes.fromhex(one[0]), bytes.fromhex(one[1])
        while (name := f"{at:06d}.{len(names):06d}") and f"{name}.json" in there:
            part = spool.load_part(self.env.files, self._at("spool"), name)
            names.append(name)
            self.rows += part.rows
            if part.upto is None:
                return names
            start = bytes.fromhex(part.upto) + b"\0"
        for blocks, upto in self._gathered(start, stop):
            names.append(f"{at:06d}.{len(names):06d}")
            part = spool.store_part(self.env.files, self._at("spool"), names[-1], blocks, upto)
            self.rows += part.rows
        return names

    def _gathered(self, start: bytes, stop: bytes) -> Iterator[tuple[list[Block], bytes | None]]:
        blocks: list[Block] = []
        for block in self.ranges.blocks(start, stop):
            blocks.append(block)
            if sum(len(one.keys) for one in blocks) >= self.rules.part_rows:
                yield blocks, block.last
                blocks = []
        yield blocks, None

    def _collect(self, begun: Begun, always: bool = False) -> None:
        """Ask for what changes meanwhile, before HBase can forget it. A window that was read twice is harmless."""
        now = self.env.clock()
        since = self.window_ms if self.window_ms is not None else begun.begun_ms
        if not always and now - since < WINDOW_EVERY_MS:
            return
        end = now - self.rules.lag_ms
        keys = self.dirty(max(0, since - self.rules.lag_ms - self.rules.overlap_ms), end) if end > since else ()
        asker = asked.Asker("bootstrap", self.env.identity.run, self.env.clock)
        asked.ask(self.env.files, self.env.layout, keys, asker)
        self.window_ms = now

    # Split

    def _split(
        self, begun: Begun, parts: dict[str, spool.Part]
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
        for name, part in parts.items():
            for one in part.slices:
                slices.setdefault(one.partition, []).append((name, one))
        files: dict[PartitionValues, list[DataFile]] = {values: [] for values in totals}
        with ThreadPoolExecutor(self.rules.threads) as pool:
            running = [(values, pool.submit(self._file, values, bucket, slices[values])) for values, bucket in work]
            try:
                for done, (values, future) in enumerate(running, 1):
                    files[values].append(future.result())
                    self.told("writing files", done, len(running), self.rows)
            finally:
                pool.shutdown(cancel_futures=True)
        return {values: (self._folder(values), tuple(found)) for values, found in files.items()}

    def _folder(self, values: PartitionValues) -> str:
        return self._at("files", self.env.name_of(values))

    def _file(self, values: PartitionValues, bucket: Bucket, slices: Sequence[tuple[str, spool.Slice]]) -> DataFile:
        """One split's file; one that is there was finished before a kill."""
        files, folder, name = self.env.files, self._folder(values), file_name(bucket, self.env.format)
        final = join(folder, name)
        if files.exists(final):
            size = next(entry.size for entry in files.list(folder) if entry.name == name)
            return DataFile(name, bucket, count_rows(files, final, self.env.format), size)
        files.make_dirs(folder)
        temporary = join(folder, f".{name}.writing")
        with files.open_output(temporary) as stream:
            counts = write_rows(stream, self._rows(bucket, slices), arrow_schema(self.env.columns), self.tools)
            size = stream.tell()
        files.publish(temporary, final)
        return DataFile(name, bucket, counts.after, size)

    def _rows(
        self, bucket: Bucket, slices: Sequence[tuple[str, spool.Slice]]
    ) -> Generator[pa.RecordBatch, None, MergeCounts]:
        rows, schema = 0, arrow_schema(self.env.columns)
        for name, one in slices:
            mine = spool.of_bucket(self._part(name), one, bucket).drop_columns([spool.KEY, spool.PLACE])
            for batch in mine.cast(schema).to_batches():
                rows += len(batch)
                yield batch
        return MergeCounts(0, rows, 0, 0, 0, 0)

    def _part(self, name: str) -> pa.Table:
        if name not in self._parts:
            self._parts[name] = spool.rows_of(self.env.files, self._at("spool"), name)
        return self._parts[name]

    # The key index

    def _index(self, begun: Begun, parts: dict[str, spool.Part]) -> tuple[str, ...]:
        """One segment of all keys. It joins the others when it is published."""
        if self.mapping.partition_from_key:
            return ()
        name = f"bootstrap-{begun.begun_ms:013d}.arrow"
        if not self.env.files.exists(self._at(name)):
            self.told("indexing keys", 0, 0, self.rows)
            write_segment(self.env.files, self._at(name), self._keys(parts))
        return (name,)

    def _keys(self, parts: dict[str, spool.Part]) -> Iterator[tuple[str, pa.ChunkedArray]]:
        for name, part in parts.items():
            for one in part.slices:
                yield self.env.name_of(one.partition), self._part(name)[spool.KEY].slice(one.start, one.rows)

    # Afterwards

    def _owe(self, begun: Begun) -> None:
        """What came and went between two looks is found by a comparison only."""
        now = self.env.clock()
        if now - begun.begun_ms < WINDOW_EVERY_MS:
            return
        reason = "rows may have been deleted, and their markers compacted away, while the table was loaded"
        owe(
            self.env.files,
            self.env.layout,
            Debt(f"bootstrap {begun.begun_ms}", reason, self.source, now, begun.begun_ms, now),
        )
