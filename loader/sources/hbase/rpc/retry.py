"""Trying again, on a budget: pauses with jitter that grow, until patience has run out."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from loader.basics.errors import HotswapError
from loader.sources.hbase.access.api import Patience
from loader.sources.hbase.access.errors import ConnectionLost, ServerBusy, TableDisabled
from loader.sources.hbase.rpc.remote import TryAgain

T = TypeVar("T")
PASSING = (ConnectionLost, ServerBusy, TableDisabled)
"""What may go away. A table is disabled for a moment while it is truncated."""
_FIRST_S = 0.05
_OVERLOADED_TIMES = 10
"""So much longer are pauses for a server that has too much to do: it must not be asked the more the less it can."""
_MOST_DOUBLINGS = 16


class Retry:
    """The tries of one piece of work. `progress` when some of it is done: patience begins anew."""

    def __init__(
        self,
        patience: Patience,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._patience, self._sleep, self._clock, self._chance = patience, sleep, clock, chance
        self._failed = 0
        self._since = 0.0

    def progress(self) -> None:
        self._failed = 0

    def pause(self, error: HotswapError) -> None:
        """Wait before the next try; or raise the error, where that would take longer than patience lasts."""
        now, self._failed = self._clock(), self._failed + 1
        if self._failed == 1:
            self._since = now
        wait = self._wait(error)
        if self._failed >= self._patience.tries or now - self._since + wait > self._patience.seconds:
            raise error
        self._sleep(wait)

    def _wait(self, error: HotswapError) -> float:
        """Between half and all of a pause that doubles; at least as long as HBase asks for."""
        pause: float = _FIRST_S * 2.0 ** min(self._failed - 1, _MOST_DOUBLINGS)
        asked = 0.0
        if isinstance(error, TryAgain):
            pause, asked = pause * (_OVERLOADED_TIMES if error.overloaded else 1), error.wait_s
        return max(asked, min(pause, self._patience.longest_pause)) * (1 + self._chance()) / 2 + asked / 2


def patiently(retry: Retry, action: Callable[[], T]) -> T:
    """What `action` returns, at one of the tries."""
    while True:
        try:
            return action()
        except PASSING as error:
            retry.pause(error)
