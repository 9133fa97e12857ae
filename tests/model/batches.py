"""What may happen to the source, and to batches: they are cut, die, sleep, meet a restless source or a failing swap."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from loader.publish.steps import STEPS
from metastore.memory import Fault
from partitioner.history.kinds import Kind
from tests.model.table import Table
from tests.unit.publish.stage import LOCK_TIMEOUT_S
from tests.world import expected, visible

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


class Batches(Table):
    @initialize()
    def load(self) -> None:
        self.runs = [self._open(), self._open()]
        for number in range(7):
            self.put(f"k{number}", ("mon", "tue", "wed")[number % 3])
        self.batch(0)

    # ---- the source

    @rule(key=KEYS, day=DAYS)
    def put(self, key: str, day: str) -> None:
        self.put_row(key, day)

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

    @rule()
    def locks_expire(self) -> None:
        self.now[0] += LOCK_TIMEOUT_S + 1
