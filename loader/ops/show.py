"""One batch looked at closely (`show`), and two batches compared (`diff`). Reads state objects only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loader.basics.errors import ConfigError
from loader.report.reports import Window
from loader.state.records import Records
from partitioner.history.manifest import Manifest
from partitioner.history.rollback_plan import committed_batches
from partitioner.history.table_state import Attempt, TableState, fold
from partitioner.values import PartitionValues, Version

FOLDED = "stands for all batches up to it, which were folded: so nothing is told of before"
Name = Callable[[PartitionValues], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One partition before and after. `location`: where it is afterwards; None: it is not there."""

    partition: str
    location: str | None
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int
    files_before: int
    files_after: int


@dataclass(frozen=True, slots=True)
class BatchDetail:
    """One attempt with all that it moved. `concluded_ms` None: not settled."""

    table: str
    batch: int
    attempt: str
    kind: str
    outcome: str
    reason: str
    run: str
    started_ms: int
    recorded_ms: int | None
    concluded_ms: int | None
    window: Window | None
    low_watermark_ms: int | None
    upserts: int
    deletes: int
    moves: int
    rejected: int
    healed: int
    target: int | None
    undone: tuple[int, ...]
    fence: str | None
    partitions: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the table is after batch `newer` against what it was after batch `older`."""

    table: str
    older: int
    newer: int
    partitions: tuple[Change, ...]
    unchanged: int
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int


def detail_of(table: str, records: Records, batch: int, name: Name) -> BatchDetail:
    """Raises ConfigError for a number that no attempt has."""
    attempt = records.attempt(batch)
    if attempt is None:
        last = records.next_batch - 1
        raise ConfigError(f"{table} has no batch {batch}", f"Its last is {last}: `hotswap history {table}` lists them.")
    manifest, ending = attempt.manifest, attempt.ending
    before = fold(records.attempts, batch - 1).live
    position = manifest.position if manifest else None
    return BatchDetail(
        table=table,
        batch=batch,
        attempt=attempt.intent.attempt,
        kind=attempt.intent.kind.value,
        outcome=ending.verdict.value if ending else "unsettled",
        reason=FOLDED if attempt.folded else ending.reason if ending else "",
        run=attempt.intent.run,
        started_ms=attempt.intent.started_ms,
        recorded_ms=manifest.recorded_ms if manifest else None,
        concluded_ms=ending.concluded_ms if ending else None,
        window=(position.since_ms, position.read_ms) if position else None,
        low_watermark_ms=position.low_ms if position else None,
        upserts=manifest.counts.upserts if manifest else 0,
        deletes=manifest.counts.deletes if manifest else 0,
        moves=manifest.counts.moves if manifest else 0,
        rejected=manifest.counts.rejected if manifest else 0,
        healed=len(manifest.healed) if manifest else 0,
        target=manifest.target if manifest else None,
        undone=manifest.undone if manifest else (),
        fence=name(attempt.intent.fence) if attempt.intent.fence else None,
        partitions=_moves(manifest, before, name),
    )


def _moves(manifest: Manifest | None, before: Mapping[PartitionValues, Version], name: Name) -> tuple[Change, ...]:
    moves = sorted(manifest.moves, key=lambda move: move.partition) if manifest else ()
    return tuple(_change(name(move.partition), before.get(move.partition), move.new) for move in moves)


def difference_of(table: str, records: Records, older: int, newer: int, name: Name) -> Difference:
    """Raises ConfigError for a number that is no committed batch."""
    one, other = (_state_at(table, records, batch) for batch in (older, newer))
    changed = sorted(p for p in one.live.keys() | other.live.keys() if one.live.get(p) != other.live.get(p))
    return Difference(
        table=table,
        older=older,
        newer=newer,
        partitions=tuple(_change(name(p), one.live.get(p), other.live.get(p)) for p in changed),
        unchanged=len(one.live.keys() & other.live.keys()) - sum(p in one.live and p in other.live for p in changed),
        rows_before=sum(version.rows for version in one.live.values()),
        rows_after=sum(version.rows for version in other.live.values()),
        bytes_before=sum(version.bytes for version in one.live.values()),
        bytes_after=sum(version.bytes for version in other.live.values()),
    )


def _state_at(table: str, records: Records, batch: int) -> TableState:
    attempt: Attempt | None = records.attempt(batch)
    if attempt is None or not attempt.committed:
        known = ", ".join(map(str, committed_batches(records.attempts)[-10:])) or "none"
        raise ConfigError(f"{batch} is not a committed batch of {table}", f"Committed batches: {known}.")
    return fold(records.attempts, batch)


def _change(name: str, before: Version | None, after: Version | None) -> Change:
    return Change(
        partition=name,
        location=after.location if after else None,
        rows_before=before.rows if before else 0,
        rows_after=after.rows if after else 0,
        bytes_before=before.bytes if before else 0,
        bytes_after=after.bytes if after else 0,
        files_before=len(before.files) if before else 0,
        files_after=len(after.files) if after else 0,
    )
