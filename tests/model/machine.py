"""A table, two loaders, and everything that may happen to them, against a page of model (page.py).

After every step readers must see what the last committed attempt says, or what one says whose outcome is not known
yet; and nothing else.
"""

from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, precondition, rule

from loader.ops.clean.clean import clean
from loader.ops.clean.empty_partitions import DROP_STEPS
from loader.ops.recover.stale_writes import repair
from loader.ops.rollback.steps import RESUME_STEPS, Goal, hold_steps, plan_of, planned_steps, resume_steps
from loader.ops.table import TableService
from loader.publish.steps import STEPS, Step
from loader.state.layout import Layout
from loader.state.names import strays
from loader.storage.local import LocalFiles
from metastore.api import Partition
from metastore.errors import MetastoreError
from metastore.memory import Fault
from partitioner.history.kinds import Kind
from partitioner.history.retention import Keep, RetentionRules
from partitioner.values import PartitionValues
from tests.model.batches import CHANGING, DAYS, KEYS, LOADERS, PARTS, POINTS, Batches
from tests.model.page import Asked, Days
from tests.unit.publish.stage import LOCK_TIMEOUT_S
from tests.world import TABLE, expected, visible

GRACELESS = RetentionRules(0, (Keep(0, 2_000),))


class TableMachine(Batches):
    stale = Bundle("stale")

    # ---- operators

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
            nothing_under_way = not self.store.held()
            TableService(self.runs[which].env).recover(believe_old=nothing_under_way)
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
    def every_state_object_has_a_name_that_its_readers_know(self) -> None:
        assert list(strays(LocalFiles(), Layout.of(f"file://{self.folder}"))) == []

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
        TableService(run.env).recover(believe_old=True)
        self.written_back = False
        self.runs[0] = run
        if run.env.state.records().state.holds:
            assert self._publish(0, Kind.RESUME, RESUME_STEPS, Asked("resume"))
        assert self._publish(0, Kind.BATCH, STEPS) or run.env.state.records().unsettled == ()
        assert visible(self.store) == expected(self.source)
        self.store.land_held()
        assert visible(self.store) == expected(self.source)


def partitions_of(days: Days | None) -> tuple[PartitionValues, ...] | None:
    return None if days is None else tuple((day,) for day in sorted(days))


def rollback_of(asked: Asked) -> tuple[Step, ...]:
    """Planned under the lock, as the command with --yes does it."""
    goal = Goal(asked.target or 0, partitions_of(asked.days))
    return planned_steps(lambda env, records: plan_of(env, records, goal))
