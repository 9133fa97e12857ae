"""Why a key's row in Hive is not what HBase says now. Pure: facts in, reasons out."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Now(StrEnum):
    """What HBase says of a key now."""

    ROW = "row"
    GONE = "gone"
    FILTERED = "filtered"
    UNDECODABLE = "undecodable"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of one key. Times in ms of cell time; None: there is none.

    `expected`: key index (or the key itself) and files agree that it lives, or lives nowhere; `same`: Hive's row is
    what HBase's row would be. `newest_put`, `newest_marker`: of the raw cells and delete markers that HBase still has.
    `window_end`, `low`: up to where windows were read, and from where they are read again; None before the first.
    `quarantined`: why its row cannot be decoded, now or when a batch read it; `on_record`: a batch has put it there.
    `held`, `requested`: by what its change is kept back, and why the next batch reads it again anyway.
    """

    expected: bool
    same: bool
    now: Now
    now_ms: int
    newest_put: int | None = None
    newest_marker: int | None = None
    window_end: int | None = None
    low: int | None = None
    quarantined: str | None = None
    on_record: bool = False
    held: str | None = None
    requested: str | None = None


class Cause(StrEnum):
    """Short names, for programs."""

    DRIFT = "index drift"
    UNREACHABLE = "unreachable"
    QUARANTINED = "quarantined"
    HELD = "held"
    REQUESTED = "read by the next batch"
    FUTURE = "stamped in the future"
    NOT_SEEN = "not yet seen"
    AGAIN = "read again soon"
    EXPIRED = "expired"
    VANISHED = "vanished"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, in words, with what to do (empty: nothing, it heals by itself)."""

    cause: Cause
    what: str
    do: str = ""


NO_WINDOW = (Cause.EXPIRED, Cause.VANISHED, Cause.MISSED)
"""What windows do not see. A row that a batch has seen and set aside, or that waits for a hold, is none of these."""

RECONCILE = "No window will find it: `hotswap reconcile --repair` compares with HBase and puts it right."


def reasons(facts: KeyFacts) -> tuple[Reason, ...]:
    """Why Hive and HBase differ, the likeliest first; nothing if they are known to agree."""
    return tuple(_reasons(facts))


def _reasons(facts: KeyFacts) -> Iterator[Reason]:
    if not facts.expected:
        what = "the key index and the files do not agree on where it lives"
        yield Reason(Cause.DRIFT, what, "Stop the loader, keep the state folder, and run `hotswap verify --deep`.")
    if facts.now is Now.UNREACHABLE:
        yield Reason(Cause.UNREACHABLE, "HBase could not be asked, so nothing is known of its row now", "Ask again.")
        return
    if facts.same:
        return
    if facts.quarantined is not None or facts.now is Now.UNDECODABLE:
        yield _quarantined(facts)
    if facts.held is not None:
        yield Reason(Cause.HELD, f"{facts.held}: its change waits", "`hotswap resume` ends the hold.")
    elif facts.requested is not None:
        yield Reason(Cause.REQUESTED, f"the next batch reads it again: {facts.requested}")
        return
    by_time = _by_time(facts)
    seen = facts.on_record or facts.held is not None
    in_vain = facts.on_record and facts.now is Now.UNDECODABLE and by_time.cause is Cause.AGAIN
    if not (seen and by_time.cause in NO_WINDOW) and not in_vain:
        yield by_time


def _quarantined(facts: KeyFacts) -> Reason:
    why = f": {facts.quarantined}" if facts.quarantined else ""
    if facts.now is Now.UNDECODABLE:
        what = f"its row cannot be decoded{why}; Hive keeps its last good image"
        return Reason(Cause.QUARANTINED, what, "Correct it in HBase, or correct the mapping.")
    what = f"a batch could not decode its row{why}; HBase has a good one by now"
    return Reason(Cause.QUARANTINED, what, "`hotswap quarantine retry` lets the next batch read it.")


def _by_time(facts: KeyFacts) -> Reason:
    """By the newest thing that happened to it: whether a window has yet to see it, or none ever will."""
    newest = max((ms for ms in (facts.newest_put, facts.newest_marker) if ms is not None), default=None)
    if newest is None:
        what = (
            "HBase has neither a cell nor a delete marker of it: truncated, expired, or the marker was compacted away"
        )
        return Reason(Cause.VANISHED, what, RECONCILE)
    if newest > facts.now_ms:
        return Reason(
            Cause.FUTURE, "its newest cell is stamped in the future, and shows only then", "Check who wrote it."
        )
    if facts.window_end is None or newest >= facts.window_end:
        return Reason(Cause.NOT_SEEN, "its newest change is younger than the last window: the next batch brings it")
    if _expired(facts):
        what = "its cells are older than their time to live, and expiry is no change that a window sees"
        return Reason(Cause.EXPIRED, what, RECONCILE)
    if facts.low is None or newest >= facts.low:
        return Reason(Cause.AGAIN, "its newest change lies in what is read again: within a minute a batch brings it")
    what = (
        "its newest cell is older than what any window reads again: written with a timestamp of the client's own, bulk"
    )
    return Reason(Cause.MISSED, f"{what} loaded, or an older version that came back", RECONCILE)


def _expired(facts: KeyFacts) -> bool:
    """HBase shows no row although a put is there that no marker hides."""
    marker = facts.newest_marker
    return facts.now is Now.GONE and facts.newest_put is not None and (marker is None or marker < facts.newest_put)
