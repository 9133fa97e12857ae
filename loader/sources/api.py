"""What a table's changes come from, as the loop, a batch and `plan` use it: the same for every source.

A *keyed* source (HBase) says which keys may have changed, and is asked for those rows as they are now. A *log* (Kafka,
files) yields events between two positions, each once. A position is the source's own value: nobody else reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from loader.basics.errors import SourceError
from loader.sources.rows import ReadRows
from partitioner.history.position import Position

MESSAGES = pa.schema(
    [
        pa.field(":part", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # `topic-3`, or a file's name
        pa.field(":at", pa.int64(), nullable=False),  # offset, or the record's number in its file from 0 on
        pa.field(":time_ms", pa.int64()),  # the record's own append time; of a file its modification time
        pa.field(":key", pa.binary()),
        pa.field(":value", pa.binary()),  # null: a message without a value
    ]
)
"""Events as a log has them. (`:part`, `:at`) is an event's identity. `:headers`, a map<string, binary>, may follow."""


class LogGap(SourceError):
    """What a log's position names is not there any more, or is not what it was: nothing is skipped silently."""

    default_hint = "Nothing was published, and nothing is skipped by itself. See docs/logs.md."


class Part(Protocol):
    """One stretch of a log that one task reads. Pickles, small."""

    @property
    def events(self) -> int:
        """How many there are at most; of a file, which does not say, about how many."""


class LeftOut(LogGap):
    """`part` cannot be given as it was promised, and nothing of it is taken: poll again from the same position.

    `bad`: not because it changed or went, but for what is in it: see `LeavesOut`.
    """

    default_hint = "Nothing of it was taken. The next batch is made without it."

    def __init__(self, message: str, part: Part, bad: bool = False) -> None:
        super().__init__(message)
        self.part = part
        self.bad = bad

    def __reduce__(self) -> tuple[type["LeftOut"], tuple[str, Part, bool]]:
        return (LeftOut, (self.message, self.part, self.bad))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What follows a position: `parts`, in no order, and the position once all of them are taken.

    `more`: the log had more than was asked for. `events`: at most so many.
    """

    position: Position
    parts: tuple[Part, ...]
    events: int
    more: bool = False


class Log(Protocol):
    """Yields events between two positions, each once."""

    @property
    def name(self) -> str:
        """Stands in manifests beside the position: `kafka:impressions`, `files:hdfs://…/clicks`."""

    def poll(self, since: Position | None, most: int) -> Stretch | None:
        """What there is beyond `since` (None: from the beginning), about `most` events of it; None: nothing is new.

        Reads no event. A position that moved over nothing (control records, an empty file) is a Stretch of no parts.
        Raises LogGap where `since` cannot be gone on from, Unavailable where the log cannot be asked.
        """

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """MESSAGES, in order of `:at`: the very events of the part, whenever and however often it is read.

        Raises LogGap if it cannot give all of them. May be called in another process than `poll`.
        """

    def close(self) -> None: ...


def going_on_from(position: Position | None) -> Position | None:
    """What a log is to be polled from; None, its beginning, where a rollback took back all that was read of it."""
    return position if position is not None and position.value else None


@dataclass(frozen=True, slots=True)
class Poll:
    """What one batch is to be made of: of a keyed source `keys`, of a log a `stretch`.

    `keys`: to be read again; distinct raw keys (binary, sorted). `stretch` None: the log has nothing new. `position`:
    the source's once the batch is committed; None: as before. `since`: of a log, where the stretch begins.
    """

    keys: pa.Array
    position: Position | None = None
    stretch: Stretch | None = None
    since: Position | None = None

    @property
    def is_news(self) -> bool:
        """Whether the source itself gives cause for a batch."""
        return bool(len(self.keys)) or self.stretch is not None


NO_KEYS = pa.array([], pa.binary())
NO_POLL = Poll(NO_KEYS)
"""No source was asked."""


def moved_to(position: Position) -> Poll:
    """Nothing to read, but another position: of an attempt that is no batch of changes."""
    return Poll(NO_KEYS, position)


@runtime_checkable
class RowReader(Protocol):
    """Reads rows of a keyed source as they are now."""

    def read(self, keys: pa.Array, at_ms: int) -> ReadRows:
        """`at_ms`: the version that deletes get; above all that the poll held. A deletion needs positive proof."""


@runtime_checkable
class EventReader(Protocol):
    """Reads the events of a log as rows."""

    def events(self, stretch: Stretch) -> ReadRows:
        """All of them, in the order of the log within each part. What filters leave out is in neither part."""


class Source(Protocol):
    """What a loop has its batches from: one source of one table, and what of it is still to come.

    `reader` reads what a poll names. Polls come one after the other; each is followed by `settled` or `abandoned`.
    """

    @property
    def name(self) -> str: ...

    @property
    def reader(self) -> RowReader | EventReader: ...

    @property
    def behind(self) -> bool:
        """Whether the last poll found more than one batch takes: the next one goes on with it at once."""

    @property
    def backlog(self) -> int:
        """What waits for the batches after the next one, in keys or events, as far as that is known."""

    def poll(self) -> Poll:
        """What the next batch is made of. Under the table's lock, or before it is taken."""

    def settled(self, deletes: int) -> None:
        """The last poll is published, or was found to be nothing new. `deletes`: how many rows went with it."""

    def abandoned(self) -> None:
        """It is not, and comes again: the next poll begins at the table's position."""

    def delete_share(self, most: float, rows: int) -> float:
        """Which share of the table's `rows` the next batch may delete unasked, if all of a backlog may `most`."""


@runtime_checkable
class LeavesOut(Protocol):
    """A log some of whose parts may turn out not to be readable: the others go on."""

    def leave_out(self, error: LeftOut) -> None:
        """What `read` raised, maybe in another process. The next `poll` is without the part."""

    def told(self) -> tuple[str, ...]:
        """What the last poll saw and did not take, and somebody should know of: an alarm's sentence each."""
