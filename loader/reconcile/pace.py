"""No more than so many rows a second, on average: a comparison must not take the servers from those who wait."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """`rate` in rows a second, 0: as fast as it goes. `clock` in ms, `sleep` in seconds."""

    rate: float
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    rows: int = 0
    since_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.since_ms = self.clock()

    def took(self, rows: int) -> None:
        """So many rows were read: wait until they were allowed."""
        self.rows += rows
        if not self.rate:
            return
        early = self.rows / self.rate - (self.clock() - self.since_ms) / 1000
        if early > 0:
            self.sleep(early)
