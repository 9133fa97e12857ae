"""Two loaders as two processes on real metastores, whose locks expire in earnest: one is killed or stands still."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from devservers.metastore import QUICK_LOCK_TIMEOUT, Metastore23
from devservers.metastore_newer import QUICK_LOCK_TIMEOUT_40, Metastore31, Metastore40
from loader.state.open_table import Environment
from loader.storage.local import LocalFiles
from metastore.api import LockState
from metastore.client import ThriftMetastore, connect
from metastore.errors import LockHeld, NoSuchLock
from metastore.locks import TableLock
from tests.crash.frozen import StopBefore, error_of, frozen
from tests.crash.scenario import after, before, loaded, second_batch
from tests.crash.served import in_child
from tests.crash.test_two_loaders import newer
from tests.crash.world import Rows, World, problems_with
from tests.world import TABLE, create_table, expected, run_batch, visible

LOCKS_LIVE_S = 3.0
PATIENCE_S = 60.0
VERSIONS = {
    "2.3.10": (Metastore23, QUICK_LOCK_TIMEOUT),
    "3.1.3": (Metastore31, QUICK_LOCK_TIMEOUT),
    "4.0.1": (Metastore40, QUICK_LOCK_TIMEOUT_40),
}
MID_WRITE = "commit"
"""The name of the effect by which a written file gets its final name."""


@dataclass(frozen=True)
class Quick:
    """A real metastore whose locks live three seconds without a heartbeat."""

    uri: str

    def connect(self) -> ThriftMetastore:
        return connect([self.uri])

    def later(self, seconds: float) -> None:
        """Wait until every lock on the table is gone by itself."""
        store, end = self.connect(), time.monotonic() + PATIENCE_S
        while store.locks(TABLE):
            assert time.monotonic() < end, f"a lock without heartbeat is still there: {store.locks(TABLE)}"
            time.sleep(0.2)
        store.close()


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name != "4.0.1" else []) for name in VERSIONS],
)
def quick(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quick]:
    kind, settings = VERSIONS[request.param]
    server: type[Any] = kind
    with server.start(tmp_path_factory.mktemp("quick"), settings=settings) as started:
        yield Quick(started.uri)


@pytest.fixture
def world(quick: Quick, tmp_path: Path) -> Iterator[World]:
    """A loaded table."""
    world = World(quick, f"file://{tmp_path}/clicks", LocalFiles(fsync=lambda handle: None))
    in_child(lambda: loaded(world))
    yield world
    store = quick.connect()
    store.drop_table(TABLE)
    store.close()


# ---- what each server does


@pytest.fixture
def store(quick: Quick, tmp_path: Path) -> Iterator[ThriftMetastore]:
    """An empty table."""
    opened = quick.connect()
    create_table(opened, tmp_path / "clicks")
    yield opened
    for lock in opened.locks(TABLE):
        opened.unlock(lock.id)
    opened.drop_table(TABLE)
    opened.close()


def test_a_lock_without_heartbeat_goes_by_itself_and_the_next_in_the_queue_has_it(store: ThriftMetastore) -> None:
    assert store.server().lock_timeout_s == LOCKS_LIVE_S
    dead, waiting = (store.lock(TABLE, "olga", "here", agent) for agent in ("dead", "waiting"))
    assert (dead.state, waiting.state) == (LockState.ACQUIRED, LockState.WAITING)
    end = time.monotonic() + PATIENCE_S
    while store.check_lock(waiting.id).state is LockState.WAITING:
        assert time.monotonic() < end, "the lock of the dead is still in the way"
        time.sleep(0.2)
    with pytest.raises(NoSuchLock):
        store.heartbeat(dead.id)


@pytest.mark.slow
def test_a_lock_that_is_kept_alive_outlives_its_time_out(store: ThriftMetastore) -> None:
    with TableLock(store, TABLE, user="olga", host="here", agent="alive", wait_s=0.0) as lock:
        time.sleep(2 * LOCKS_LIVE_S)
        lock.ensure()


# ---- kill -9


def patient(env: Environment) -> Environment:
    return replace(env, lock_wait=PATIENCE_S, sleep=time.sleep)


def told_of_the_holder(world: World) -> str:
    env = replace(world.open("hasty"), lock_wait=0.0)
    with pytest.raises(LockHeld) as caught:
        run_batch(env, after())
    return str(caught.value)


def next_run(world: World) -> list[str]:
    env = patient(world.open("next"))
    run_batch(env, after())
    return problems_with(env, after())


@pytest.mark.parametrize(
    "effect", [MID_WRITE, *(pytest.param(name, marks=pytest.mark.slow) for name in ("alter_partitions", "unlock"))]
)
def test_who_comes_after_a_killed_holder_is_told_of_it_waits_and_puts_all_right(world: World, effect: str) -> None:
    with frozen(lambda: error_of(lambda: second_batch(world, StopBefore(effect)))) as holder:
        told = in_child(lambda: told_of_the_holder(world))
        holder.kill()
    assert re.search(r"tester@localhost \(hotswap killed\), lock \d+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told)
    assert in_child(world.visible) in (expected(before()), expected(after()))
    assert in_child(lambda: next_run(world)) == []


# ---- SIGSTOP past the lock's expiry


def publish_newer(world: World) -> Rows:
    """The other loader waits for the lock, and publishes all that the sleeper saw, and more."""
    run_batch(patient(world.open("other")), newer())
    return visible(world.served.connect())


@pytest.mark.parametrize(
    "effect", [MID_WRITE, *(pytest.param(name, marks=pytest.mark.slow) for name in ("link", "alter_partitions"))]
)
def test_who_stood_still_past_its_lock_does_not_swap_when_it_wakes(world: World, effect: str) -> None:
    """In the middle of writing its files; and between the check and the swap, where only the fence stops it."""
    with frozen(lambda: error_of(lambda: second_batch(world, StopBefore(effect)))) as sleeper:
        seen = in_child(lambda: publish_newer(world))
        error: Any = sleeper.thaw()
    assert seen == expected(newer())
    assert error in ("3 Conflict", "1 StorageError")
    assert in_child(world.visible) == expected(newer())
