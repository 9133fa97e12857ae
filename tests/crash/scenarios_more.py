"""Further scenarios: batches that are cut, dropped partitions, a key index and a table made anew."""

from dataclasses import replace

from loader.datafiles.split_file import Tools
from loader.ops.bootstrap.rebuild import Rebuild
from loader.ops.bootstrap.run import Bootstrap, BootstrapRules
from loader.ops.clean.empty_partitions import drop_empty_partitions
from loader.ops.reindex.attempt import rebuild_index
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.state.definitions import Described, store
from loader.state.open_table import Environment
from loader.storage.effects import Tap
from loader.storage.files import join
from partitioner.planning.sizing import SizingRules
from tests.crash.scenario import Scenario, after, before, caught_up, changed, loaded, resumed, rows_of
from tests.crash.world import Rows, World, problems_with
from tests.unit.reconcile.build import DictRanges, PlainMapping
from tests.world import COLUMNS, TABLE, Source, expected, raw_keys, run_batch

# ---- a batch larger than one call

MOST = 4
"""Partitions in one call: three, and the fence."""
FIRST = ("fri", "wed", "gone")
"""What the first of two calls publishes: a key moves from wed to the new fri; gone is emptied."""


def in_parts(env: Environment, source: Source) -> list[Batch]:
    """Batches until nothing is left. What `source` has dirty is read in the first."""
    batches = [run_batch(env, source, partitions_per_swap=MOST)]
    while batches[-1].carried.rest is not None:
        batches.append(run_batch(env, source, partitions_per_swap=MOST))
    return batches


def batch_in_parts(world: World, tap: Tap) -> None:
    batches = in_parts(world.open("killed", tap), after())
    assert len(batches) == 2


def halfway() -> Rows:
    was = {key: row for key, row in expected(before()).items() if row[0] not in FIRST}
    return was | {key: row for key, row in expected(after()).items() if row[0] in FIRST}


def goes_on_with_the_rest(world: World) -> list[str]:
    """Once a part is live its window is not read again: only the keys that were put aside tell of the rest."""
    env, source = world.open("restarted"), after()
    TableService(env).recover()
    if world.visible() != expected(before()):
        source.dirty.clear()
    in_parts(env, source)
    return problems_with(env, after())


def rolls_back_in_parts(world: World, tap: Tap) -> None:
    service = TableService(replace(world.open("killed", tap), partitions_per_swap=MOST))
    plan = service.preview_rollback(1, None)
    assert plan.calls == 2
    service.rollback(plan)


def halfway_back() -> Rows:
    now = {key: row for key, row in expected(after()).items() if row[0] not in FIRST}
    return now | {key: row for key, row in expected(before()).items() if row[0] in FIRST}


def goes_on_back(world: World) -> list[str]:
    """Recover, and run it again: what is not back yet goes back. A resume brings all of it."""
    env = world.open("restarted")
    TableService(env).recover()
    service = TableService(replace(world.open("again"), partitions_per_swap=MOST))
    service.rollback_now(1, None)
    problems = [] if world.visible() == expected(before()) else [f"after the rollback: {world.visible()}"]
    return [*problems, *resumed(world)]


# ---- partitions without rows


def drops(world: World, tap: Tap) -> None:
    assert drop_empty_partitions(world.open("killed", tap)) == (("gone",),)


def dropped(world: World) -> list[str]:
    """The dead one's call cannot land any more. Drop what is still there, all of it; then it comes again with rows."""
    env = world.open("restarted")
    TableService(env).recover(believe_old=True)
    drop_empty_partitions(env)
    left = [values for values in env.metastore.partition_names(TABLE) if values == ("gone",)]
    problems = ["it is a partition still"] if left else []
    problems += ["its folder is there still"] if env.files.exists(join(world.location, "day=gone")) else []
    source = after()
    source.put("back", "gone", 5)
    run_batch(env, source)
    return [*problems, *problems_with(env, source)]


def without_gone(world: World) -> None:
    changed(world)
    drop_empty_partitions(world.open("cleaner"))


# ---- the key index, built anew


def rebuilds(world: World, tap: Tap) -> None:
    rebuild_index(world.open("killed", tap), raw_keys, segment_keys=15)


def rebuilt(world: World) -> list[str]:
    env = world.open("restarted")
    TableService(env).recover()
    problems = problems_with(env, after())
    rebuild_index(env, raw_keys, segment_keys=15)
    return [*problems, *problems_with(env, after()), *caught_up(world)]


# ---- the whole table, made anew


def says_what_made_it(world: World) -> None:
    changed(world)
    store(world.open("says"), Described("c" * 32, 2, {"where": ""}), initial=True)


def rebuild_of(env: Environment) -> Bootstrap:
    """From an HBase that has the rows of before again."""
    rules = BootstrapRules(SizingRules(bytes_per_file=256), threads=1, part_rows=15)
    tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
    ranges = DictRanges(before(), (b"k2",), size=10)
    way = Rebuild(Described("d" * 32, 2, {"where": "other"}), max_delete_share=1.0)
    env = replace(env, definition=way.definition.definition)
    return Bootstrap(env, ranges, PlainMapping(), tools, rules, "dict", lambda start, end: (), way=way)


def makes_anew(world: World, tap: Tap) -> None:
    rebuild_of(world.open("killed", tap)).run()


def made_anew(world: World) -> list[str]:
    """It goes on where it was killed, or is done; then once more, over itself. The next batch comes upon it."""
    env = world.open("restarted")
    TableService(env).recover()
    is_done = env.state.records().attempts[-1].committed and world.visible() == expected(before())
    problems = problems_with(env, before()) if is_done else []  # the next one would cover them up
    rebuild_of(env).run()
    return [*problems, *problems_with(env, before()), *caught_up(world)]


MORE = (
    Scenario(
        "batch in parts",
        loaded,
        batch_in_parts,
        lambda: (expected(before()), halfway(), expected(after())),
        goes_on_with_the_rest,
    ),
    Scenario(
        "rollback in parts",
        changed,
        rolls_back_in_parts,
        lambda: (expected(after()), halfway_back(), expected(before())),
        goes_on_back,
    ),
    Scenario("drop", changed, drops, rows_of(after), dropped),
    Scenario("rebuilt index", changed, rebuilds, rows_of(after), rebuilt),
    Scenario("rebuild", says_what_made_it, makes_anew, rows_of(after, before), made_anew),
)
