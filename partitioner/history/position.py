"""Where a source was read up to: a value of the source's own, which nobody compares. The newest one is in force.

A position that was once stored too far ahead (a clock that ran hours fast, offsets of a topic that was made anew) would
otherwise stay for ever, and what comes before it would never be read. So positions are put in order by what they
follow, never by what they say: by the batch, then by a sequence number.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

BEGINNING: Mapping[str, Any] = {}
"""The value of a log's position before its first event."""

Order = tuple[int, int]
"""The batch that a position was committed with or follows, and its sequence number. The largest is the newest."""


@dataclass(frozen=True, slots=True)
class Position:
    """What a source called `source` was read up to, and when that was by its own clock, in ms since 1970.

    `since_ms` to `read_ms` is what was read for it; all changes before `low_ms` are in the table. A source whose
    positions are times (HBase) goes on from these. Any other one (offsets, names of files) goes on from `value`, of
    JSON types; there the times only tell people how fresh the table is.
    """

    source: str
    since_ms: int
    read_ms: int
    low_ms: int
    value: Mapping[str, Any] | None = None
    number: int = 0
    batch: int = 0

    @property
    def order(self) -> Order:
        return (self.batch, self.number)


@dataclass(frozen=True, slots=True)
class Span:
    """A position as format 1 stored it: `[start, end)` was read, and all that is before `low` is in."""

    source: str
    start: int
    end: int
    low: int

    def position(self, batch: int = 0) -> Position:
        """`batch`: that of the manifest that it stands in; format 1 does not repeat it, and knows no numbers."""
        return Position(self.source, self.start, self.end, self.low, batch=batch)


def position_to(position: Position | None) -> dict[str, Any] | None:
    """A dict of JSON types."""
    return None if position is None else asdict(position)
