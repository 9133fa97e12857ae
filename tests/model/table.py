"""A table, its two loaders, and how anything is done to them; the rules of what is done stand elsewhere.

What each batch read and each operator asked for is kept for the page of model (page.py).
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from hypothesis.stateful import RuleBasedStateMachine

from loader.basics.errors import Damage, ForeignChange, HotswapError, StorageError, from_foreign
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.publish.batch import Batch, Work
from loader.publish.publish import publish
from loader.publish.steps import Step
from loader.sources.api import Poll
from loader.state.open_table import Environment
from loader.state.recently_published import Recently
from loader.state.records import Records
from metastore.errors import MetastoreError
from metastore.memory import Fault, InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.model.mortal import Died, Mortal
from tests.model.page import Asked, Days, Page, Read
from tests.unit.publish.stage import LOCK_TIMEOUT_S, Watched
from tests.world import COLUMNS, Image, Row, Source, create_table, open_world, raw_keys


@dataclass
class Noting:
    """The source as one batch sees it: notes when it was scanned, and what was read.

    `restless`: puts between the scan and the reading, and right after it: who reads again gets another answer.
    """

    machine: "Table"
    restless: tuple[tuple[str, str], ...] = ()
    scanned: int = 0
    seen: dict[str, Row | None] | None = None

    def scan(self) -> Poll:
        self.scanned = self.machine.tick
        return self.machine.source.scan()

    def read(self, keys: pa.Array, at_ms: int) -> Image:
        for key, day in self.restless:
            self.machine.put_row(key, day)
        rows = self.machine.source.rows
        self.seen = {key.decode(): rows.get(key) for key in keys.to_pylist()}
        image = self.machine.source.read(keys, at_ms)
        for key, day in self.restless:
            self.machine.put_row(key, day)
        return image


class Aging(Source):
    """Its low watermark follows its windows: what is old enough may be forgotten."""

    def scan(self) -> Poll:
        found = super().scan()
        assert found.position is not None
        return replace(found, position=replace(found.position, low_ms=max(0, found.position.read_ms - 2)))


@dataclass
class LoaderRun:
    env: Environment
    mortal: Mortal


class Table(RuleBasedStateMachine):
    page_of_nothing = Page({})

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(prefix="hotswap-model-")
        self.folder = Path(self.place.name) / "clicks"
        self.now = [0.0]
        self.store = InMemoryMetastore("2.3.10", lambda: self.now[0], LOCK_TIMEOUT_S)
        create_table(self.store, self.folder)
        self.source: Source = Aging()
        self.reads: dict[int, Read] = {}
        self.asked: dict[int, Asked] = {}
        self.known: dict[int, Page] = {}  # by batch, also of those that were folded since
        self.faults: dict[str, list[Fault]] = {}
        self.written_back = self.moved = self.collected = False
        self.tick = 0
        self.put_at: dict[bytes, int] = {}
        self.opened = 0
        self.runs: list[LoaderRun] = []

    def teardown(self) -> None:
        self.place.cleanup()

    def put_row(self, key: str, day: str) -> None:
        self.tick += 1
        self.put_at[key.encode()] = self.tick
        self.source.put(key, day, self.tick)

    def _open(self) -> LoaderRun:
        self.opened += 1
        mortal = Mortal(self.store, self.faults)
        client = cast(Any, Watched(self.store, mortal.on_call))
        env = open_world(client, self.folder, f"run{self.opened}", mortal, clock=1_000 + 1_000 * self.opened)
        return LoaderRun(replace(env, lock_wait=0.0), mortal)

    def _work(self, env: Environment, noting: Noting, per_swap: int | None) -> Work:
        rules = PlanRules(sizing=SizingRules(rows_before_measured=3))
        rewriter = LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary)
        recently = Recently(env.files, env.layout)
        work = Work(noting.scan, noting, rewriter, rules, parallelism=2, recently=recently)
        return replace(work, partitions_per_swap=per_swap)

    def _publish(
        self,
        which: int,
        kind: Kind,
        steps: tuple[Step, ...],
        asked: Asked | None = None,
        per_swap: int | None = None,
        restless: tuple[tuple[str, str], ...] = (),
    ) -> bool:
        """Whether it ended well."""
        env, noting = self.runs[which].env, Noting(self, restless)
        batch = Batch(env, kind, self._work(env, noting, per_swap) if kind is Kind.BATCH else None)

        def remember(batch: Batch, step: str) -> None:
            if batch.intent is None:
                return
            if noting.seen is not None:
                self.reads[batch.intent.batch] = Read(noting.seen, self._left_by(batch))
            if asked is not None:
                self.asked[batch.intent.batch] = asked

        try:
            done = self._allowed_to_fail(lambda: publish(batch, steps, remember))
        except Died:
            with suppress(Died):
                if batch.lock is not None:
                    batch.lock.release()  # ends its heartbeat; a dead process's unlock does not get through
            done = False
        remember(batch, "")
        if done and kind is Kind.BATCH:
            self.source.dirty = {key for key in self.source.dirty if self.put_at[key] > noting.scanned}
        return done

    def _left_by(self, batch: Batch) -> frozenset[str]:
        left = batch.carried.left.to_pylist() if batch.carried.left is not None else []
        return frozenset(key.decode() for key in left)

    def _dying(
        self,
        which: int,
        at: tuple[str, int],
        after_it: bool,
        kind: Kind,
        steps: tuple[Step, ...],
        asked: Asked | None = None,
        per_swap: int | None = None,
    ) -> None:
        mortal = self.runs[which].mortal
        mortal.at, mortal.after_it, mortal.passed = at, after_it, 0
        self._publish(which, kind, steps, asked, per_swap)
        mortal.dead = True
        self.runs[which] = self._open()

    def _rollback(self, back: int, days: Days | None) -> Asked | None:
        committed = [attempt.intent.batch for attempt in self.records().attempts if attempt.committed]
        return Asked("rollback", days, committed[-back]) if len(committed) >= back else None

    def _allowed_to_fail(self, action: Callable[[], object]) -> bool:
        """Every failure is one of ours, and none is damage."""
        try:
            action()
        except (MetastoreError, HotswapError) as error:
            known = from_foreign(error)
            assert known is not None
            assert not isinstance(known, Damage), known
            assert self.moved or not isinstance(known, ForeignChange), known
            assert self.collected or not isinstance(known, StorageError), known
            return False
        return True

    def records(self) -> Records:
        return self._open().env.state.records()

    def page(self) -> Page:
        return self.pages(self.records()).last

    def pages(self, records: Records) -> "Pages":
        """What the committed attempts add up to, and what each unsettled one would make of it."""
        pages, unsettled, last = self.known, [], self.page_of_nothing
        for attempt in records.attempts:
            number = attempt.intent.batch
            if attempt.folded is not None:
                last = pages[number]
                continue
            if attempt.ending is None or attempt.committed:
                page = self._after(last, number, pages)
            if attempt.ending is None:
                unsettled.append(page)
            elif attempt.committed:
                pages[number] = last = page
        return Pages(last, tuple(unsettled))

    def _after(self, last: Page, number: int, pages: Mapping[int, Page]) -> Page:
        if number in self.reads:
            return last.after_batch(self.reads[number])
        return last.after(self.asked[number], pages) if number in self.asked else last  # else a repair


@dataclass(frozen=True)
class Pages:
    last: Page
    unsettled: tuple[Page, ...]
