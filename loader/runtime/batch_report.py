"""A finished batch as its log line and the demo tell it."""

from collections.abc import Iterable

import pyarrow.compute as pc

from loader.publish.batch import Batch
from loader.report.reports import BatchReport, RunReport
from partitioner.changes.change_set import Op
from partitioner.history.position import Position
from partitioner.history.settling import Outcome

OUTCOMES = {Outcome.COMMITTED: "committed", Outcome.NOT_COMMITTED: "aborted", Outcome.UNKNOWN: "unknown"}


def run_report(table: str, batches: Iterable[BatchReport], position: Position | None, seconds: float) -> RunReport:
    """What a run of a table came to. `position`: where its source stands now."""
    return RunReport(table, tuple(batches), position.low_ms if position else None, seconds)


def report_of(batch: Batch) -> BatchReport:
    """For a batch that has claimed its number."""
    position = batch.poll.position if batch.poll else None
    plan = batch.plan
    links = [file for partition in plan.partitions for file in partition.links] if plan else []
    return BatchReport(
        table=str(batch.env.table),
        batch=batch.attempt.batch,
        attempt=batch.attempt.attempt,
        outcome=OUTCOMES[batch.outcome],  # type: ignore[arg-type]
        window=(position.since_ms, position.read_ms) if position else None,
        upserts=batch.counts.upserts,
        deletes=batch.counts.deletes,
        moves=batch.counts.moves,
        rejected=batch.counts.rejected,
        partitions=len(batch.moves),
        splits=len(batch.results),
        files_linked=len(links),
        rows=sum(move.new.rows for move in batch.moves),
        bytes_written=sum(result.file.bytes for result in batch.results),
        bytes_linked=sum(file.bytes for file in links),
        seconds=dict(batch.seconds),
        swap_s=batch.seconds.get("swap"),
        freshness_s=_freshness(batch),
        confirmed_ms=batch.confirmed_ms,
    )


def _freshness(batch: Batch) -> float | None:
    """From the newest cell of the batch to its confirmed swap."""
    if batch.outcome is not Outcome.COMMITTED or batch.confirmed_ms is None:
        return None
    rows = batch.change_set.rows
    newest: int | None = pc.max(rows.filter(pc.equal(rows[":op"], int(Op.UPSERT)))[":version"]).as_py()
    if newest is None:
        return None
    return max(0.0, (batch.confirmed_ms - newest) / 1000)
