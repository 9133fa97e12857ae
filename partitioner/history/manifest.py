"""The manifest: a plan as stored before the swap, with what was really written; and its plain-dict form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from partitioner.history.kinds import FLAGS, Kind
from partitioner.history.position import Position, position_from
from partitioner.values import AttemptId, Bucket, DataFile, PartitionValues, Version

FORMAT = 2
"""Version of the stored form. A reader refuses a larger one, and reads every smaller one for ever."""
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
    needs: tuple[str, ...] = ()  # what a reader must know, see KNOWN_NEEDS


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome object. `concluded_ms` is when what the swap replaced was superseded at the latest."""

    attempt: AttemptId
    verdict: Verdict
    concluded_ms: int
    reason: str = ""


def to_plain(value: Intent | Manifest | Ending) -> dict[str, Any]:
    """A dict of JSON types."""
    flags = {"flags": list(FLAGS[value.kind].names)} if isinstance(value, Manifest) else {}
    return {"format": FORMAT, **flags, **plain_of(value)}


def plain_of(value: Any) -> dict[str, Any]:
    """The same for a part of something stored; `value` is one of the dataclasses above, or a Version."""
    return asdict(value)


def intent_from(plain: Mapping[str, Any]) -> Intent:
    fields = checked(plain)
    return Intent(
        batch=fields["batch"],
        attempt=AttemptId(fields["attempt"]),
        kind=Kind(fields["kind"]),
        run=fields["run"],
        fence=_values(fields["fence"]),
        started_ms=fields["started_ms"],
    )


def manifest_from(plain: Mapping[str, Any]) -> Manifest:
    fields = checked(plain)
    return Manifest(
        batch=fields["batch"],
        attempt=AttemptId(fields["attempt"]),
        kind=Kind(fields["kind"]),
        fence=_values(fields["fence"]),
        recorded_ms=fields["recorded_ms"],
        moves=tuple(_move(move) for move in fields["moves"]),
        index=tuple(fields["index"]),
        counts=Counts(**fields["counts"]),
        position=position_from(fields.get("position") or fields.get("span"), fields["batch"]),
        target=fields["target"],
        undone=tuple(fields["undone"]),
        owed=tuple(fields["owed"]),
        paid=tuple(fields["paid"]),
        healed=tuple(fields["healed"]),
        held=partitions_from(fields.get("held")),
        deferred=key_set_from(fields.get("deferred")),
        rest=key_set_from(fields.get("rest")),
        released=tuple(fields.get("released", ())),
        taken=tuple(fields.get("taken", ())),
        dropped=partitions_from(fields.get("dropped")) or (),
        watermark=fields.get("watermark"),
        answered=tuple(fields.get("answered", ())),
        definition=definition_from(fields.get("definition")),
        rule=RuleId(**fields["rule"]) if fields.get("rule") else None,
        parts=tuple(fields.get("parts", ())),
        event_ms=fields.get("event_ms"),
        needs=tuple(fields.get("needs", ())),
    )


def definition_from(plain: Mapping[str, Any] | None) -> Definition | None:
    return Definition(plain["digest"], plain["decoder"]) if plain else None


def ending_from(plain: Mapping[str, Any]) -> Ending:
    fields = checked(plain)
    return Ending(
        AttemptId(fields["attempt"]), Verdict(fields["verdict"]), fields["concluded_ms"], fields.get("reason", "")
    )


def checked(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises ValueError if it was stored by a newer program."""
    if plain.get("format", 0) > FORMAT:
        raise ValueError(f"stored form {plain['format']} is newer than this program's {FORMAT}: upgrade hotswap")
    if unknown := sorted(set(plain.get("needs", ())) - KNOWN_NEEDS):
        raise ValueError(f"it needs what this program does not know ({', '.join(unknown)}): upgrade hotswap")
    return plain


def partitions_from(partitions: list[list[str]] | None) -> tuple[PartitionValues, ...] | None:
    return None if partitions is None else tuple(tuple(values) for values in partitions)


def key_set_from(plain: Mapping[str, Any] | None) -> KeySet | None:
    return KeySet(plain["name"], plain["keys"]) if plain else None


def _values(values: list[str] | None) -> PartitionValues | None:
    return None if values is None else tuple(values)


def _move(plain: Mapping[str, Any]) -> PartitionMove:
    return PartitionMove(
        partition=tuple(plain["partition"]),
        old=plain["old"],
        new=version_from(plain["new"]),
        placeholder=plain["placeholder"],
    )


def version_from(plain: Mapping[str, Any]) -> Version:
    return Version(
        partition=tuple(plain["partition"]),
        attempt=AttemptId(plain["attempt"]),
        location=plain["location"],
        format=plain["format"],
        columns=tuple((name, kind) for name, kind in plain["columns"]),
        files=tuple(
            DataFile(file["name"], Bucket(**file["bucket"]), file["rows"], file["bytes"], AttemptId(file.get("by", "")))
            for file in plain["files"]
        ),
    )
