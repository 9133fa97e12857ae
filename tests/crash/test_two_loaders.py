"""Two loaders as two processes: one is killed, or stands still for longer than its lock lives; the other works."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loader.storage.local import LocalFiles
from metastore.errors import LockHeld
from tests.crash.frozen import StopAt, StopBefore, error_of, frozen
from tests.crash.points import Count, DieAround
from tests.crash.scenario import after, change, loaded, second_batch
from tests.crash.served import in_child, serve
from tests.crash.world import Rows, World, problems_with
from tests.world import Source, expected, run_batch, visible

LOCKS_EXPIRE_S = 10_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve() as served:
        world = World(served, f"file://{tmp_path}/clicks", LocalFiles(fsync=lambda handle: None))
        in_child(lambda: loaded(world))
        yield world


# ---- the lock


def test_a_second_loader_says_who_holds_the_lock_and_since_when(world: World) -> None:
    with frozen(lambda: error_of(lambda: second_batch(world, StopAt(10)))):
        told = in_child(lambda: _held(world))
    assert re.search(r"tester@localhost \(hotswap killed\), lock \d+ since ", told)


def _held(world: World) -> str:
    env = replace(world.open("second"), lock_wait=0.0)
    with pytest.raises(LockHeld) as caught:
        run_batch(env, after())
    return str(caught.value)


@pytest.mark.parametrize("effect", ["create", "link", "add_partitions", "alter_partitions"])
def test_the_lock_of_a_killed_holder_expires_and_the_next_loader_puts_all_right(world: World, effect: str) -> None:
    in_child(lambda: second_batch(world, DieAround(effect, "after")))
    assert in_child(lambda: _held(world))
    world.served.later(LOCKS_EXPIRE_S)
    assert in_child(lambda: _next(world)) == []


def _next(world: World) -> list[str]:
    env = world.open("next")
    run_batch(env, after())
    return problems_with(env, after())


# ---- SIGSTOP past the lock's expiry


def newer() -> Source:
    """What the other loader sees: all that the sleeper saw, and more."""
    source = change(after())
    source.put("k010", "tue", 800)
    source.put("newest", "fri", 801)
    return source


def publish_newer(world: World) -> Rows:
    run_batch(world.open("other"), newer())
    return visible(world.served.connect())


def effects(world: World) -> int:
    def counted() -> int:
        tap = Count()
        second_batch(world, tap)
        return len(tap.effects)

    return int(in_child(counted))


def how_it_wakes(folder: Path, point: int) -> list[str]:
    with serve() as served:
        world = World(served, f"file://{folder}/clicks", LocalFiles(fsync=lambda handle: None))
        in_child(lambda: loaded(world))
        with frozen(lambda: error_of(lambda: second_batch(world, StopAt(point)))) as sleeper:
            served.later(LOCKS_EXPIRE_S)
            was = in_child(lambda: publish_newer(world))
            error = sleeper.thaw()
        seen = in_child(world.visible)
        right = was == expected(newer()) and seen == was
        problems = [] if right else [f"asleep before effect {point}: {seen}, not {was}"]
        served.later(LOCKS_EXPIRE_S)
        problems += in_child(lambda: _again(world))
    named = error is None or error[0] in "13"
    return problems if named else [*problems, f"asleep before effect {point}: {error}"]


def _again(world: World) -> list[str]:
    env = world.open("again")
    run_batch(env, newer())
    return problems_with(env, newer())


def points_of_sleep(folder: Path) -> int:
    with serve() as served:
        world = World(served, f"file://{folder}/clicks", LocalFiles(fsync=lambda handle: None))
        in_child(lambda: loaded(world))
        return effects(world)


def test_a_loader_that_stood_still_past_its_lock_changes_nothing_when_it_wakes(tmp_path: Path) -> None:
    last = points_of_sleep(tmp_path / "counted")
    chosen = range(1, last, 9)  # 0 is the lock: who sleeps before it has not begun
    assert not [problem for point in chosen for problem in how_it_wakes(tmp_path / str(point), point)]


@pytest.mark.slow
def test_a_loader_that_stood_still_anywhere_past_its_lock_changes_nothing_when_it_wakes(tmp_path: Path) -> None:
    last = points_of_sleep(tmp_path / "counted")
    assert not [problem for point in range(1, last) for problem in how_it_wakes(tmp_path / str(point), point)]


def test_the_check_before_the_swap_is_what_stops_it(world: World) -> None:
    """Asleep in mid-write: everything after it was made for a table that is another one now."""
    with frozen(lambda: error_of(lambda: second_batch(world, StopBefore("commit")))) as sleeper:
        world.served.later(LOCKS_EXPIRE_S)
        in_child(lambda: publish_newer(world))
        assert sleeper.thaw() in ("3 Conflict", "1 StorageError")
    assert in_child(world.visible) == expected(newer())


# ---- clocks


@pytest.mark.parametrize("jump_ms", [-(10**12), 10**12])
def test_a_clock_that_jumps_between_two_batches_loses_nothing(world: World, jump_ms: int) -> None:
    assert in_child(lambda: _jumping(world, jump_ms)) == []


def _jumping(world: World, jump_ms: int) -> list[str]:
    """Every other look at the clock is far away from the one before it."""
    looks = iter(range(10**6))

    def clock() -> int:
        look = next(looks)
        return 2 * 10**12 + look + (jump_ms if look % 2 else 0)

    env = world.open("jumps", clock=clock)
    run_batch(env, after())
    run_batch(env, newer())
    return problems_with(env, newer())
