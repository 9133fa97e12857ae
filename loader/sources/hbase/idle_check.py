"""Whether a table stands still: one short look at it, so that a poll that would find nothing costs no Spark job.

A look only ever delays a batch, and that for a few seconds: it settles nothing, so the next window is read from where
this one would have been. It looks for any cell or marker at all, in the very scan that the tasks make.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loader.basics.errors import SourceError, Unavailable
from loader.sources.hbase.access.api import HBaseClient
from loader.sources.hbase.scan import is_any_in
from loader.sources.hbase.windows import Window, WindowRules, window_to
from partitioner.history.position import Position

LOOK_S = 1.0
"""A look that is not answered by then is given up: the tasks read side by side what it reads alone."""
BLIND_MS = 60_000
"""So long nobody looks then: a table without an index of times is read whole at each look."""
LONGEST_MS = 4_000
"""A batch is made so often whatever a look says: positions are stored by batches, and what others ask for is read."""


@dataclass(slots=True)
class Stillness:
    """`look`: whether anything lies in a window; raises Unavailable or SourceError where it cannot tell.

    `settled`: where windows start, or where they started a while ago, which only makes them longer.
    """

    look: Callable[[Window], bool]
    settled: Position | None = None
    batch_ms: int | None = None
    blind_until_ms: int = 0

    def lasts(self, end_ms: int, now_ms: int, rules: WindowRules) -> bool:
        """Whether nothing lies in the window that would end at `end_ms`, so that no batch is wanted."""
        if self.settled is None or self.batch_ms is None or now_ms < self.blind_until_ms:
            return False
        if not 0 <= now_ms - self.batch_ms < LONGEST_MS:
            return False
        window = window_to(end_ms, self.settled, rules)
        return not window.deep and not window.empty and not self._sees(window, now_ms)

    def _sees(self, window: Window, now_ms: int) -> bool:
        try:
            return self.look(window)
        except (Unavailable, SourceError):
            self.blind_until_ms = now_ms + BLIND_MS
            return True


def look_with(connect: Callable[[], HBaseClient], table: str, families: Sequence[bytes]) -> Callable[[Window], bool]:
    """`connect`: to a client that waits no longer than `LOOK_S`, and tries once."""

    def look(window: Window) -> bool:
        with connect() as client:
            return is_any_in(client, table, families, window)

    return look
