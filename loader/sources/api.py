"""What a table's changes come from, as the loop, a batch and `plan` use it: the same for every source.

A *keyed* source (HBase) says which keys may have changed, and is asked for those rows as they are now. A *log* (Kafka,
files) yields events between two positions, each once. A position is the source's own value: nobody else reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from loader.basics.errors import SourceError
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
        """How many there are at most."""


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
