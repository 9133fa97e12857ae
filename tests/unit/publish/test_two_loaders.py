"""Two loaders of one table: one waits or ends; one that slept past its lock changes nothing when it wakes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import Conflict, HotswapError, Locked, OutcomeUnknown, from_foreign
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.open_table import Environment
from metastore.errors import LockHeld, MetastoreError
from metastore.memory import Fault
from partitioner.history.kinds import Kind
from tests.unit.publish.stage import Stage, ignore
from tests.world import TABLE

# ---- the lock


def test_a_second_loader_ends_and_says_who_holds_the_lock(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.store.lock(TABLE, "hive", "worker7", "hotswap other")
    stage.change()
    with pytest.raises(LockHeld, match=r"hive@worker7 \(hotswap other\), lock \d+ since") as caught:
        stage.run(replace(stage.first, lock_wait=0.0))
    assert isinstance(from_foreign(caught.value), Locked)


def test_a_second_loader_waits_for_the_lock(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    held = stage.store.lock(TABLE, "hive", "worker7", "hotswap other")
    stage.change()
    env = replace(stage.first, sleep=lambda seconds: stage.store.unlock(held.id))
    stage.run(env)
    assert stage.is_whole(stage.first) is None


def test_a_dead_holders_lock_does_not_stand_for_ever(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.store.lock(TABLE, "hive", "worker7", "hotswap other")
    stage.later()
    stage.change()
    stage.run(replace(stage.first, lock_wait=0.0))
    assert stage.is_whole(stage.first) is None


def test_a_loader_that_waits_for_a_hold_or_fails_keeps_no_lock(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises(HotswapError):
        stage.run()
    assert stage.store.locks(TABLE) == ()


# ---- a loader that sleeps


@dataclass
class Sleeper:
    """A loader that is stopped before its call number `at` of a metastore or of a state object, while another works."""

    at: int
    meanwhile: Callable[[], None]
    passed: int = -1

    def before(self, effect: str) -> None:
        if effect == "create":
            self._point()

    def after(self, effect: str) -> None:
        pass

    def on_call(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        self._point()

    def _point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            self.meanwhile()


def sleeper(stage: Stage, at: int, meanwhile: Callable[[], None]) -> tuple[Environment, Sleeper]:
    tap = Sleeper(at, meanwhile)
    _, client = stage.watched("counts only", tap.on_call)
    return stage.open("sleeper", client, tap), tap


def publishes_all(stage: Stage) -> None:
    """The other loader reads the sleeper's keys too, and newer images of them."""
    stage.later()
    stage.source.put("k0", "mon", 200)
    stage.source.put("k3", "sat", 201)
    stage.again()
    stage.run(stage.open("other"))


def publishes_elsewhere(stage: Stage) -> None:
    """The other loader's batch touches a partition that the sleeper's does not."""
    stage.later()
    mine = set(stage.source.dirty)
    stage.source.dirty.clear()
    stage.source.put("k5", "wed", 300)
    stage.source.put("later", "sun", 301)
    stage.run(stage.open("other"))
    stage.source.dirty |= mine


def publishes_twice(stage: Stage) -> None:
    publishes_all(stage)
    publishes_elsewhere(stage)


def settles_only(stage: Stage) -> None:
    stage.later()
    TableService(stage.open("other")).recover()


def problems_of_sleeping(folder: Path, at: int, what: Callable[[Stage], None]) -> list[str] | None:
    """None: the batch has fewer calls than `at`."""
    stage = Stage(folder)
    stage.change()
    left: list[object] = []

    def meanwhile() -> None:
        what(stage)
        left.append(locations(stage))

    env, _ = sleeper(stage, at, meanwhile)
    error: BaseException | None = None
    try:
        stage.run(env)
    except (MetastoreError, HotswapError) as caught:
        error = caught
    if not left:
        return None
    known = from_foreign(error) if error else None
    problems = []
    if known is not None and known.exit_code not in (1, 3):
        problems.append(f"exit code {known.exit_code}: {error!r}")
    if error is not None and locations(stage) != left[0]:
        problems.append(f"it ended with {error!r}, but moved something")
    stage.later()
    stage.again()
    stage.source.dirty |= {b"later"}
    after = stage.open("after")
    stage.run(after)
    whole = stage.is_whole(after)
    if whole:
        problems.append(f"after the next run: {whole}")
    return [f"asleep before call {at}: {problem}" for problem in problems]


def locations(stage: Stage) -> dict[tuple[str, ...], str]:
    """Of every partition that has rows."""
    return {
        partition.values: partition.location
        for partition in stage.store.all_partitions(TABLE)
        if partition.parameters.get("numRows", "0") != "0"
    }


@pytest.mark.parametrize("what", [publishes_all, publishes_elsewhere, publishes_twice, settles_only])
def test_a_loader_that_slept_past_its_lock_changes_nothing(tmp_path: Path, what: Callable[[Stage], None]) -> None:
    problems: list[str] = []
    for at in itertools.count():
        found = problems_of_sleeping(tmp_path / f"{at}", at, what)
        if found is None:
            break
        problems += found
    assert at > 15
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("landed", [True, False])
def test_a_recover_that_slept_past_its_lock_agrees_with_whoever_settled_meanwhile(tmp_path: Path, landed: bool) -> None:
    problems: list[str] = []
    for at in itertools.count():
        stage = Stage(tmp_path / f"{at}")
        stage.change()
        unanswered(stage, landed)
        asleep: list[bool] = []
        env, _ = sleeper(stage, at, lambda: asleep.append(True) or publishes_all(stage))  # noqa: B023
        try:
            TableService(env).recover()
        except (MetastoreError, HotswapError) as error:
            known = from_foreign(error)
            if known is None or known.exit_code not in (1, 3):
                problems.append(f"asleep before call {at}: {error!r}")
        if not asleep:
            break
        after = stage.open("after")
        stage.later()
        stage.again()
        stage.run(after)
        whole = stage.is_whole(after)
        if whole:
            problems.append(f"asleep before call {at}: {whole}")
    assert at > 5
    assert not problems, "\n".join(problems)


def unanswered(stage: Stage, landed: bool) -> None:
    """A run that has died after its swap was sent."""
    env, client = stage.watched("dead", ignore)

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if "alter_partitions" in client.calls:
            swap = Fault.LOSE_REPLY if landed else Fault.LOSE_REQUEST
            stage.store.inject(name, swap if name == "alter_partitions" else Fault.UNREACHABLE)

    client.on_call = strike
    with pytest.raises(OutcomeUnknown):
        stage.run(env)
    stage.later()


# ---- fences of two loaders


def test_a_loader_whose_fence_was_dropped_makes_a_new_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    was = stage.first.fences.own
    assert was is not None
    stage.store.drop_partition(TABLE, was)
    stage.change()
    stage.run(stage.first)
    assert stage.first.fences.own not in (None, was)
    assert stage.is_whole(stage.first) is None


def test_a_loader_whose_fence_is_dropped_in_mid_batch_ends_with_a_conflict(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()

    def drop(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "alter_partitions":
            for fence in stage.fences():
                stage.store.drop_partition(TABLE, fence)

    env, _ = stage.watched("slow", drop)
    before = stage.visible()
    with pytest.raises(Conflict, match="another loader has settled it"):
        stage.run(env)
    assert stage.visible() == before


def test_two_loaders_in_turns_publish_every_change(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    second = stage.open("second")
    for number in range(6):
        stage.source.put(f"k{number}", ("mon", "tue")[number % 2], 1000 + number)
        stage.run((stage.first, second)[number % 2])
        assert stage.visible() == stage.expected()


def test_a_clock_that_jumps_back_loses_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.run(replace(stage.first, clock=lambda: 5))
    stage.source.put("k0", "tue", 7)
    stage.run(stage.first)
    assert stage.is_whole(stage.first) is None


# ---- attempts without a swap


def test_a_resume_that_was_settled_while_it_slept_is_a_conflict(tmp_path: Path) -> None:
    from loader.ops.rollback.steps import RESUME_STEPS, rollback_steps
    from partitioner.history.rollback_plan import plan_rollback

    problems = []
    for at in itertools.count():
        stage = Stage(tmp_path / f"{at}")
        stage.change()
        stage.run(stage.first)
        publish(
            Batch(stage.first, Kind.ROLLBACK), rollback_steps(plan_rollback(stage.first.state.records().attempts, 1))
        )
        asleep: list[bool] = []
        env, _ = sleeper(stage, at, lambda: asleep.append(True) or settles_only(stage))  # noqa: B023
        try:
            publish(Batch(env, Kind.RESUME), RESUME_STEPS)
        except (MetastoreError, HotswapError) as error:
            known = from_foreign(error)
            if known is None or known.exit_code not in (1, 3):
                problems.append(f"asleep before call {at}: {error!r}")
        if not asleep:
            break
        if stage.first.state.records().unsettled:
            problems.append(f"asleep before call {at}: unsettled")
    assert at > 4
    assert not problems, "\n".join(problems)
