"""A server that is gone for an hour leaves a loader that waits and says so, and begins again at once."""

import logging
import threading
from dataclasses import dataclass, field

import pytest

from loader.basics.errors import Unavailable
from loader.runtime.waiting import LONGEST_WAIT_S, Waiting

AWAY = Unavailable("HBase's Thrift2 server cannot be reached", "Is it up?")


@dataclass
class Clock:
    """Time passes only by waiting."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiting(clock: Clock) -> Waiting:
    return Waiting(threading.Event(), clock=lambda: clock.now, pause=clock.pause)


def wait_for_an_hour(waiting: Waiting, clock: Clock) -> None:
    while clock.now < 3600:
        waiting.failed("ads.clicks", AWAY)


def test_it_says_so_again_and_again(waiting: Waiting, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    wait_for_an_hour(waiting, clock)
    told = [record for record in caplog.records if "cannot be reached" in record.message]
    assert len(told) == len(clock.pauses) > 3600 / LONGEST_WAIT_S


def test_it_asks_less_and_less_often_but_at_least_twice_a_minute(waiting: Waiting, clock: Clock) -> None:
    wait_for_an_hour(waiting, clock)
    assert clock.pauses == sorted(clock.pauses)
    assert (clock.pauses[0], clock.pauses[-1]) == (1.0, 30.0)


def test_afterwards_it_tells_how_long_it_was_and_is_quick_again(
    waiting: Waiting, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wait_for_an_hour(waiting, clock)
    waiting.worked("ads.clicks")
    assert "back after" in caplog.messages[-1]
    waiting.failed("ads.clicks", AWAY)
    assert clock.pauses[-1] == 1.0


def test_being_stopped_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    Waiting(stop, next_s=3600).failed("ads.clicks", AWAY)
