"""Waiting for what is away: how long next, since when nothing works, and each time a word about it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from loader.basics.errors import Held, HotswapError, Locked, OutcomeUnknown, Unavailable
from loader.report import log as events

PASSING = (Unavailable, OutcomeUnknown, Locked, Held)
"""What a running loader waits out: servers that come back, locks that end, holds that an operator ends."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


@dataclass
class Waiting:
    """`stop` ends every wait. `clock` in seconds; `pause` waits so many."""

    stop: threading.Event
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] | None = None  # None: `stop.wait`
    since: float | None = None
    next_s: float = FIRST_WAIT_S

    def failed(self, table: str, error: HotswapError) -> None:
        """Say so and wait, a longer while each time."""
        self.since = self.clock() if self.since is None else self.since
        events.waiting(table, error, self.next_s)
        (self.pause or self.stop.wait)(self.next_s)
        self.next_s = min(self.next_s * 2, LONGEST_WAIT_S)

    def worked(self, table: str) -> None:
        if self.since is not None:
            events.resumed(table, self.clock() - self.since)
        self.since, self.next_s = None, FIRST_WAIT_S
