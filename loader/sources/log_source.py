"""A log as a loop has it: stretches as batches of events, each begun where the table says that the last one ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa

from loader.sources.api import MESSAGES, NO_KEYS, EventReader, Log, Part, Poll, Stretch, going_on_from
from loader.sources.rows import ReadRows, joined
from partitioner.history.position import Position

Decode = Callable[[pa.Table], ReadRows]
"""Messages → rows: each message in `rows` or in `rejected`, or dropped by the table's filter."""

MAX_EVENTS = 1_000_000
"""A batch, about."""


@dataclass(frozen=True, slots=True)
class LogReader(EventReader):
    """Reads a stretch's parts, `threads` at a time, and decodes them."""

    log: Log
    decode: Decode
    threads: int = 1

    def events(self, stretch: Stretch) -> ReadRows:
        """In the order of the parts, whichever was read first."""
        if not stretch.parts:
            return self.decode(MESSAGES.empty_table())
        with ThreadPoolExecutor(self.threads) as pool:
            return joined(pool.map(self._one, stretch.parts))

    def _one(self, part: Part) -> ReadRows:
        return self.decode(pa.Table.from_batches(self.log.read(part), MESSAGES))


@dataclass(slots=True)
class LogSource:
    """Of one loader run. `position`: the table's, by its last committed manifest: a log moves by numbered batches only.

    So nothing is remembered from one poll to the next, and an attempt that fails contributed nothing.
    """

    log: Log
    reader: LogReader
    position: Callable[[], Position | None]
    clock: Callable[[], int]
    max_events: int = MAX_EVENTS
    behind: bool = False
    backlog: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        return self.log.name

    def poll(self) -> Poll:
        """Of a log with nothing new the position says the same, and that it was so now: so fresh is the table."""
        now, since = self.clock(), self.position()
        start = going_on_from(since)
        stretch = self.log.poll(start, self.max_events)
        self.behind = stretch is not None and stretch.more
        if stretch is not None:
            return Poll(NO_KEYS, stretch.position, stretch, since)
        still = replace(start, since_ms=start.read_ms, read_ms=now, low_ms=now) if start is not None else None
        return Poll(NO_KEYS, still, since=since)

    def settled(self, deletes: int) -> None:
        """The position says it."""

    def abandoned(self) -> None:
        self.behind = False

    def delete_share(self, most: float, rows: int) -> float:
        return most
