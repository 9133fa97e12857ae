"""The low watermark of a comparison, and how long it waits for what is younger."""

from dataclasses import dataclass, field

from loader.basics.moments import passed
from loader.state.open_table import Environment

NOBODY_LOADS_MS = 60_000
"""A running loader stores a position every 15 s, also of a quiet table."""


def low_watermark(env: Environment) -> int:
    """What is before it is in every state of the table that is read after this call; 0: nothing is known to be."""
    position, waits = env.state.position(), env.state.records().state.watermark
    low = position.low_ms if position else 0
    return low if waits is None else min(low, waits)


@dataclass(slots=True)
class Waits:
    """How long open differences are waited for, and how HBase had their rows when they were last looked at."""

    env: Environment
    wait_s: float
    seen: dict[bytes, tuple[int | None, int]] = field(default_factory=dict)
    since_ms: int = field(init=False)
    moved_ms: int = field(init=False)
    end: int | None = None

    def __post_init__(self) -> None:
        self.since_ms = self.moved_ms = self.env.clock()

    def low(self) -> int:
        position = self.env.state.position()
        if position and position.read_ms != self.end:
            self.end, self.moved_ms = position.read_ms, self.env.clock()
        return low_watermark(self.env)

    def over(self) -> bool:
        """The time is over, or no loader runs."""
        now = self.env.clock()
        return passed(now, self.since_ms, self.wait_s * 1000) or passed(now, self.moved_ms, NOBODY_LOADS_MS)

    def stood(self, key: bytes, digest: int | None, low: int) -> bool:
        """The watermark has passed the moment at which HBase had this very row: a cell of the future, say."""
        return key in self.seen and self.seen[key][0] == digest and self.seen[key][1] < low

    def remember(self, key: bytes, digest: int | None, read_ms: int) -> None:
        if key not in self.seen or self.seen[key][0] != digest:
            self.seen[key] = digest, read_ms
