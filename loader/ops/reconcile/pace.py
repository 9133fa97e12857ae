"""No more than so many rows a second, on average: a comparison must not take the servers from those who wait."""

from collections.abc import Callable
from dataclasses import dataclass, field

BURST_MS = 1_000
"""After a pause, HBase's or ours, the rows of so long come at once, and no more: nothing is caught up with."""


@dataclass(slots=True)
class Pace:
    """`rate` in rows a second, 0: as fast as it goes. `clock` in ms, `sleep` in seconds."""

    rate: float
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    paid_ms: float = field(init=False)  # until then what was read is as much as the rate allows

    def __post_init__(self) -> None:
        self.paid_ms = self.clock()

    def took(self, rows: int) -> None:
        """So many rows were read: wait until they were allowed."""
        if not self.rate:
            return
        now = self.clock()
        self.paid_ms = max(self.paid_ms, now - BURST_MS) + 1000 * rows / self.rate
        if self.paid_ms > now:
            self.sleep((self.paid_ms - now) / 1000)
