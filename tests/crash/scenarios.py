"""What a loader or an operator can be in the middle of when it dies: all that changes files, state or the metastore."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from loader.basics.errors import Held, StorageError
from loader.ops.adopt.attempt import Origin, adopt, preview_adopt
from loader.ops.clean.clean import clean, preview_clean
from loader.ops.recover.stale_writes import repair
from loader.ops.table import TableService
from loader.publish.parameters import ATTEMPT
from loader.runtime.compactor import Compactor
from loader.sources.api import Poll
from loader.state.claim import Claim, check_claim, make_claim
from loader.state.gaps import debts
from loader.state.open_table import Environment
from loader.storage.effects import Tap
from loader.storage.files import join
from metastore.api import PARQUET, Column, Partition
from partitioner.history.position import Position
from partitioner.history.retention import Keep, RetentionRules
from tests.crash.points import DieAround
from tests.crash.scenario import (
    DAYS,
    Scenario,
    after,
    before,
    caught_up,
    changed,
    created,
    loaded,
    resumed,
    rows_of,
    second_batch,
)
from tests.crash.scenarios_log import LOG_SCENARIOS
from tests.crash.scenarios_more import MORE, without_gone
from tests.crash.world import Rows, World, index_of, problems_with
from tests.world import COLUMNS, TABLE, Source, expected, raw_keys, run_batch

HOUR = 3_600_000
RULES = RetentionRules(grace_ms=HOUR, history=(Keep(0, 2 * HOUR),))
CLAIM = Claim(str(TABLE), 1, None)


# ---- a batch


def first_batch(world: World, tap: Tap) -> None:
    env = world.open("killed", tap)
    make_claim(env.files, env.layout, CLAIM)
    run_batch(env, before())


def claimed_and_caught_up(world: World) -> list[str]:
    env = world.open("restarted")
    make_claim(env.files, env.layout, CLAIM)
    check_claim(env.files, env.layout, CLAIM)
    run_batch(env, before())
    return problems_with(env, before())


# ---- rollback and resume


def roll_back(env: Environment) -> None:
    service = TableService(env)
    service.rollback(service.preview_rollback(1, None))


def went_back(world: World) -> None:
    changed(world)
    roll_back(world.open("operator"))


def rolled_back(world: World, tap: Tap) -> None:
    roll_back(world.open("killed", tap))


def back_and_forth(world: World) -> list[str]:
    """Recover; go back if the rollback did not; then a batch is held, and a resume brings all of it."""
    env = world.open("restarted")
    TableService(env).recover()
    held = bool(env.state.records().state.holds)
    problems = [] if world.visible() == expected(before() if held else after()) else ["recover moved something"]
    if not held:
        roll_back(world.open("again"))
    problems += [] if world.visible() == expected(before()) else [f"after the rollback: {world.visible()}"]
    return [*problems, *is_held(world), *resumed(world)]


def is_held(world: World) -> list[str]:
    try:
        run_batch(world.open("held"), after())
    except Held:
        return []
    return ["a batch was published over a hold"]


# ---- one partition back, the others go on


def one_partition_back(world: World, tap: Tap) -> None:
    roll_back_monday(world.open("killed", tap))


def roll_back_monday(env: Environment) -> None:
    service = TableService(env)
    service.rollback(service.preview_rollback(1, None, ["day=mon"]))


def partly_back(later: Rows) -> Rows:
    """A key moved from Thursday to Monday, so both go back; `later`: what the other days show."""
    then = {key: row for key, row in expected(before()).items() if row[0] in ("mon", "thu")}
    return then | {key: row for key, row in later.items() if row[0] not in ("mon", "thu")}


def while_held() -> Source:
    """Changes of a held partition, of a free one, and of a key that moves out of a held one."""
    source = after()
    source.put("k000", "mon", 700)
    source.put("k005", "tue", 701)
    source.put("k007", "tue", 702)
    return source


def seen_while_held() -> Rows:
    """Neither side of what moves out of a held partition is published."""
    free = {key: row for key, row in expected(while_held()).items() if key != "k007"}
    return partly_back(free)


def held_and_resumed(world: World) -> list[str]:
    """Recover; go back if it did not; a batch publishes what is free and defers the rest; a resume brings it all."""
    env = world.open("restarted")
    TableService(env).recover()
    if not env.state.records().state.holds:
        roll_back_monday(world.open("again"))
    seen = world.visible()
    problems = [] if seen == partly_back(expected(after())) else [f"after the rollback: {seen}"]
    run_batch(world.open("goes on"), while_held())
    seen = world.visible()
    problems += [] if seen == seen_while_held() else [f"while it is held: {seen}"]
    return [*problems, *resumed(world, while_held())]


def held_with_deferred(world: World) -> None:
    changed(world)
    roll_back_monday(world.open("operator"))


def batch_that_defers(world: World, tap: Tap) -> None:
    run_batch(world.open("killed", tap), while_held())


def deferred_and_resumed(world: World) -> list[str]:
    run_batch(world.open("restarted"), while_held())
    seen = world.visible()
    problems = [] if seen == seen_while_held() else [f"while it is held: {seen}"]
    return [*problems, *resumed(world, while_held())]


def resume_and_catch_up(world: World, tap: Tap) -> None:
    env = world.open("killed", tap)
    service = TableService(env)
    service.resume(service.preview_resume())
    source = after()
    source.dirty.clear()
    run_batch(env, source)


# ---- clean


class Forgetting(Source):
    """Its windows need not be read again: change sets can be collected."""

    def scan(self) -> Poll:
        found = super().scan()
        assert found.position is not None
        return replace(found, position=replace(found.position, low_ms=found.position.read_ms))


def aged(world: World) -> None:
    """Five batches, an hour apart; the last changes everything."""
    created(world)
    source = Forgetting()
    for hour in range(1, 6):
        source.put("k", "mon", hour)
        source.put("last", "tue" if hour < 5 else "wed", hour)
        run_batch(world.open(f"run{hour}", clock=lambda: hour * HOUR), source)  # noqa: B023


def aged_rows() -> Rows:
    return {"k": ("mon", 5), "last": ("wed", 5)}


def six_hours() -> int:
    return 6 * HOUR


def cleaned(world: World, tap: Tap) -> None:
    clean(world.open("killed", tap, clock=six_hours), RULES)


def cleaned_again(world: World) -> list[str]:
    """Nothing is left that may go, the rows are there, and what history promises can still be restored."""
    env = world.open("restarted", clock=six_hours)
    TableService(env).recover()
    clean(env, RULES)
    left = preview_clean(env, RULES)
    problems = [f"left: {left}"] if left.directories or left.change_sets else []
    problems += [] if world.visible() == aged_rows() else [f"rows: {world.visible()}"]
    return [*problems, *goes_back(world, 1, None), *goes_back(world, 4, {"k": ("mon", 4), "last": ("tue", 4)})]


def goes_back(world: World, target: int, rows: Rows | None) -> list[str]:
    """`rows`: after a rollback to `target`; None: it is refused as a whole."""
    service = TableService(world.open(f"back to {target}", clock=six_hours))
    was = world.visible()
    try:
        service.rollback(service.preview_rollback(target, None))
    except StorageError:
        return [] if rows is None and world.visible() == was else [f"batch {target} cannot be restored"]
    return [] if world.visible() == rows else [f"a rollback to {target} shows {world.visible()}"]


# ---- the key index is compacted


def many_deltas(world: World) -> None:
    """As many segments as a merge takes, of a table whose base they outweigh."""
    loaded(world)
    env, source = world.open("deltas"), before()
    for number in range(10):
        for key in range(5):
            source.put(f"k{key:03d}", DAYS[(number + key) % 4], 100 + number)
        source.delete("last")
        run_batch(env, source)


def compacts(world: World, tap: Tap) -> None:
    """Merge, and let the next batch take the merged segment up."""
    env = world.open("killed", tap)
    merged = Compactor(env)
    merged.after_batch(env.state.records().state.index)
    assert env.compacted.ready is not None
    run_batch(env, after_deltas())


def with_deltas() -> Source:
    source = before()
    for key in range(5):
        source.put(f"k{key:03d}", DAYS[(9 + key) % 4], 109)
    source.delete("last")
    return source


def after_deltas() -> Source:
    source = with_deltas()
    source.put("k000", "fri", 200)
    source.delete("k004")
    return source


def compacted_and_back(world: World) -> list[str]:
    """The next run is right, its index too; so is a rollback to before the merge, and a resume."""
    env = world.open("restarted")
    run_batch(env, after_deltas())
    problems = problems_with(env, after_deltas())
    merge = Compactor(env)
    merge.after_batch(env.state.records().state.index)
    run_batch(env, after_deltas())
    problems += problems_with(env, after_deltas())
    roll_back(env)
    then = index_of(env, sorted(expected(before())))
    problems += [] if world.visible() == expected(before()) else [f"after the rollback: {world.visible()}"]
    right = {key: f"day={row[0]}" for key, row in expected(before()).items()}
    problems += [] if then == right else [f"the key index after the rollback: {then}"]
    return [*problems, *resumed(world, after_deltas())]


# ---- recover and repair


def died(name: str, side: str) -> Callable[[World], None]:
    """A second batch that died around its first effect `name`."""
    return lambda world: second_batch(world, DieAround(name, side))


def recovers(world: World, tap: Tap) -> None:
    TableService(world.open("killed", tap)).recover()


def put_back(world: World) -> None:
    """A stale write has put every partition back to where it was before the last batch."""
    loaded(world)
    store = world.served.connect()
    stale = store.all_partitions(TABLE)
    source = before()
    for number in range(8):
        source.put(f"k{number:03d}", DAYS[number % 4], -number)
    run_batch(world.open("second"), source)
    written = [partition for partition in stale if partition.values[0] in DAYS]
    store.alter_partitions(TABLE, written)


def mended_source() -> Source:
    source = before()
    for number in range(8):
        source.put(f"k{number:03d}", DAYS[number % 4], -number)
    return source


def mends(world: World, tap: Tap) -> None:
    repair(world.open("killed", tap))


def mended(world: World) -> list[str]:
    env = world.open("restarted")
    TableService(env).recover()
    problems = problems_with(env, mended_source())
    run_batch(env, mended_source())
    return [*problems, *problems_with(env, mended_source())]


# ---- adopt


def written_by_others(world: World) -> None:
    """The same table as another engine wrote it: a folder a partition, its rows in two files."""
    created(world)
    store, columns = world.served.connect(), tuple(Column(name, kind) for name, kind in COLUMNS)
    for day in (*DAYS, "gone"):
        location = join(world.location, f"day={day}")
        rows = [{"id": key, "clicks": row[1]} for key, row in expected(before()).items() if row[0] == day]
        for number, part in enumerate((rows[::2], rows[1::2])):
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(part, PLAIN), sink)
            world.files.create(join(location, f"{number:06d}_0"), sink.getvalue().to_pybytes())
        store.add_partitions(TABLE, [Partition((day,), location, columns, PARQUET, {})])


PLAIN = pa.schema([("id", pa.string()), ("clicks", pa.int64())])


def take_over(env: Environment) -> None:
    make_claim(env.files, env.layout, CLAIM)
    adopt(env, raw_keys, Origin("dict", 0, 0), preview_adopt(env), index=True)


def adopted(world: World, tap: Tap) -> None:
    take_over(world.open("killed", tap))


def adopted_and_caught_up(world: World) -> list[str]:
    """Recover; adopt if it is not ours yet; the next batch rewrites what it touches of what others wrote."""
    env = world.open("restarted")
    TableService(env).recover()
    if not env.state.records().state.live:
        take_over(env)
    problems = [] if world.visible() == expected(before()) else [f"once adopted: {world.visible()}"]
    problems += [] if debts(env.files, env.layout) else ["the comparison with the source is not owed"]
    return [*problems, *mislabelled(env), *caught_up(world)]


def mislabelled(env: Environment) -> list[str]:
    """Partitions whose parameters a recovery has left as others wrote them."""
    live = env.state.records().state.live
    found = {seen.values: seen.parameters for seen in env.metastore.partitions(TABLE, sorted(live))}
    wrong = [
        p for p, version in live.items() if found[p].get("numRows") != str(version.rows) or ATTEMPT not in found[p]
    ]
    return [f"mislabelled: {wrong}"] if wrong else []


# ---- positions and checkpoints


def folds(world: World, tap: Tap) -> None:
    state = world.open("killed", tap).state
    state.store_position(Position("dict", 1, 50, low_ms=50))
    state.store_position(Position("dict", 50, 60, low_ms=60))
    state.records()
    state.store_checkpoint(())
    state.store_position(Position("dict", 60, 70, low_ms=70))


def folded(world: World) -> list[str]:
    """How the table stands is what its history adds up to; a position is there and no older than the last batch's."""
    state = world.open("looks").state
    problems = [] if state.latest().state == state.records().state else ["the checkpoint is not the history"]
    problems += [] if state.position() is not None else ["there is no position"]
    return [*problems, *caught_up(world)]


SCENARIOS = (
    Scenario("first batch", created, first_batch, rows_of(Source, before), claimed_and_caught_up),
    Scenario("batch", loaded, second_batch, rows_of(before, after), caught_up),
    Scenario("rollback", changed, rolled_back, rows_of(after, before), back_and_forth),
    Scenario("resume", went_back, resume_and_catch_up, rows_of(before, after), resumed),
    Scenario(
        "rollback of a partition",
        changed,
        one_partition_back,
        lambda: (expected(after()), partly_back(expected(after()))),
        held_and_resumed,
    ),
    Scenario(
        "batch that defers",
        held_with_deferred,
        batch_that_defers,
        lambda: (partly_back(expected(after())), seen_while_held()),
        deferred_and_resumed,
    ),
    Scenario("clean", aged, cleaned, lambda: (aged_rows(),), cleaned_again),
    Scenario("recover, landed", loaded, recovers, rows_of(after), caught_up, died("alter_partitions", "after")),
    Scenario("recover, not landed", loaded, recovers, rows_of(before), caught_up, died("alter_partitions", "before")),
    Scenario("recover, no manifest", loaded, recovers, rows_of(before), caught_up, died("commit", "after")),
    Scenario("repair", put_back, mends, rows_of(before, mended_source), mended),
    Scenario("adopt", written_by_others, adopted, rows_of(before), adopted_and_caught_up),
    Scenario("fold", changed, folds, rows_of(after), folded),
    Scenario("compaction", many_deltas, compacts, rows_of(with_deltas, after_deltas), compacted_and_back),
    Scenario("rollback that adds", without_gone, rolled_back, rows_of(after, before), back_and_forth),
    *MORE,
    *LOG_SCENARIOS,
)
