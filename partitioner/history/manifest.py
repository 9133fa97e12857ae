"""The manifest: a plan as stored before the swap, with what was really written; and its plain-dict form.

The classes here are what is stored, field by field: `loader.state.objects` reads them back by their types. A field that
came later has a default, which is what an object of before means by not having it.
"""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from partitioner.history.kinds import FLAGS, Kind
from partitioner.history.position import Position, Span
from partitioner.values import AttemptId, PartitionValues, Version, plain_name

FORMAT = 2
"""Version of the stored form: what this program writes, and the newest that it reads. All older ones are read for ever.

It stands first in a stored object, so that another program knows by the object's first bytes whether it may read on.
"""
KNOWN_NEEDS: frozenset[str] = frozenset()
"""What a manifest may need a reader to know beyond the format. One that needs more is refused, as a newer format is."""


class Verdict(StrEnum):
    """What an attempt came to; stored once, after the read-back."""

    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Definition:
    """What decides a row's image and place, as a digest, and the version of the decoder that made the images.

    Two manifests with one definition made equal rows of equal bytes. A rollback carries its target's.
    """

    digest: str
    decoder: int


@dataclass(frozen=True, slots=True)
class RuleId:
    """The merge rule by which existing rows and changes became new rows."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a batch's change set held, in keys."""

    upserts: int = 0
    deletes: int = 0
    moves: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys put aside for a later batch: the name of the object that lists them, and how many they are."""

    name: str
    keys: int

    def __post_init__(self) -> None:
        plain_name(self.name)


@dataclass(frozen=True, slots=True)
class PutAside:
    """What the batches of a log had put aside, released and quarantined (events by their place, hex) up to a batch."""

    deferred: tuple[KeySet, ...] = ()
    released: tuple[KeySet, ...] = ()
    quarantined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartitionMove:
    """One partition of a swap. `old` is the location expected before it; None: the partition does not exist yet.

    `placeholder` is where a partition that does not exist yet is added, empty, before the swap.
    """

    partition: PartitionValues
    old: str | None
    new: Version
    placeholder: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """Written first of all: claims the batch number and names what the attempt may leave behind."""

    batch: int
    attempt: AttemptId
    kind: Kind
    run: str
    fence: PartitionValues | None
    started_ms: int

    def __post_init__(self) -> None:
        plain_name(self.attempt)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a swap means. `index` lists the key index's segments as of this manifest, oldest first."""

    batch: int
    attempt: AttemptId
    kind: Kind
    fence: PartitionValues | None
    recorded_ms: int
    moves: tuple[PartitionMove, ...]
    index: tuple[str, ...]
    counts: Counts = Counts()
    position: Position | None = None  # what the source was read up to; None: as before
    target: int | None = None  # rollback: the batch whose state it restores
    undone: tuple[int, ...] = ()  # rollback: committed batches that it takes back
    owed: tuple[int, ...] = ()  # resume: batches whose keys the next batch must read again
    paid: tuple[int, ...] = ()  # batch: owed batches whose keys it read again
    healed: tuple[str, ...] = ()  # batch: quarantined keys (hex) whose row could be decoded this time, or is gone
    held: tuple[PartitionValues, ...] | None = None  # rollback, hold, resume: of these partitions; None: of the table
    deferred: KeySet | None = None  # batch: keys that wait for a hold; rollback of partitions: keys that it takes back
    rest: KeySet | None = None  # batch: keys of what did not fit into one call; the next batch reads them again
    released: tuple[str, ...] = ()  # resume: deferred key sets that the next batch must read again
    taken: tuple[str, ...] = ()  # batch: released key sets, and rests, that it read again
    dropped: tuple[PartitionValues, ...] = ()  # drop: empty partitions, in one call with the fence
    watermark: int | None = None  # what is before it is in; stands until all that is owed, deferred or left is read
    answered: tuple[str, ...] = ()  # batch: asks (loader/state/rereads.py) whose keys it read again
    definition: Definition | None = None  # None: of format 1, or no rows were made
    rule: RuleId | None = None  # likewise
    parts: tuple[str, ...] = ()  # the objects that its change set consists of, below <state>/changes/
    event_ms: int | None = None  # event time up to which everything is live; of sources that have one
    waiting: PutAside | None = None  # rollback of a log: what its target had put aside counts again, and nothing else
    needs: tuple[str, ...] = ()  # what a reader must know, see KNOWN_NEEDS

    def __post_init__(self) -> None:
        for name in (self.attempt, *self.index, *self.released, *self.taken, *self.answered, *self.parts):
            plain_name(name)


@dataclass(frozen=True, slots=True)
class StoredManifest(Manifest):
    """A manifest as it is stored, of any format. `span`: its position in format 1."""

    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome object. `concluded_ms` is when what the swap replaced was superseded at the latest."""

    attempt: AttemptId
    verdict: Verdict
    concluded_ms: int
    reason: str = ""

    def __post_init__(self) -> None:
        plain_name(self.attempt)


def to_plain(value: Intent | Manifest | Ending) -> dict[str, Any]:
    """A dict of JSON types."""
    flags = {"flags": list(FLAGS[value.kind].names)} if isinstance(value, Manifest) else {}
    return {"format": FORMAT, **flags, **plain_of(value)}


def plain_of(value: Any) -> dict[str, Any]:
    """The same for a part of something stored; `value` is one of the dataclasses above, or a Version."""
    return asdict(value)


def manifest_from(stored: StoredManifest) -> Manifest:
    """What it says."""
    values = {field.name: getattr(stored, field.name) for field in fields(Manifest)}
    if stored.span is not None and stored.position is None:
        values["position"] = stored.span.position(stored.batch)
    return Manifest(**values)
