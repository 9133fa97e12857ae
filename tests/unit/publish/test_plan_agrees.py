"""`plan` and the batch that follows it agree: the same changes, partitions and files, and the same in the way of it."""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError, HotswapError
from loader.ops.plan import NextBatch
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.publish.preconditions import PRECONDITIONS
from loader.publish.steps import STEPS
from partitioner.values import Estimate
from tests.unit.publish.worlds import Limits, World
from tests.world import TABLE

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "clicks")


def refused(world: World, limits: Limits) -> str:
    """Why the next batch is not published."""
    outcome = world.outcome(limits)
    assert isinstance(outcome, HotswapError), "it was published"
    return outcome.message


# ---- each case that a plan of its own got wrong


def test_a_partition_that_would_lose_too_much_is_told(world: World) -> None:
    world.fill(2_400, "mon", "tue")
    world.delete(0, 2_400, 2)
    limits = Limits(deletes=0.9, deletes_of_a_partition=0.5)
    (obstacle,) = world.plan(limits).obstacles
    assert obstacle.startswith("this batch would delete 1200 of the 1200 rows of partition day=mon")
    assert obstacle.startswith(refused(world, limits))


def test_deletes_that_a_person_has_confirmed_are_no_obstacle(world: World) -> None:
    world.fill(2_400, "mon", "tue")
    world.delete(0, 2_400, 2)
    world.confirm(0, 2_400, 2)
    limits = Limits(deletes=0.1, deletes_of_a_partition=0.1)
    assert world.plan(limits).obstacles == ()
    assert world.batch(limits).counts.deletes == 1_200


def test_deletes_beyond_those_confirmed_are_an_obstacle(world: World) -> None:
    world.fill(3_000, "mon")
    world.delete(0, 2_500)
    world.confirm(0, 1_200)
    limits = Limits(deletes=0.1)
    (obstacle,) = world.plan(limits).obstacles
    assert obstacle.startswith("this batch would delete 1300 of the 3000 rows")
    assert obstacle.startswith(refused(world, limits))


def test_what_one_call_does_not_take_is_left_out_of_the_plan(world: World) -> None:
    world.fill(7, *DAYS)
    for number, day in enumerate(DAYS):
        world.source.put(f"k{number:05d}", day, 100)
    limits = Limits(partitions_per_swap=4)
    found = world.plan(limits)
    batch = world.batch(limits)
    assert [item.partition for item in found.partitions] == ["day=fri", "day=mon", "day=sat"]
    assert len(batch.moves) == 3
    assert (found.upserts, found.left) == (Estimate(3.0), Estimate(4.0))
    assert any("partitions_per_swap" in note for note in found.notes)


def test_days_that_one_call_cannot_take_together_are_an_obstacle(world: World) -> None:
    world.fill(5, *DAYS[:5])
    for number in range(5):
        world.source.put(f"k{number:05d}", DAYS[(number + 1) % 5], 100)
    limits = Limits(partitions_per_swap=4)
    (obstacle,) = world.plan(limits).obstacles
    assert "5 partitions of ads.clicks (day=fri to day=wed) have to move in one metastore call" in obstacle
    assert obstacle.startswith(refused(world, limits))


def test_deletes_of_which_a_sample_was_read_are_scaled_before_they_are_judged(world: World) -> None:
    world.fill(3_000, "mon", "tue")
    world.delete(0, 3_000)
    limits = Limits(deletes=0.5)
    found = world.plan(limits, at_once=300)
    assert (found.keys, found.read) == (3_000, 300)
    (obstacle,) = found.obstacles
    assert obstacle.startswith("this batch would delete about 3000 of the 3000 rows")
    assert refused(world, limits) == "this batch would delete 3000 of the 3000 rows of ads.clicks"


def test_a_partitions_deletes_of_which_a_sample_was_read_are_scaled_too(world: World) -> None:
    world.fill(3_000, "mon", "tue")
    world.delete(0, 3_000, 2)
    limits = Limits(deletes=0.9, deletes_of_a_partition=0.5)
    (obstacle,) = world.plan(limits, at_once=300).obstacles
    assert obstacle.startswith("this batch would delete about 1500 of the 1500 rows of partition day=mon")
    assert "1500 of the 1500 rows of partition day=mon" in refused(world, limits)


def test_rejections_of_which_a_sample_was_read_are_scaled_before_they_are_judged(world: World) -> None:
    world.source.bad = {f"k{number:05d}".encode() for number in range(0, 3_000, 2)}
    for number in range(3_000):
        world.source.put(f"k{number:05d}", "mon", number)
    limits = Limits(rejected=1_000)
    found = world.plan(limits, at_once=300)
    (obstacle,) = found.obstacles
    assert obstacle.startswith("about ")
    assert "rows of ads.clicks cannot be decoded, more than max_rejected = 1000" in obstacle
    assert abs(found.rejected.value - 1_500) <= found.rejected.value * found.rejected.error
    assert "1500 rows of ads.clicks cannot be decoded" in refused(world, limits)


def test_rejections_that_no_sample_held_are_not_told_as_none(world: World) -> None:
    for number in range(1_000):
        world.source.put(f"k{number:05d}", "mon", number)
    found = world.plan(Limits(rejected=0), at_once=100)
    assert found.rejected == Estimate(0.0, math.inf)
    assert found.obstacles == ()


# ---- what else is in the way of a batch, and what is not


def test_a_file_that_somebody_put_into_a_live_directory_is_told(world: World) -> None:
    world.fill(2, "mon")
    (live,) = world.store.partitions(TABLE, [("mon",)])
    Path(live.location.removeprefix("file://"), "theirs.parquet").write_bytes(b"x")
    world.source.put("k00000", "mon", 5)
    (obstacle,) = world.plan().obstacles
    assert "theirs.parquet" in obstacle
    assert obstacle.startswith(refused(world, Limits()))


def test_all_that_is_in_the_way_is_told_at_once_first_what_the_batch_meets_first(world: World) -> None:
    world.fill(2, "mon", "tue")
    (live,) = world.store.partitions(TABLE, [("mon",)])
    world.store.alter_partitions(TABLE, [replace(live, location="file:///elsewhere")])
    world.source.bad = {b"k00001"}
    world.source.put("k00000", "mon", 5)
    world.source.put("k00001", "mon", 5)
    TableService(world.open()).hold()
    limits = Limits(rejected=0)
    held, rejected, moved = world.plan(limits).obstacles
    assert held.startswith(refused(world, limits))
    assert "hotswap resume ads.clicks" in held
    assert rejected.startswith("1 rows of ads.clicks cannot be decoded")
    assert "file:///elsewhere" in moved


def test_a_hold_of_one_day_keeps_no_batch_of_others_back(world: World) -> None:
    world.fill(2, "mon", "tue")
    TableService(world.open()).hold(["day=mon"])
    world.source.put("k00000", "mon", 5)
    world.source.put("k00001", "tue", 5)
    found = world.plan()
    batch = world.batch()
    assert (found.obstacles, found.deferred, found.upserts) == ((), Estimate(1.0), Estimate(1.0))
    assert [move.partition for move in batch.moves] == [("tue",)]
    assert any("hotswap resume" in note for note in found.notes)


def test_what_stands_in_the_way_of_several_checks_is_told_once(world: World) -> None:
    world.fill(2, "mon")
    world.source.put("k00000", "mon", 5)
    world.store.drop_table(TABLE)
    (obstacle,) = world.plan().obstacles
    assert obstacle.startswith("there is no table ads.clicks")
    assert isinstance(world.outcome(Limits()), ConfigError)


def test_every_precondition_is_asked_for_by_a_step(world: World) -> None:
    assert {condition.step for condition in PRECONDITIONS} <= {step.__name__ for step in STEPS}
    order = [step.__name__ for step in STEPS]
    asked = [order.index(condition.step) for condition in PRECONDITIONS]
    assert asked == sorted(asked)


# ---- whatever the table has been through


def changes(dice: random.Random, world: World, rows: int) -> None:
    for _ in range(dice.choice([0, 1, 3, rows // 2])):
        key = f"k{dice.randrange(rows + 3):05d}"
        if dice.random() < 0.3:
            world.source.delete(key)
        else:
            world.source.put(key, dice.choice(DAYS[: dice.choice([2, 7])]), dice.randrange(3))


def deletes(dice: random.Random, world: World, rows: int) -> None:
    world.delete(0, rows, dice.choice([1, 2, 3]))
    if dice.random() < 0.5:
        world.confirm(0, rows, dice.choice([1, 2, 3]))


def bad_rows(dice: random.Random, world: World, rows: int) -> None:
    world.source.bad = {f"k{dice.randrange(rows):05d}".encode() for _ in range(dice.choice([0, 1, rows // 3]))}
    world.source.dirty |= world.source.bad & world.source.rows.keys()


def hold(dice: random.Random, world: World, rows: int) -> None:
    days = [values[0] for values in world.open().state.records().state.live]
    TableService(world.open()).hold([] if dice.random() < 0.3 else [f"day={dice.choice(days)}"])


def resume(dice: random.Random, world: World, rows: int) -> None:
    service = TableService(world.open())
    if world.open().state.records().state.holds:
        service.resume(service.preview_resume())


def roll_back(dice: random.Random, world: World, rows: int) -> None:
    committed = [attempt.intent.batch for attempt in world.open().state.records().attempts if attempt.committed]
    TableService(world.open()).rollback_now(dice.choice(committed), None)


def publish_some(dice: random.Random, world: World, rows: int) -> None:
    world.outcome(Limits(partitions_per_swap=dice.choice([None, 3])))


def somebody_moves(dice: random.Random, world: World, rows: int) -> None:
    (live, *_) = dice.sample(list(world.store.all_partitions(TABLE)), 1)
    world.store.alter_partitions(TABLE, [replace(live, location=f"{live.location}-theirs")])


def somebody_inserts(dice: random.Random, world: World, rows: int) -> None:
    (live,) = dice.sample(list(world.store.all_partitions(TABLE)), 1)
    folder = Path(live.location.removeprefix("file://"))
    if folder.is_dir():
        (folder / "theirs.parquet").write_bytes(b"x")


def somebody_sets_a_parameter(dice: random.Random, world: World, rows: int) -> None:
    world.store.alter_table_parameters(TABLE, {"discover.partitions": "true"})


USUAL = (changes, changes, changes, deletes, bad_rows, hold, resume, roll_back, publish_some)
FOREIGN = (somebody_moves, somebody_inserts, somebody_sets_a_parameter)


def random_world(dice: random.Random, folder: Path) -> tuple[World, Limits]:
    rows = dice.choice([12, 12, 12, 12, 12, 12, 2_600])
    world = World(folder, rows_per_file=max(3, rows // 10))
    world.fill(rows, *DAYS[: dice.choice([1, 2, 4])])
    for _ in range(dice.randrange(1, 6)):
        dice.choice(USUAL)(dice, world, rows)
    if dice.random() < 0.3:
        dice.choice(FOREIGN)(dice, world, rows)
    changes(dice, world, rows)
    return world, Limits(
        rejected=dice.choice([None, None, 0, rows // 4]),
        deletes=dice.choice([1.0, 0.4]),
        deletes_of_a_partition=dice.choice([1.0, 0.4]),
        partitions_per_swap=dice.choice([None, None, 2, 3]),
    )


def told(found: NextBatch) -> dict[str, object]:
    counts = (found.upserts, found.deletes, found.moves, found.rejected, found.deferred, found.left)
    assert {count.error for count in counts} == {0.0}
    return {
        "batch": None if found.idle else found.batch,
        "counts": [count.value for count in counts],
        "partitions": {
            item.partition: (item.new, item.rows_after.value, item.files_after, item.linked)
            for item in found.partitions
        },
    }


def done(batch: Batch) -> dict[str, object]:
    """The same of a batch as it was published."""
    counts, linked = (
        batch.counts,
        {plan.partition: len(plan.links) for plan in batch.plan.partitions} if batch.plan else {},
    )
    aside = [len(keys) if keys is not None else 0 for keys in (batch.carried.waiting, batch.carried.left)]
    return {
        "batch": batch.intent.batch if batch.intent else None,
        "counts": [counts.upserts, counts.deletes, counts.moves, counts.rejected, *aside],
        "partitions": {
            batch.env.name_of(move.partition): (
                move.partition not in batch.before.live,
                move.new.rows,
                len(move.new.files),
                linked[move.partition],
            )
            for move in batch.moves
        },
    }


def disagreement(world: World, limits: Limits) -> str | None:
    """What the plan tells otherwise than the batch right after it does; None: nothing."""
    found = world.plan(limits)
    outcome = world.outcome(limits)
    if isinstance(outcome, HotswapError):
        met = outcome.message
        return None if found.obstacles and found.obstacles[0].startswith(met) else f"{met} != {found.obstacles}"
    if outcome.idle:
        return None if found.idle else f"idle, but {found}"
    if found.obstacles:
        return f"published, but {found.obstacles}"
    return None if told(found) == done(outcome) else f"{told(found)} != {done(outcome)}"


def check_worlds(seeds: Iterator[int], folder: Path) -> None:
    for seed in seeds:
        world, limits = random_world(random.Random(seed), folder / str(seed))
        found = disagreement(world, limits)
        assert found is None, f"seed {seed}: {found}"


def test_in_random_worlds_they_agree(tmp_path: Path) -> None:
    check_worlds(iter(range(60)), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_in_a_thousand_random_worlds_they_agree(tmp_path: Path) -> None:
    check_worlds(iter(range(1_000, 2_000)), tmp_path)


def sampled(dice: random.Random, folder: Path) -> Iterator[tuple[Estimate, float]]:
    """Of one world, what a plan that read a part expects, beside what the batch then did."""
    world, rows = World(folder), 2_000
    world.fill(rows, "mon", "tue", "wed")
    world.source.bad = {f"k{number:05d}".encode() for number in dice.sample(range(rows), dice.choice([20, 300]))}
    for number in dice.sample(range(rows), 1_500):
        kind = dice.random()
        if kind < 0.2:
            world.source.delete(f"k{number:05d}")
        else:
            world.source.put(f"k{number:05d}", "wed" if kind < 0.5 else DAYS[number % 3], 9_999)
    found = world.plan(at_once=dice.choice([200, 600]))
    batch = world.batch()
    counts = batch.counts
    yield from zip(
        (found.upserts, found.deletes, found.moves, found.rejected),
        (counts.upserts, counts.deletes, counts.moves, counts.rejected),
        strict=True,
    )
    rows_of = {batch.env.name_of(move.partition): move.new.rows for move in batch.moves}
    yield from ((item.rows_after, rows_of[item.partition]) for item in found.partitions)


def test_what_was_sampled_lies_within_the_stated_error(tmp_path: Path) -> None:
    """19 times out of 20 it should; the dice are the same each time."""
    pairs = list(
        itertools.chain.from_iterable(sampled(random.Random(seed), tmp_path / str(seed)) for seed in range(12))
    )
    assert all(estimate.error for estimate, _ in pairs)
    outside = [pair for pair in pairs if not pair[0].low <= pair[1] <= pair[0].high]
    assert len(outside) <= len(pairs) / 20, outside
