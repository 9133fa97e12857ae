"""The table lock: patient, alive, released, and never lost sight of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from metastore.api import LockState, TableName
from metastore.errors import LockHeld, NoReply, NoSuchLock, Refused, Unreachable
from metastore.locks import TableLock
from metastore.memory import Fault, InMemoryMetastore

NAME = TableName("default", "t")


class Time:
    """A clock that moves when somebody sleeps; `then` runs at each sleep."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.then: Callable[[], object] = lambda: None

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.then()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def metastore(time: Time) -> InMemoryMetastore:
    return InMemoryMetastore(clock=time.clock)


def table_lock(metastore: InMemoryMetastore, time: Time, agent: str = "run1/attempt1", **options: Any) -> TableLock:
    options = {"wait_s": 10, "heartbeat_every_s": 100, **options}
    return TableLock(
        metastore, NAME, user="olga", host="here", agent=agent, sleep=time.sleep, clock=time.clock, **options
    )


def agents(metastore: InMemoryMetastore) -> list[str]:
    return [info.agent for info in metastore.locks(NAME)]


def test_a_lock_is_held_inside_and_released_outside(metastore: InMemoryMetastore, time: Time) -> None:
    with table_lock(metastore, time):
        assert agents(metastore) == ["run1/attempt1"]
    assert agents(metastore) == []


def test_a_lock_is_released_when_something_fails_inside(metastore: InMemoryMetastore, time: Time) -> None:
    with pytest.raises(KeyError), table_lock(metastore, time):
        raise KeyError
    assert agents(metastore) == []


def test_what_failed_inside_is_told_even_if_unlocking_fails(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.inject("unlock", Fault.REFUSE)
    with pytest.raises(KeyError), table_lock(metastore, time):
        raise KeyError


def test_a_lock_waits_for_another_to_go(metastore: InMemoryMetastore, time: Time) -> None:
    other = metastore.lock(NAME, "hive", "there", "other")
    time.then = lambda: metastore.unlock(other.id)
    with table_lock(metastore, time) as lock:
        assert lock.id is not None
        assert metastore.check_lock(lock.id).state is LockState.ACQUIRED


def test_who_holds_the_lock_is_told_when_patience_ends(metastore: InMemoryMetastore, time: Time) -> None:
    other = metastore.lock(NAME, "hive", "there", "other")
    with pytest.raises(LockHeld, match="hive@there") as caught:
        table_lock(metastore, time).acquire()
    assert [holder.id for holder in caught.value.holders] == [other.id]


def test_patience_lasts_as_long_as_told(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "hive", "there", "other")
    before = time.now
    with pytest.raises(LockHeld):
        table_lock(metastore, time, wait_s=10, poll_s=1).acquire()
    assert time.now - before == 10


def test_without_patience_the_lock_is_asked_for_once(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "hive", "there", "other")
    before = time.now
    with pytest.raises(LockHeld):
        table_lock(metastore, time, wait_s=0).acquire()
    assert time.now == before


def test_a_place_in_the_queue_is_given_up_with_patience(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "hive", "there", "other")
    with pytest.raises(LockHeld):
        table_lock(metastore, time).acquire()
    assert agents(metastore) == ["other"]


def test_a_place_in_the_queue_is_given_up_when_waiting_is_interrupted(metastore: InMemoryMetastore, time: Time) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    metastore.lock(NAME, "hive", "there", "other")
    time.then = interrupt
    with pytest.raises(KeyboardInterrupt):
        table_lock(metastore, time).acquire()
    assert agents(metastore) == ["other"]


def test_a_dead_holders_lock_is_taken_over_when_it_expires(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "hive", "there", "dead")
    with table_lock(metastore, time, wait_s=400, poll_s=50):
        assert agents(metastore) == ["run1/attempt1"]


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LOSE_REQUEST])
def test_a_lost_reply_leaves_one_lock_and_no_orphan(metastore: InMemoryMetastore, time: Time, fault: Fault) -> None:
    metastore.inject("lock", fault)
    with table_lock(metastore, time) as lock:
        assert [info.id for info in metastore.locks(NAME)] == [lock.id]


def test_a_lock_request_that_lands_late_stands_in_nobodys_way(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.inject("lock", Fault.HOLD)
    time.then = metastore.land_held
    with table_lock(metastore, time) as lock:
        assert [info.id for info in metastore.locks(NAME)] == [lock.id]


def test_replies_that_are_always_lost_are_told(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.inject("lock", Fault.LOSE_REPLY, times=100)
    with pytest.raises(NoReply):
        table_lock(metastore, time).acquire()
    assert agents(metastore) == []


def test_orphans_of_our_earlier_attempts_are_released(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "olga", "here", "run1/attempt0")
    with table_lock(metastore, time, is_orphan=lambda info: info.agent.startswith("run1/")):
        assert agents(metastore) == ["run1/attempt1"]


def test_locks_of_others_are_left_alone(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.lock(NAME, "olga", "here", "run2/attempt0")
    with pytest.raises(LockHeld):
        table_lock(metastore, time, is_orphan=lambda info: info.agent.startswith("run1/")).acquire()


def test_an_unreachable_metastore_is_told_at_once(metastore: InMemoryMetastore, time: Time) -> None:
    metastore.inject("lock", Fault.UNREACHABLE)
    with pytest.raises(Unreachable):
        table_lock(metastore, time).acquire()


def test_a_held_lock_is_ensured(metastore: InMemoryMetastore, time: Time) -> None:
    with table_lock(metastore, time) as lock:
        time.now += 200
        lock.ensure()
        time.now += 200
        assert agents(metastore) == ["run1/attempt1"]


def test_an_expired_lock_is_not_ensured(metastore: InMemoryMetastore, time: Time) -> None:
    with table_lock(metastore, time) as lock:
        time.now += 301
        with pytest.raises(NoSuchLock):
            lock.ensure()


def test_a_heartbeat_that_failed_once_is_remembered(metastore: InMemoryMetastore, time: Time) -> None:
    with table_lock(metastore, time) as lock:
        metastore.inject("heartbeat", Fault.REFUSE)
        lock.beat()
        with pytest.raises(Refused):
            lock.ensure()


def test_a_lock_that_is_not_held_is_not_ensured(metastore: InMemoryMetastore, time: Time) -> None:
    with pytest.raises(NoSuchLock):
        table_lock(metastore, time).ensure()


def test_a_released_lock_can_be_acquired_again(metastore: InMemoryMetastore, time: Time) -> None:
    lock = table_lock(metastore, time)
    for _ in range(2):
        lock.acquire()
        lock.ensure()
        lock.release()
    assert agents(metastore) == []


@pytest.mark.parametrize("every", [0, 151, 300])
def test_a_heartbeat_that_comes_too_seldom_is_refused(metastore: InMemoryMetastore, time: Time, every: float) -> None:
    with pytest.raises(ValueError, match="too seldom"):
        table_lock(metastore, time, heartbeat_every_s=every).acquire()


class Counting(InMemoryMetastore):
    """Tells when heartbeats have come."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self.left, self.reached = enough, threading.Event()

    def heartbeat(self, lock_id: int) -> None:
        super().heartbeat(lock_id)
        self.left -= 1
        if self.left == 0:
            self.reached.set()


def test_heartbeats_come_by_themselves(time: Time) -> None:
    metastore = Counting(enough=3)
    with table_lock(metastore, time, heartbeat_every_s=0.005):
        assert metastore.reached.wait(20)
