"""A table of events in one process: a log in memory, the in-memory metastore, real files, the real protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.mapping.rejected import Rejected
from loader.publish.batch import Batch, Work
from loader.publish.publish import Watch, no_watch, publish
from loader.sources.api import MESSAGES, Log, LogGap, Part, Stretch
from loader.sources.log_source import LogReader, LogSource
from loader.sources.rows import ReadRows
from loader.state.open_table import Environment
from partitioner.changes.change_set import Op
from partitioner.history.kinds import Kind
from partitioner.history.position import Position
from partitioner.merge.rules import APPEND
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.world import COLUMNS, Row, open_world, raw_keys


@dataclass(frozen=True)
class Span:
    """Events `[start, end)` of one part of a `MemoryLog`."""

    part: str
    start: int
    end: int

    @property
    def events(self) -> int:
        return self.end - self.start


@dataclass
class MemoryLog(Log):
    """Parts of values, in the order in which they were appended. What lies before `first` has expired."""

    parts: dict[str, list[bytes]] = field(default_factory=lambda: {"p0": [], "p1": []})
    first: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "memory:events"

    def append(self, part: str, value: bytes) -> None:
        self.parts.setdefault(part, []).append(value)

    def poll(self, since: Position | None, most: int) -> Stretch | None:
        read: Mapping[str, int] = (since.value or {}) if since else {}
        spans, left, more = [], most, False
        for part, values in sorted(self.parts.items()):
            start = read.get(part, 0)
            if start < self.first.get(part, 0) or start > len(values):
                raise LogGap(f"{self.name} has no event {start} of {part} any more")
            end = min(len(values), start + left)
            more = more or end < len(values)
            left -= end - start
            spans += [Span(part, start, end)] if end > start else []
        if not spans:
            return None
        ends = {**read, **{span.part: span.end for span in spans}}
        count = sum(ends.values())
        position = Position(self.name, sum(read.values()), count, count, ends)
        return Stretch(position, tuple(spans), sum(span.events for span in spans), more)

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        assert isinstance(part, Span)
        if part.start < self.first.get(part.part, 0):
            raise LogGap(f"{self.name} has no event {part.start} of {part.part} any more")
        for start in range(part.start, part.end, 3):
            places = range(start, min(start + 3, part.end))
            values = [self.parts[part.part][place] for place in places]
            columns: list[Any] = [
                pa.DictionaryArray.from_arrays(pa.array([0] * len(values), pa.int32()), pa.array([part.part])),
                pa.array(list(places), pa.int64()),
                pa.array(list(places), pa.int64()),
                pa.nulls(len(values), pa.binary()),
                pa.array(values, pa.binary()),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=MESSAGES)

    def close(self) -> None:
        pass


def event(name: str, day: str, clicks: int) -> bytes:
    return f"{name},{day},{clicks}".encode()


def decode(messages: pa.Table) -> ReadRows:
    """`id,day,clicks`; what begins with a minus is filtered out, anything else is rejected."""
    good: list[tuple[str, str, int]] = []
    rejected = []
    for message in messages.to_pylist():
        if message[":value"].startswith(b"-"):
            continue
        name, _, rest = message[":value"].decode().partition(",")
        day, _, clicks = rest.partition(",")
        if clicks:
            good.append((name, day, int(clicks)))
        else:
            place = f"{message[':part']}@{message[':at']}".encode()
            rejected.append(Rejected(place, "bad", ((b"", b"", 0, message[":value"]),), "clicks"))
    days = sorted({day for _, day, _ in good})
    rows = pa.table(
        {
            ":key": pa.array([b""] * len(good), pa.binary()),
            ":hash": pa.array([0] * len(good), pa.uint32()),
            ":op": pa.array([Op.UPSERT] * len(good), pa.int8()),
            ":version": pa.array([0] * len(good), pa.int64()),
            ":target": pa.array([days.index(day) for _, day, _ in good], pa.int32()),
            "id": pa.array([name for name, _, _ in good], pa.string()),
            "clicks": pa.array([clicks for _, _, clicks in good], pa.int64()),
        }
    )
    return ReadRows(rows, tuple((day,) for day in days), tuple(rejected))


def rows_in(log: MemoryLog) -> dict[str, Row]:
    """What a table of all its events shows."""
    rows: dict[str, Row] = {}
    for values in log.parts.values():
        for value in values:
            name, *rest = value.decode().split(",")
            if len(rest) == 2:
                rows[name] = (rest[0], int(rest[1]))
    return rows


def opened_as_log(env: Environment) -> Environment:
    """The same as a table that rows are appended to."""
    return replace(env, rule=APPEND, keystore=None)


def open_log_world(*arguments: Any, **named: Any) -> Environment:
    return opened_as_log(open_world(*arguments, **named))


def source_of(env: Environment, log: MemoryLog, most: int = 1_000) -> LogSource:
    return LogSource(log, LogReader(log, decode), lambda: env.state.records().state.position, env.clock, most)


def log_work(env: Environment, source: LogSource, wanted: int = 8, per_swap: int | None = None) -> Work:
    rules = PlanRules(sizing=SizingRules(rows_before_measured=wanted))
    tools = Tools(env.files, raw_keys, COLUMNS, "parquet", rule=APPEND)
    rewriter = LocalRewriter(tools, env.layout.temporary)
    return Work(source.poll, source.reader, rewriter, rules, parallelism=2, partitions_per_swap=per_swap)


def run_log_batch(
    env: Environment, log: MemoryLog, watch: Watch = no_watch, most: int = 1_000, **options: Any
) -> Batch:
    """One batch of what the log has that the table has not."""
    return publish(Batch(env, Kind.BATCH, log_work(env, source_of(env, log, most), **options)), watch=watch)
