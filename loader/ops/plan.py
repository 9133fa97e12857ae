"""`hotswap plan`: the next batch as a dry run. Nothing is written, no number claimed, no lock held.

What the source has pending is read as a loader that just started would read it. Many rows are sampled within a
deadline: which keys are dirty is exact, what they became is estimated then.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from loader.basics.errors import HotswapError
from loader.publish.batch import Batch, Reading, Work
from loader.publish.decide import plan_of
from loader.publish.gather import Sample, gather
from loader.publish.preconditions import failing
from loader.publish.swap import read_partitions
from loader.report.reports import Window
from loader.sources.api import RowReader
from loader.sources.rows import ReadRows, joined
from loader.state.keys_aside import count_of
from loader.state.layout import attempt_id
from loader.state.open_table import Environment
from loader.state.records import Records
from partitioner.changes.hashing import hashes_of
from partitioner.history.kinds import Kind
from partitioner.history.table_state import TableState
from partitioner.planning.batch_plan import BatchPlan, PartitionPlan
from partitioner.planning.counts import count_changes, of_sample
from partitioner.planning.forecast import forecast, past_batches
from partitioner.values import Estimate, PartitionValues

READ_AT_ONCE = 5_000
"""Rows between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class PartitionPreview:
    """What would become of one partition. `rows_after` and `bytes_written` may be estimates."""

    partition: str
    new: bool
    changes: Estimate
    rows_before: int
    rows_after: Estimate
    files_before: int
    files_after: int
    rewritten: int
    linked: int
    bytes_read: int
    bytes_written: Estimate
    bytes_linked: int


@dataclass(frozen=True, slots=True)
class TaskPreview:
    """One task: how many splits it has, and the predicted seconds of one core."""

    splits: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NextBatch:
    """A batch that would be. `keys` are dirty; `read` of them were read for this; 1 − read/keys was estimated.

    `backlog`: keys that wait for the batches after it (`max_keys`); `left`: likewise, as one metastore call does not
    take them; `deferred`: keys that will wait for a hold to end. `unchanged`: rows read that are as they were last
    published. `bytes_copied`: of untouched files, where the file system has no hard links. `balance`: the largest task
    over the mean. `idle`: there would be no batch. `obstacles`: why it would not be published, in the order of its own
    checks; `notes`: what else there is to know. An estimate of 0 with an infinite error: none was among those read.
    """

    table: str
    batch: int
    follows: int | None
    window: Window | None
    keys: int
    read: int
    backlog: int
    deferred: Estimate
    left: Estimate
    unchanged: int
    upserts: Estimate
    deletes: Estimate
    moves: Estimate
    rejected: Estimate
    partitions: tuple[PartitionPreview, ...]
    splits: int
    files_linked: int
    bytes_read: int
    bytes_written: Estimate
    bytes_linked: int
    bytes_copied: int
    tasks: tuple[TaskPreview, ...]
    balance: float
    predicted_s: Estimate | None  # None: no batch of the table has ended yet
    learned_from: int
    idle: bool
    obstacles: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long rows may be read for a preview: `seconds` by `elapsed`; `at_once` rows are read in any case."""

    seconds: float
    elapsed: Callable[[], float]
    at_once: int = READ_AT_ONCE


def preview(env: Environment, work: Work, patience: Deadline) -> NextBatch:
    """Gather what is pending and plan it. Raises what reading raises; what would stop the batch is an obstacle."""
    records = env.state.records()
    poll = work.scan()
    news = gather(env, work, records.state, poll, lambda *asked: _some_of(patience, *asked))
    batch = Batch(env, Kind.BATCH, work, poll, before=records.state, gathered=news, changes=news.changes)
    batch.reading = Reading(
        cache(lambda: env.metastore.table(env.table)), cache(lambda: read_partitions(env, batch.touched))
    )
    counts = {
        values: of_sample(count, news.fraction)
        for values, count in count_changes(news.changes.rows, news.changes.partitions).items()
    }
    number = records.next_batch
    plan = plan_of(env, work, records.state, number, attempt_id(number, env.clock(), env.identity.run), counts)
    past = past_batches(records.attempts, work.rules.costs)
    return _report(
        batch,
        plan,
        {values: count.rows_after(_rows(records.state, values)) for values, count in counts.items()},
        (forecast(past, sum(split.cost for split in plan.splits)), len(past)),
        tuple(_notes(batch, records)),
    )


def _some_of(patience: Deadline, reader: RowReader, keys: pa.Array, at_ms: int) -> Sample:
    """In the order of the keys' hashes, so that what was read until the deadline is a sample of all."""
    shuffled = keys.take(pa.array(np.argsort(hashes_of(keys), kind="stable"))) if len(keys) > patience.at_once else keys
    started = patience.elapsed()
    parts: list[ReadRows] = []
    asked = 0
    while not parts or (asked < len(keys) and patience.elapsed() - started < patience.seconds):
        parts.append(reader.read(shuffled[asked : asked + patience.at_once], at_ms))
        asked = min(asked + patience.at_once, len(keys))
    return Sample(parts[0] if len(parts) == 1 else joined(parts), asked)


def _rows(state: TableState, values: PartitionValues) -> int:
    return state.live[values].rows if values in state.live else 0


def _notes(batch: Batch, records: Records) -> Iterator[str]:
    """What the batch would do otherwise than one may think; none of it keeps it from being published."""
    env, news = batch.env, batch.news
    if records.unsettled:
        names = ", ".join(attempt.intent.attempt for attempt in records.unsettled)
        yield f"{names} is not settled: under way, or settled first by the next run, which then sees what became of it"
    if records.state.held:
        held = ", ".join(env.name_of(partition) for partition in sorted(records.state.held)[:5])
        yield f"changes of held partitions wait ({held}): `hotswap resume {env.table}` ends it"
    if news.carried.left is not None:
        yield "it is larger than one metastore call: the batches right after it publish the rest (partitions_per_swap)"


def _report(
    batch: Batch,
    plan: BatchPlan,
    rows_after: Mapping[PartitionValues, Estimate],
    predicted: tuple[Estimate | None, int],
    notes: tuple[str, ...],
) -> NextBatch:
    env, news, position = batch.env, batch.news, batch.poll.position if batch.poll else None
    shown = tuple(_partition(env, partition, rows_after[partition.partition]) for partition in plan.partitions)
    tasks, linked = _tasks(plan), plan.bytes_linked
    return NextBatch(
        table=str(env.table),
        batch=plan.batch,
        follows=batch.before.batch or None,
        window=(position.since_ms, position.read_ms) if position else None,
        keys=news.asked,
        read=round(news.fraction * news.asked),
        backlog=0,
        deferred=news.estimated(count_of(news.carried.waiting)),
        left=news.estimated(count_of(news.carried.left)),
        unchanged=news.unchanged,
        upserts=news.estimated(news.counts.upserts),
        deletes=news.estimated(news.counts.deletes),
        moves=news.estimated(news.counts.moves),
        rejected=news.estimated(news.counts.rejected),
        partitions=shown,
        splits=len(plan.splits),
        files_linked=sum(item.linked for item in shown),
        bytes_read=sum(item.bytes_read for item in shown),
        bytes_written=_sum([item.bytes_written for item in shown]),
        bytes_linked=linked if _has_links(env) else 0,
        bytes_copied=0 if _has_links(env) else linked,
        tasks=tasks,
        balance=max((task.seconds for task in tasks), default=0.0) * len(tasks) / _seconds(tasks),
        predicted_s=predicted[0],
        learned_from=predicted[1],
        idle=not news.is_news,
        obstacles=tuple(_told(error) for error in failing(batch)),
        notes=notes,
    )


def _told(error: HotswapError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else error.message


def _partition(env: Environment, plan: PartitionPlan, rows_after: Estimate) -> PartitionPreview:
    count = (plan.splits or plan.links)[0].bucket.count
    reads = {file for split in plan.splits for file in split.reads}
    return PartitionPreview(
        partition=env.name_of(plan.partition),
        new=plan.old is None,
        changes=_sum([split.changes for split in plan.splits]),
        rows_before=plan.old.rows if plan.old else 0,
        rows_after=rows_after,
        files_before=len(plan.old.files) if plan.old else 0,
        files_after=count,
        rewritten=len(plan.splits),
        linked=len(plan.links),
        bytes_read=sum(file.bytes for file in reads),
        bytes_written=_sum([split.written for split in plan.splits]),
        bytes_linked=sum(file.bytes for file in plan.links),
    )


def _tasks(plan: BatchPlan) -> tuple[TaskPreview, ...]:
    splits: Counter[int] = Counter()
    seconds: Counter[int] = Counter()
    for split in plan.splits:
        splits[split.task] += 1
        seconds[split.task] += split.cost  # type: ignore[assignment]  # Counter takes any number
    return tuple(TaskPreview(splits[task], float(seconds[task])) for task in range(plan.tasks))


def _seconds(tasks: Sequence[TaskPreview]) -> float:
    return sum(task.seconds for task in tasks) or 1.0


def _sum(parts: Sequence[Estimate]) -> Estimate:
    """Of estimates that may all err the same way."""
    value = sum(part.value for part in parts)
    return Estimate(value, sum(part.value * part.error for part in parts) / value if value else 0.0)


def _has_links(env: Environment) -> bool:
    return env.files.can.hard_links
