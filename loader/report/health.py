"""What `status --check`, the log and the metrics judge a table by: ages, sizes against their own past, books, space.

Read from the metastore, the state folder and the directories; needs neither Spark nor Arrow. Ages in seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from loader.report.space import Space, space_of
from loader.state.open_table import Environment
from loader.state.quarantine import QuarantinedRow, quarantined
from loader.state.records import Standing
from metastore.api import LockInfo, LockState
from partitioner.history.kinds import Kind
from partitioner.history.table_state import Attempt
from partitioner.values import PartitionValues, Version

FEWEST_VERSIONS = 3
"""A partition is compared with its own past once it has so many versions on record."""


@dataclass(frozen=True, slots=True)
class Grown:
    """One partition of the last batch against the median of what it was before."""

    partition: str
    rows: int
    bytes: int
    usual_rows: float
    usual_bytes: float

    @property
    def share(self) -> float:
        """How far it is from its usual size, as a share of it."""
        rows = abs(self.rows - self.usual_rows) / max(self.usual_rows, 1)
        return max(rows, abs(self.bytes - self.usual_bytes) / max(self.usual_bytes, 1))


@dataclass(frozen=True, slots=True)
class Books:
    """The last batch's input against its output: rows may grow by its upserts at most, and shrink by its deletes."""

    batch: int
    upserts: int
    deletes: int
    rows_before: int
    rows_after: int

    @property
    def balanced(self) -> bool:
        return -self.deletes <= self.rows_after - self.rows_before <= self.upserts


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who has the table's lock, and for how long."""

    owner: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Vitals:
    """`newest_partition`: the last by name; its age since it was written. `waiting`: who queues for the lock."""

    table: str
    at_ms: int
    watermark_age_s: float | None
    swap_age_s: float | None
    newest_partition: tuple[str, float] | None
    grown: tuple[Grown, ...]
    books: Books | None
    quarantine_age_s: float | None
    lock: LockHolder | None
    waiting: int
    space: Space
    aborted_in_a_row: int


def vitals_of(env: Environment) -> Vitals:
    """Look at the table as it is now."""
    now, standing, position = env.clock(), env.state.latest(), env.state.position()
    waiting = quarantined(env.files, env.layout, standing.attempts, standing.quarantined)
    locks = env.metastore.locks(env.table)
    return Vitals(
        table=str(env.table),
        at_ms=now,
        watermark_age_s=_age(now, position.low_ms) if position else None,
        swap_age_s=_age(now, standing.committed_ms) if standing.committed_ms is not None else None,
        newest_partition=_newest(env, standing.state.live, now),
        grown=_grown(env, standing),
        books=_books(standing),
        quarantine_age_s=_quarantine_age(now, waiting, standing.attempts),
        lock=_lock(locks, now),
        waiting=sum(lock.state is LockState.WAITING for lock in locks),
        space=space_of(env.files, env.layout, [version.location for version in standing.state.live.values()]),
        aborted_in_a_row=_aborted(standing.attempts),
    )


def _age(now_ms: int, then_ms: int) -> float:
    return max(0.0, (now_ms - then_ms) / 1000)


def _newest(env: Environment, live: Mapping[PartitionValues, Version], now: int) -> tuple[str, float] | None:
    """An attempt's name tells when it began."""
    filled = [partition for partition, version in live.items() if version.rows]
    if not filled:
        return None
    newest = max(filled)
    return env.name_of(newest), _age(now, _started_ms(live[newest].attempt))


def _started_ms(attempt: str) -> int:
    return int(attempt.split("-")[1])


def _last_batch(standing: Standing) -> Attempt | None:
    committed = [attempt for attempt in standing.attempts if attempt.committed and attempt.manifest]
    last = committed[-1] if committed else None
    return last if last and last.intent.kind is Kind.BATCH else None


def _past(standing: Standing, before: int) -> dict[PartitionValues, list[Version]]:
    """Each partition's versions by committed attempts before one, oldest first."""
    past: dict[PartitionValues, list[Version]] = {}
    for attempt in standing.attempts:
        if attempt.committed and attempt.manifest and attempt.intent.batch < before:
            for move in attempt.manifest.moves:
                past.setdefault(move.partition, []).append(move.new)
    return past


def _grown(env: Environment, standing: Standing) -> tuple[Grown, ...]:
    last = _last_batch(standing)
    if last is None or last.manifest is None:
        return ()
    past = _past(standing, last.intent.batch)
    return tuple(
        Grown(
            partition=env.name_of(move.partition),
            rows=move.new.rows,
            bytes=move.new.bytes,
            usual_rows=median(version.rows for version in before),
            usual_bytes=median(version.bytes for version in before),
        )
        for move in last.manifest.moves
        for before in [past.get(move.partition, [])]
        if len(before) >= FEWEST_VERSIONS
    )


def _books(standing: Standing) -> Books | None:
    """None where a touched partition's rows before are not on record after the newest checkpoint."""
    last = _last_batch(standing)
    if last is None or last.manifest is None:
        return None
    past = _past(standing, last.intent.batch)
    if any(move.old is not None and move.partition not in past for move in last.manifest.moves):
        return None
    counts = last.manifest.counts
    return Books(
        batch=last.intent.batch,
        upserts=counts.upserts,
        deletes=counts.deletes,
        rows_before=sum(past[move.partition][-1].rows for move in last.manifest.moves if move.partition in past),
        rows_after=sum(move.new.rows for move in last.manifest.moves),
    )


def _quarantine_age(now: int, rows: Mapping[str, QuarantinedRow], attempts: Sequence[Attempt]) -> float | None:
    """Of the row that is in it for longest; of one that was there before all `attempts`, at least."""
    if not rows:
        return None
    began = {attempt.intent.batch: attempt.intent.started_ms for attempt in attempts}
    oldest = min(began.values(), default=now)
    return _age(now, min(began.get(row.get("batch", 0), oldest) for row in rows.values()))


def _lock(locks: Iterable[LockInfo], now: int) -> LockHolder | None:
    held = [lock for lock in locks if lock.state is LockState.ACQUIRED and lock.acquired_at is not None]
    oldest = min(held, key=lambda lock: lock.acquired_at or 0, default=None)
    if oldest is None:
        return None
    return LockHolder(f"{oldest.user}@{oldest.host} ({oldest.agent})", max(0.0, now / 1000 - (oldest.acquired_at or 0)))


def _aborted(attempts: Sequence[Attempt]) -> int:
    """How many of the newest settled attempts were aborted, one after the other."""
    count = 0
    for attempt in reversed(attempts):
        if attempt.ending is None:
            continue
        if attempt.committed:
            break
        count += 1
    return count
