"""What may be cleaned, and why: versions that no reader, no restore point and no unsettled attempt needs. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from partitioner.history.kinds import FLAGS, Kind
from partitioner.history.manifest import Manifest
from partitioner.history.table_state import Attempt, TableState, after
from partitioner.values import AttemptId, canonical_location

VERSIONS = "/_hotswap/versions/"
"""What is not below such a folder was written by others; of it only the files that were adopted may ever go."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Of the batches committed within `within_ms`, one every `every_ms` (0: all) stays a restore point."""

    every_ms: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """`grace_ms`: at least the longest query; a directory outlives its last moment as live by so much."""

    grace_ms: int
    history: tuple[Keep, ...]


@dataclass(frozen=True, slots=True)
class Condemned:
    """A directory that may go: the batch that wrote it, and since when no reader was sent there.

    `files`: of a directory that somebody else wrote and `adopt` took over, only these go, and the directory stays.
    """

    location: str
    batch: int
    since_ms: int
    why: str
    files: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Life:
    """One location's times as live: [from, to) in positions of the committed history; `to` None: still."""

    batch: int
    spans: list[tuple[int, int | None]]
    since_ms: int = 0


def restore_points(attempts: Iterable[Attempt], rules: RetentionRules, now_ms: int) -> frozenset[int]:
    """Batches that a rollback must still be able to restore; always the newest."""
    committed = [(a.intent.batch, a.ending.concluded_ms) for a in _committed(attempts) if a.ending is not None]
    chosen: dict[tuple[int, int], int] = {}
    for batch, when in committed:
        rule = _rule(rules.history, now_ms - when)
        if rule is not None:
            slot = batch if not rule.every_ms else when // rule.every_ms
            chosen[rule.every_ms, slot] = batch
    return frozenset(chosen.values()) | {batch for batch, _ in committed[-1:]}


def condemned(
    attempts: Sequence[Attempt], rules: RetentionRules, now_ms: int, live: Iterable[str]
) -> tuple[Condemned, ...]:
    """Directories that may be deleted now. `live`: every location that the metastore names, read just now."""
    points = restore_points(attempts, rules, now_ms)
    lives = _lives(attempts)
    order = [attempt.intent.batch for attempt in _committed(attempts)]
    kept = [position for position, batch in enumerate(order) if batch in points]
    past = [
        Condemned(location, life.batch, life.since_ms, "superseded")
        for location, life in lives.items()
        if not any(_covers(span, kept) for span in life.spans) and all(end is not None for _, end in life.spans)
    ]
    left, foreign = _left(attempts), _foreign(attempts)
    past = [replace(item, files=foreign.get(item.location)) for item in past]
    candidates = [_since(item, left) for item in (*past, *_placeholders(attempts), *_aborted(attempts, lives))]
    in_use = _with_parents(live)
    free = [
        item
        for item in candidates
        if item.since_ms + rules.grace_ms <= now_ms and canonical_location(item.location) not in in_use
    ]
    return tuple(sorted(free, key=lambda item: (item.batch, item.location)))


def forgotten_attempts(attempts: Sequence[Attempt], rules: RetentionRules, now_ms: int) -> tuple[AttemptId, ...]:
    """Attempts whose change sets nothing needs any more: older than all of history, not owed, their windows closed."""
    reach = max((keep.within_ms for keep in rules.history), default=0) + rules.grace_ms
    positions = [a.manifest.position for a in _committed(attempts) if a.manifest and a.manifest.position]
    low = positions[-1].low_ms if positions else 0
    needed = _owed_at(attempts, restore_points(attempts, rules, now_ms))
    return tuple(
        attempt.intent.attempt
        for attempt in attempts
        if attempt.ending is not None
        and attempt.ending.concluded_ms + reach <= now_ms
        and attempt.intent.batch not in needed
        and _window_closed(attempt.manifest, low)
    )


def _owed_at(attempts: Iterable[Attempt], points: frozenset[int]) -> frozenset[int]:
    """Batches whose keys a resume must read again: at a restore point, or now."""
    state, found = TableState(), set[int]()
    for attempt in _committed(attempts):
        if attempt.manifest is None:
            continue
        state = attempt.folded.state if attempt.folded else after(state, replace(attempt.manifest, moves=()))
        if attempt.intent.batch in points:  # the newest is one
            found |= {*state.owed, *(batch for hold in state.holds for batch in hold.undone)}
    return frozenset(found)


def _committed(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.committed]


def _rule(history: Sequence[Keep], age_ms: int) -> Keep | None:
    fitting = [keep for keep in history if age_ms <= keep.within_ms]
    return min(fitting, key=lambda keep: keep.within_ms, default=None)


def _lives(attempts: Sequence[Attempt]) -> dict[str, _Life]:
    lives: dict[str, _Life] = {}
    at: dict[tuple[str, ...], str] = {}
    for position, attempt in enumerate(_committed(attempts)):
        for move in attempt.manifest.moves if attempt.manifest else ():
            _end(lives, at.get(move.partition), position, attempt)
            at[move.partition] = move.new.location
            life = lives.setdefault(move.new.location, _Life(attempt.intent.batch, []))
            life.spans.append((position, None))
        for partition in attempt.manifest.dropped if attempt.manifest else ():
            _end(lives, at.pop(partition, None), position, attempt)
    return lives


def _end(lives: Mapping[str, _Life], location: str | None, position: int, attempt: Attempt) -> None:
    """What was live at `location` is not any more, from the attempt's outcome on."""
    if location is not None and attempt.ending is not None:
        life = lives[location]
        life.spans[-1] = (life.spans[-1][0], position)
        life.since_ms = max(life.since_ms, attempt.ending.concluded_ms)


def _left(attempts: Iterable[Attempt]) -> dict[str, int]:
    """When each location was last seen to stop being live, also one that a stale write had brought back."""
    return {
        canonical_location(move.old): attempt.ending.concluded_ms
        for attempt in _committed(attempts)
        if attempt.manifest and attempt.ending
        for move in attempt.manifest.moves
        if move.old is not None
    }


def _foreign(attempts: Sequence[Attempt]) -> dict[str, tuple[str, ...]]:
    """Locations that were taken over from others, with the files that were there then.

    An adoption alone takes over, and only what the metastore named as that partition's location then: the old one of
    the adoption's own move, or, where that is folded, of the move that replaced it.
    """
    registered = {
        (move.partition, canonical_location(move.old))
        for attempt in attempts
        for move in (attempt.manifest.moves if attempt.manifest and attempt.committed else ())
        if move.old is not None
    }
    return {
        move.new.location: tuple(file.name for file in move.new.files)
        for attempt in attempts
        for move in (attempt.manifest.moves if attempt.manifest else ())
        if attempt.intent.kind in (Kind.ADOPT, Kind.FOLDED) and VERSIONS not in move.new.location
        if (move.partition, canonical_location(move.new.location)) in registered
    }


def _since(item: Condemned, left: Mapping[str, int]) -> Condemned:
    return replace(item, since_ms=max(item.since_ms, left.get(canonical_location(item.location), 0)))


def _covers(span: tuple[int, int | None], positions: Sequence[int]) -> bool:
    """Whether any of the sorted positions lies in the span."""
    start, end = span
    found = bisect_left(positions, start)
    return found < len(positions) and (end is None or positions[found] < end)


def _placeholders(attempts: Iterable[Attempt]) -> list[Condemned]:
    """Where partitions were added before their swap; a reader may have been sent there for a moment."""
    return [
        Condemned(move.placeholder, attempt.intent.batch, attempt.ending.concluded_ms, "empty, before its swap")
        for attempt in attempts
        if attempt.manifest and attempt.ending
        for move in attempt.manifest.moves
        if move.placeholder
    ]


def _aborted(attempts: Iterable[Attempt], lives: Mapping[str, object]) -> list[Condemned]:
    """Versions of attempts that never became live."""
    return [
        Condemned(move.new.location, attempt.intent.batch, attempt.ending.concluded_ms, "aborted")
        for attempt in attempts
        if attempt.manifest and attempt.ending and not attempt.committed
        if FLAGS[attempt.intent.kind].writes_versions
        for move in attempt.manifest.moves
        if move.new.location not in lives
    ]


def _with_parents(live: Iterable[str]) -> frozenset[str]:
    """Every live location and every folder above it."""
    found: set[str] = set()
    for location in live:
        place = canonical_location(location)
        while place not in found and place.count("/") > 2:
            found.add(place)
            place = place.rpartition("/")[0]
    return frozenset(found)


def _window_closed(manifest: Manifest | None, low: int) -> bool:
    return manifest is None or manifest.position is None or manifest.position.read_ms <= low
