"""A table, two loaders, and everything that may happen to them, against a page of model (page.py).

After every step readers must see what the last committed attempt says, or what one says whose outcome is not known
yet; and nothing else.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from loader.errors import Damage, ForeignChange, HotswapError, StorageError, from_foreign
from loader.publish.batch import Batch, DirtyKeys, Work
from loader.publish.clean import clean
from loader.publish.empties import DROP_STEPS
from loader.publish.environment import Environment
from loader.publish.publish import publish
from loader.publish.recently import Recently
from loader.publish.repair import repair
from loader.publish.rollback import RESUME_STEPS, Goal, hold_steps, plan_of, planned_steps, resume_steps
from loader.publish.steps import STEPS, Step
from loader.rewrite import Tools
from loader.rewrite_local import LocalRewriter
from loader.service import TableService
from loader.state import Records
from metastore.api import Partition
from metastore.errors import MetastoreError
from metastore.memory import Fault, InMemoryMetastore
from partitioner.manifest import Kind
from partitioner.plan import PlanRules
from partitioner.retention import Keep, RetentionRules
from partitioner.sizing import SizingRules
from partitioner.values import PartitionValues
from tests.model.mortal import Died, Mortal
from tests.model.page import Asked, Days, Page, Read
from tests.unit.publish.stage import LOCK_TIMEOUT_S, Watched
from tests.world import COLUMNS, TABLE, Image, Row, Source, create_table, expected, open_world, raw_keys, visible

KEYS = st.sampled_from([f"k{number}" for number in range(7)])
DAYS = st.sampled_from(["mon", "tue", "wed", "thu"])
PARTS = st.sampled_from([None, {"mon"}, {"tue"}, {"wed"}, {"thu"}, {"mon", "tue"}, {"wed", "thu"}]).map(
    lambda days: None if days is None else frozenset(days)
)
MOVES = st.lists(st.tuples(KEYS, DAYS), min_size=3, max_size=6)
PER_SWAP = st.sampled_from([None, 2, 3])
"""What one metastore call takes: the fence, and one or two partitions."""
LOADERS = st.sampled_from([0, 1])
CHANGING = ("lock", "add_partitions", "alter_partitions", "drop_partition", "unlock")
POINTS = st.sampled_from(
    [
        *[("alter_partitions", 0)] * 5,
        ("drop_partitions", 0),
        *[(name, 0) for name in ("lock", "add_partitions", "drop_partition", "unlock")],
        *[("create", n) for n in range(4)],
        *[("partitions", n) for n in range(5)],
    ]
)
"""Where a loader dies or sleeps: at the so-manieth call of a name; `create` is a state object."""

GRACELESS = RetentionRules(0, (Keep(0, 2_000),))


@dataclass
class Noting:
    """The source as one batch sees it: notes when it was scanned, and what was read.

    `restless`: puts between the scan and the reading, and right after it: who reads again gets another answer.
    """

    machine: "TableMachine"
    restless: tuple[tuple[str, str], ...] = ()
    scanned: int = 0
    seen: dict[str, Row | None] | None = None

    def scan(self) -> DirtyKeys:
        self.scanned = self.machine.tick
        return self.machine.source.scan()

    def read(self, keys: pa.Array, at_ms: int) -> Image:
        for key, day in self.restless:
            self.machine.put(key, day)
        rows = self.machine.source.rows
        self.seen = {key.decode(): rows.get(key) for key in keys.to_pylist()}
        image = self.machine.source.read(keys, at_ms)
        for key, day in self.restless:
            self.machine.put(key, day)
        return image


class Aging(Source):
    """Its low watermark follows its windows: what is old enough may be forgotten."""

    def scan(self) -> DirtyKeys:
        found = super().scan()
        assert found.span is not None
        return replace(found, span=replace(found.span, low=max(0, found.span.end - 2)))


@dataclass
class LoaderRun:
    env: Environment
    mortal: Mortal


class TableMachine(RuleBasedStateMachine):
    stale = Bundle("stale")

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(prefix="hotswap-model-")
        self.folder = Path(self.place.name) / "clicks"
        self.now = [0.0]
        self.store = InMemoryMetastore("2.3.10", lambda: self.now[0], LOCK_TIMEOUT_S)
        create_table(self.store, self.folder)
        self.source = Aging()
        self.reads: dict[int, Read] = {}
        self.asked: dict[int, Asked] = {}
        self.known: dict[int, Page] = {}  # by batch, also of those that were folded since
        self.faults: dict[str, list[Fault]] = {}
        self.written_back = self.moved = self.collected = False
        self.tick = 0
        self.put_at: dict[bytes, int] = {}
        self.opened = 0

    def teardown(self) -> None:
        self.place.cleanup()

    @initialize()
    def load(self) -> None:
        self.runs = [self._open(), self._open()]
        for number in range(7):
            self.put(f"k{number}", ("mon", "tue", "wed")[number % 3])
        self.batch(0)

    # ---- the source

    @rule(key=KEYS, day=DAYS)
    def put(self, key: str, day: str) -> None:
        self.tick += 1
        self.put_at[key.encode()] = self.tick
        self.source.put(key, day, self.tick)

    @rule(moves=MOVES)
    def put_many(self, moves: list[tuple[str, str]]) -> None:
        for key, day in moves:
            self.put(key, day)

    @rule(which=LOADERS, moves=MOVES, swaps=st.integers(1, 4))
    def batch_in_several_swaps(self, which: int, moves: list[tuple[str, str]], swaps: int) -> None:
        """One partition a call, but for those that keys move between. Not all of them may come to pass."""
        self.put_many(moves)
        for _ in range(swaps):
            self.batch(which, 2)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.tick += 1
        self.put_at[key.encode()] = self.tick
        self.source.delete(key)

    # ---- loaders

    @rule(which=LOADERS, per_swap=PER_SWAP)
    def batch(self, which: int, per_swap: int | None = None) -> None:
        """One that ends well shows the source, whatever happened before: but for what is held, or left by a cut."""
        if self._publish(which, Kind.BATCH, STEPS, per_swap=per_swap):
            self._shows_the_source()

    @rule(which=LOADERS, first=st.tuples(KEYS, DAYS), second=st.tuples(KEYS, DAYS))
    def batch_over_a_restless_source(self, which: int, first: tuple[str, str], second: tuple[str, str]) -> None:
        """What is read again answers otherwise: all of a batch must follow from one reading."""
        self._publish(which, Kind.BATCH, STEPS, restless=(first, second))

    def _shows_the_source(self) -> None:
        page, records = self.page(), self.records()
        if self.written_back or None in page.held or records.state.is_owed:
            return
        source = expected(self.source)
        shown = visible(self.store)
        behind = {key for key in shown.keys() | source.keys() if shown.get(key) != source.get(key)}
        assert {key for key in behind if not page.is_behind(key, source.get(key))} == set()

    @rule(which=LOADERS, at=POINTS, after_it=st.booleans(), expire=st.booleans(), per_swap=PER_SWAP)
    def batch_that_dies(
        self, which: int, at: tuple[str, int], after_it: bool, expire: bool, per_swap: int | None
    ) -> None:
        self._dying(which, at, after_it, Kind.BATCH, STEPS, per_swap=per_swap)
        if expire:
            self.locks_expire()

    @rule(which=LOADERS, key=KEYS, day=DAYS, fault=st.sampled_from(list(Fault)), read=st.booleans())
    def batch_whose_swap_fails(self, which: int, key: str, day: str, fault: Fault, read: bool) -> None:
        self.put(key, day)
        self.faults["alter_partitions"] = [fault]
        if not read:
            self.faults["drop_partition"] = [Fault.UNREACHABLE] * 2
        self.batch(which)

    @rule(which=LOADERS, at=POINTS, keys=st.tuples(KEYS, KEYS), day=DAYS)
    def batch_that_sleeps(self, which: int, at: tuple[str, int], keys: tuple[str, str], day: str) -> None:
        """Past its lock's life, while the other loader publishes something newer."""
        mortal = self.runs[which].mortal

        def meanwhile() -> None:
            self.locks_expire()
            self.put(keys[1], day)
            self.batch(1 - which)

        self.put(keys[0], day)
        mortal.at, mortal.passed, mortal.meanwhile = at, 0, meanwhile
        self._publish(which, Kind.BATCH, STEPS)
        mortal.at = mortal.meanwhile = None

    @rule(which=LOADERS, back=st.integers(1, 4), days=PARTS)
    def roll_back(self, which: int, back: int, days: Days | None) -> None:
        asked = self._rollback(back, days)
        if asked is not None:
            self._publish(which, Kind.ROLLBACK, rollback_of(asked), asked)

    @rule(which=LOADERS, back=st.integers(1, 4), days=PARTS, at=POINTS, after_it=st.booleans())
    def roll_back_and_die(self, which: int, back: int, days: Days | None, at: tuple[str, int], after_it: bool) -> None:
        asked = self._rollback(back, days)
        if asked is not None:
            self._dying(which, at, after_it, Kind.ROLLBACK, rollback_of(asked), asked)

    @rule(which=LOADERS, days=PARTS)
    def hold(self, which: int, days: Days | None) -> None:
        self._publish(which, Kind.HOLD, hold_steps(partitions_of(days)), Asked("hold", days))

    @precondition(lambda self: self.records().state.holds)
    @rule(which=LOADERS, days=PARTS)
    def resume(self, which: int, days: Days | None) -> None:
        """Of what is not held it is refused."""
        self._publish(which, Kind.RESUME, resume_steps(partitions_of(days)), Asked("resume", days))

    @precondition(lambda self: self.records().state.holds)
    @rule(which=LOADERS, at=POINTS)
    def resume_and_die(self, which: int, at: tuple[str, int]) -> None:
        self._dying(which, at, False, Kind.RESUME, resume_steps(), Asked("resume"))

    @rule(which=LOADERS)
    def restart(self, which: int) -> None:
        self.runs[which] = self._open()

    @rule(which=LOADERS)
    def recover(self, which: int) -> None:
        def verb() -> None:
            TableService(self.runs[which].env).recover()
            self.written_back = False

        self._allowed_to_fail(verb)

    @rule(which=LOADERS)
    def mend(self, which: int) -> None:
        def verb() -> None:
            repair(self.runs[which].env)
            self.written_back = False

        self._allowed_to_fail(verb)

    @rule(which=LOADERS)
    def collect_old(self, which: int) -> None:
        self.collected = True
        self._allowed_to_fail(lambda: clean(self.runs[which].env, GRACELESS, fold_at_least=3))

    @rule(which=LOADERS)
    def drop_empties(self, which: int) -> None:
        self._publish(which, Kind.DROP, DROP_STEPS)

    @rule(which=LOADERS, day=DAYS, fault=st.sampled_from(list(Fault)))
    def drop_empties_badly(self, which: int, day: str, fault: Fault) -> None:
        """After a day was emptied; the drop may land whenever it is."""
        for key, row in list(self.source.rows.items()):
            if row[0] == day:
                self.delete(key.decode())
        self.batch(which)
        self.faults["drop_partitions"] = [fault]
        self._publish(which, Kind.DROP, DROP_STEPS)

    @rule(which=LOADERS, at=POINTS, after_it=st.booleans())
    def drop_empties_and_die(self, which: int, at: tuple[str, int], after_it: bool) -> None:
        self._dying(which, at, after_it, Kind.DROP, DROP_STEPS)

    # ---- the metastore, and others who write to it

    @rule(
        call=st.sampled_from([name for name in CHANGING if name != "alter_partitions"]),
        fault=st.sampled_from(list(Fault)),
    )
    def fault(self, call: str, fault: Fault) -> None:
        self.faults.setdefault(call, []).append(fault)

    @rule()
    def unreadable_once(self) -> None:
        self.faults.setdefault("partitions", []).append(Fault.UNREACHABLE)

    @rule()
    def land(self) -> None:
        self.store.land_held()

    @rule()
    def locks_expire(self) -> None:
        self.now[0] += LOCK_TIMEOUT_S + 1

    @rule(target=stale, days=st.sets(DAYS, min_size=1))
    def analysis(self, days: set[str]) -> tuple[Partition, ...]:
        return self.analyze_begins(days)

    def analyze_begins(self, days: set[str]) -> tuple[Partition, ...]:
        return self.store.partitions(TABLE, [(day,) for day in sorted(days)])

    @rule(read=stale)
    def analysis_ends(self, read: tuple[Partition, ...]) -> None:
        self.analyze_ends(read)

    def analyze_ends(self, read: tuple[Partition, ...]) -> None:
        self.written_back = True
        with suppress(MetastoreError):
            self.store.alter_partitions(TABLE, read)

    @rule(which=LOADERS, days=st.sets(DAYS, min_size=1), key=KEYS, day=DAYS)
    def analyze_over_a_batch(self, which: int, days: set[str], key: str, day: str) -> None:
        read = self.analyze_begins(days)
        self.put(key, day)
        self.batch(which)
        self.analyze_ends(read)

    @precondition(lambda self: not self.written_back and not self.records().state.holds)
    @rule(day=DAYS, key=KEYS)
    def somebody_moves_a_partition(self, day: str, key: str) -> None:
        """A batch over it must refuse, and leave it; then it is put back."""
        found = self.store.partitions(TABLE, [(day,)])
        if not found:
            return
        self.store.alter_partitions(TABLE, [replace(found[0], location="file:/elsewhere")])
        self.moved = True
        self.put(key, day)
        assert not self._publish(0, Kind.BATCH, STEPS)
        self.moved = False
        [left] = self.store.partitions(TABLE, [(day,)])
        assert left.location == "file:/elsewhere"
        self.store.alter_partitions(TABLE, [replace(left, location=found[0].location)])

    # ---- what must hold

    @invariant()
    def readers_see_one_batch(self) -> None:
        pages = self.pages(self.records())
        if self.written_back or not self.reads:
            return
        assert visible(self.store) in [page.rows for page in (*pages.unsettled, pages.last)]

    @rule()
    def all_comes_right(self) -> None:
        """After whatever it was: two quiet runs, and the table is its source."""
        self.store.land_held()
        self.faults.clear()
        self.now[0] += LOCK_TIMEOUT_S + 1
        run = self._open()
        TableService(run.env).recover()
        self.written_back = False
        self.runs[0] = run
        if run.env.state.records().state.holds:
            assert self._publish(0, Kind.RESUME, RESUME_STEPS, Asked("resume"))
        assert self._publish(0, Kind.BATCH, STEPS) or run.env.state.records().unsettled == ()
        assert visible(self.store) == expected(self.source)
        self.store.land_held()
        assert visible(self.store) == expected(self.source)

    # ---- how it is done

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
                left = batch.left.to_pylist() if batch.left is not None else []
                self.reads[batch.intent.batch] = Read(noting.seen, frozenset(key.decode() for key in left))
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
        pages, unsettled, last = self.known, [], Page({})
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


def partitions_of(days: Days | None) -> tuple[PartitionValues, ...] | None:
    return None if days is None else tuple((day,) for day in sorted(days))


def rollback_of(asked: Asked) -> tuple[Step, ...]:
    """Planned under the lock, as the command with --yes does it."""
    goal = Goal(asked.target or 0, partitions_of(asked.days))
    return planned_steps(lambda env, records: plan_of(env, records, goal))
