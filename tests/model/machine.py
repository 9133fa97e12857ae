"""A table, two loaders, and everything that may happen to them, against a page of model.

The model knows the source and, of every attempt, what the table holds once it is live. After every step readers must
see what the last committed attempt says, or what one says whose outcome is not known yet; and nothing else.
"""

import tempfile
from collections.abc import Callable
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
from loader.publish.environment import Environment
from loader.publish.publish import publish
from loader.publish.recently import Recently
from loader.publish.repair import repair
from loader.publish.rollback import RESUME_STEPS, rollback_steps
from loader.publish.steps import STEPS, Step
from loader.rewrite import Tools
from loader.rewrite_local import LocalRewriter
from loader.service import TableService
from loader.state import Records
from metastore.api import Partition
from metastore.errors import MetastoreError
from metastore.memory import Fault, InMemoryMetastore
from partitioner.history import Attempt
from partitioner.manifest import Kind
from partitioner.plan import PlanRules
from partitioner.retention import Keep, RetentionRules
from partitioner.rollback import plan_rollback
from partitioner.sizing import SizingRules
from tests.unit.publish.stage import LOCK_TIMEOUT_S, Watched
from tests.world import COLUMNS, TABLE, Image, Row, Source, create_table, expected, open_world, raw_keys, visible

KEYS = st.sampled_from([f"k{number}" for number in range(7)])
DAYS = st.sampled_from(["mon", "tue", "wed", "thu"])
LOADERS = st.sampled_from([0, 1])
CHANGING = ("lock", "add_partitions", "alter_partitions", "drop_partition", "unlock")
POINTS = st.sampled_from(
    [
        *[("alter_partitions", 0)] * 5,
        *[(name, 0) for name in ("lock", "add_partitions", "drop_partition", "unlock")],
        *[("create", n) for n in range(4)],
        *[("partitions", n) for n in range(5)],
    ]
)
"""Where a loader dies or sleeps: at the so-manieth call of a name; `create` is a state object."""

GRACELESS = RetentionRules(0, (Keep(0, 2_000),))


class Died(BaseException):
    """The process is gone: nothing of it runs any more, no `finally` either."""


@dataclass
class Mortal:
    """Lets a loader die before or after the call `at`; what it still tries then does not happen.

    `faults`: what the next calls of a name meet, one after the other.
    """

    store: InMemoryMetastore
    faults: dict[str, list[Fault]]
    at: tuple[str, int] | None = None
    after_it: bool = False
    passed: int = 0
    dead: bool = False
    meanwhile: Callable[[], None] | None = None  # asleep instead of dead

    def before(self, effect: str) -> None:
        if effect == "create":
            self.on_call(0, "create", ())

    def after(self, effect: str) -> None:
        pass

    def on_call(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if self.dead:
            raise Died
        if self.at is not None and name == self.at[0]:
            self.passed += 1
            if self.passed > self.at[1]:
                self._stop(name, arguments)
        if self.faults.get(name):
            self.store.inject(name, self.faults[name].pop(0))

    def _stop(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.at = None
        if self.meanwhile is not None:
            self.meanwhile()
            return
        self.dead = True
        if self.after_it and name != "create":
            getattr(self.store, name)(*arguments)
        raise Died


@dataclass
class Noting:
    """The source as one batch sees it: notes when it was scanned, and what the table holds with what was read."""

    machine: "TableMachine"
    scanned: int = 0
    image: dict[str, Row] | None = None

    def scan(self) -> DirtyKeys:
        self.scanned = self.machine.tick
        return self.machine.source.scan()

    def read(self, keys: pa.Array, at_ms: int) -> Image:
        rows = self.machine.source.rows
        read = {key: rows.get(key) for key in keys.to_pylist()}
        records = self.machine.records()
        image = self.machine.image(records, len(records.attempts)) | {k.decode(): row for k, row in read.items() if row}
        self.image = {key: row for key, row in image.items() if read.get(key.encode(), row) is not None}
        return self.machine.source.read(keys, at_ms)


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
        self.source = Source()
        self.images: dict[int, dict[str, Row]] = {}
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

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.tick += 1
        self.put_at[key.encode()] = self.tick
        self.source.delete(key)

    # ---- loaders

    @rule(which=LOADERS)
    def batch(self, which: int) -> None:
        """One that ends well shows the source, whatever happened before. Under a hold only an idle one does."""
        done = self._publish(which, Kind.BATCH, STEPS)
        if done and not self.written_back and self.records().state.held_by is None:
            assert visible(self.store) == expected(self.source)

    @rule(which=LOADERS, at=POINTS, after_it=st.booleans(), expire=st.booleans())
    def batch_that_dies(self, which: int, at: tuple[str, int], after_it: bool, expire: bool) -> None:
        self._dying(which, at, after_it, Kind.BATCH, STEPS)
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

    @rule(which=LOADERS, back=st.integers(1, 4))
    def roll_back(self, which: int, back: int) -> None:
        steps = self._rollback(back)
        if steps is not None:
            self._publish(which, Kind.ROLLBACK, steps)

    @rule(which=LOADERS, back=st.integers(1, 4), at=POINTS, after_it=st.booleans())
    def roll_back_and_die(self, which: int, back: int, at: tuple[str, int], after_it: bool) -> None:
        steps = self._rollback(back)
        if steps is not None:
            self._dying(which, at, after_it, Kind.ROLLBACK, steps)

    @precondition(lambda self: self.records().state.held_by is not None)
    @rule(which=LOADERS)
    def resume(self, which: int) -> None:
        self._publish(which, Kind.RESUME, RESUME_STEPS)

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
        self._allowed_to_fail(lambda: clean(self.runs[which].env, GRACELESS))

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

    @precondition(lambda self: not self.written_back)
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
        if self.written_back or not self.images:
            return
        records = self.records()
        allowed = [self.image(records, len(records.attempts))]
        allowed += [self._image_of(records, n) for n, a in enumerate(records.attempts) if a in records.unsettled]
        assert visible(self.store) in allowed

    @rule()
    def all_comes_right(self) -> None:
        """After whatever it was: two quiet runs, and the table is its source."""
        self.store.land_held()
        self.faults.clear()
        self.now[0] += LOCK_TIMEOUT_S + 1
        run = self._open()
        TableService(run.env).recover()
        self.written_back = False
        if run.env.state.records().state.held_by is not None:
            publish(Batch(run.env, Kind.RESUME), RESUME_STEPS)
        self.runs[0] = run
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

    def _work(self, env: Environment, noting: Noting) -> Work:
        rules = PlanRules(sizing=SizingRules(rows_before_measured=3))
        rewriter = LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary)
        recently = Recently(env.files, env.layout)
        return Work(noting.scan, noting, rewriter, rules, parallelism=2, recently=recently)

    def _publish(self, which: int, kind: Kind, steps: tuple[Step, ...]) -> bool:
        """Whether it ended well."""
        env, noting = self.runs[which].env, Noting(self)
        batch = Batch(env, kind, self._work(env, noting) if kind is Kind.BATCH else None)

        def remember(batch: Batch, step: str) -> None:
            if batch.intent is not None and noting.image is not None:
                self.images[batch.intent.batch] = noting.image

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

    def _dying(self, which: int, at: tuple[str, int], after_it: bool, kind: Kind, steps: tuple[Step, ...]) -> None:
        mortal = self.runs[which].mortal
        mortal.at, mortal.after_it, mortal.passed = at, after_it, 0
        self._publish(which, kind, steps)
        mortal.dead = True
        self.runs[which] = self._open()

    def _rollback(self, back: int) -> tuple[Step, ...] | None:
        attempts = self.records().attempts
        committed = [attempt.intent.batch for attempt in attempts if attempt.committed]
        return rollback_steps(plan_rollback(attempts, committed[-back])) if len(committed) >= back else None

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

    def image(self, records: Records, until: int) -> dict[str, Row]:
        """What the committed attempts before position `until` add up to."""
        committed = [n for n, attempt in enumerate(records.attempts[:until]) if attempt.committed]
        return self._image_of(records, committed[-1]) if committed else {}

    def _image_of(self, records: Records, position: int) -> dict[str, Row]:
        attempt: Attempt = records.attempts[position]
        manifest = attempt.manifest
        if attempt.intent.kind is Kind.BATCH and attempt.intent.batch in self.images:
            return self.images[attempt.intent.batch]
        if manifest is not None and manifest.target is not None:
            target = next(n for n, a in enumerate(records.attempts) if a.intent.batch == manifest.target)
            return self._image_of(records, target)
        return self.image(records, position)
