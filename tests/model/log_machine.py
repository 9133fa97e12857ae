"""The same machine over a table of events: a key is an event now, which is appended once and never changes.

The page of model knows which events each batch read. One that is read a second time, without a rollback between, is a
failure by itself; one that no batch reads is found when all comes right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypothesis.stateful import rule

from loader.publish.batch import Batch, Work
from loader.sources.api import Poll, Stretch
from loader.sources.rows import ReadRows
from loader.state.open_table import Environment
from tests.log_world import MemoryLog, event, log_work, opened_as_log, rows_in, source_of
from tests.model.batches import DAYS, KEYS
from tests.model.machine import TableMachine
from tests.model.page import Asked, Page, Read
from tests.model.table import LoaderRun, Noting
from tests.world import Row, Source


@dataclass
class Appended(Source):
    """The log as the machine puts to it: each put is an event of its own, and nothing is deleted."""

    log: MemoryLog = field(default_factory=MemoryLog)
    numbers: Any = field(default_factory=count)

    def put(self, key: str, day: str, clicks: int) -> None:
        number = next(self.numbers)
        self.log.append(f"p{number % 2}", event(f"{key}#{number}", day, clicks))
        self.rows = {name.encode(): row for name, row in rows_in(self.log).items()}

    def delete(self, key: str) -> None:
        """No event is ever taken back."""


@dataclass(frozen=True)
class LogPage(Page):
    """`waiting`: events that were read, and are put aside for a hold or by a cut."""

    waiting: Mapping[str, Row] = field(default_factory=dict)

    def after_batch(self, read: Read) -> "LogPage":
        assert not read.rows.keys() & (self.rows.keys() | self.waiting.keys()), "an event was read twice"
        there = {**self.waiting, **{name: row for name, row in read.rows.items() if row is not None}}
        stays = {name for name, row in there.items() if name in read.left or row[0] in self.held}
        free = {name: row for name, row in there.items() if name not in stays}
        return replace(self, rows={**self.rows, **free}, waiting={name: there[name] for name in stays})

    def after(self, asked: Asked, pages: Mapping[int, Page]) -> "LogPage":
        page = super().after(asked, pages)
        then = pages[asked.target] if asked.target is not None else self
        assert isinstance(page, LogPage)
        assert isinstance(then, LogPage)
        return replace(page, waiting=then.waiting)

    def is_behind(self, key: str, row: Row | None) -> bool:
        return key in self.waiting or super().is_behind(key, row)


class LogMachine(TableMachine):
    page_of_nothing: Page = LogPage({})

    def __init__(self) -> None:
        super().__init__()
        self.source: Appended = Appended()

    def _open(self) -> LoaderRun:
        run = super()._open()
        return replace(run, env=opened_as_log(run.env))

    def _work(self, env: Environment, noting: Noting, per_swap: int | None) -> Work:
        source = source_of(env, self.source.log)
        work = log_work(env, source, wanted=3, per_swap=per_swap)
        return replace(
            work, scan=lambda: self._noted_poll(noting, source.poll), reader=_NotedReader(self, noting, work)
        )

    def _noted_poll(self, noting: Noting, poll: Any) -> Poll:
        noting.scanned, noting.seen = self.tick, {}
        return poll()

    def _left_by(self, batch: Batch) -> frozenset[str]:
        left = batch.carried.left
        return frozenset(left.rows["id"].to_pylist()) if left is not None else frozenset()

    @rule(key=KEYS, day=DAYS)
    def bad_event(self, key: str, day: str) -> None:
        """It is read and rejected: it moves the position, and is never shown."""
        self.source.log.append("p0", f"{key} {day}".encode())


@dataclass
class _NotedReader:
    """Notes which events a batch read; while it reads, others are appended."""

    machine: LogMachine
    noting: Noting
    work: Work

    def events(self, stretch: Stretch) -> ReadRows:
        for key, day in self.noting.restless:
            self.machine.put_row(key, day)
        found = self.work.reader.events(stretch)  # type: ignore[union-attr]
        days = [found.partitions[target][0] for target in found.rows[":target"].to_pylist()]
        names, clicks = (found.rows[name].to_pylist() for name in ("id", "clicks"))
        self.noting.seen = {name: (day, number) for name, day, number in zip(names, days, clicks, strict=True)}
        return found
