"""Keep an eye on all that runs while the story waits for something."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devservers.demo.errors import DemoFailed
from devservers.demo.freshness import Freshness
from devservers.demo.hotswap import Event, Runner
from devservers.demo.query import Query
from devservers.demo.servers import Servers
from devservers.demo.show import Screen
from loader.basics.quantities import counted

_PATIENCE_S = 180.0
_GLANCE_S = 0.05


@dataclass(slots=True)
class Watch:
    """Tells each batch of `runner` as it commits. `batches`: those committed, in order."""

    screen: Screen
    servers: Servers
    runner: Runner
    freshness: Freshness = field(default_factory=Freshness)
    batches: list[Event] = field(default_factory=list)
    waits_for: str = ""

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Go on watching until it is true. Raises DemoFailed if that takes minutes, or if something has ended."""
        end = time.monotonic() + _PATIENCE_S
        with self.screen.waiting(what):
            while not condition():
                self._glance()
                if time.monotonic() > end:
                    raise DemoFailed(f"still {what} after {_PATIENCE_S:.0f} s", f"see {self.runner.log}")

    def until_visible(self) -> None:
        """Until all that was written is in a committed batch."""
        rows = sum(write.rows for write in self.freshness.pending)
        if rows:
            self.until(
                lambda: not self.freshness.pending, f"waiting until {counted(rows, 'change')} can be seen in Hive"
            )

    def until_answered(self, query: Query, what: str) -> None:
        self.until(query.answer.done, what)

    def pause(self, seconds: float) -> None:
        """Let time pass, watching."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._glance()

    def swaps_between(self, start_ms: int, end_ms: int) -> int:
        """Batches confirmed in this time."""
        return sum(1 for batch in self.batches if start_ms < (batch["confirmed_ms"] or 0) < end_ms)

    def _glance(self) -> None:
        self.servers.check()
        event = self.runner.next(_GLANCE_S)
        if event is None:
            return
        if event["event"] == "batch" and event["outcome"] == "committed":
            self._committed(event)
        elif event["event"] == "waiting" and event["error"] != self.waits_for:
            self.waits_for = event["error"]
            self.screen.tell(f"hotswap run waits: {self.waits_for}")

    def _committed(self, event: Event) -> None:
        self.batches.append(event)
        taken: list[float] = []
        if event["window"] and event["confirmed_ms"]:
            taken = self.freshness.committed(event["window"][1], event["confirmed_ms"])
        self.screen.batch(event, taken)
