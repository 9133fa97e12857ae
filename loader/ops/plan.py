"""`hotswap plan`: the next batch as a dry run. Nothing is written, no number claimed, no lock held.

What the source has pending is read as a loader that just started would read it. Many rows are sampled within a
deadline: which keys are dirty is exact, what they became is estimated then.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loader.basics.errors import HotswapError, from_foreign
from loader.publish import collect as collecting
from loader.publish import preconditions, requests
from loader.publish.batch import DirtyKeys, ReadRows, Work
from loader.publish.decide import plan_of
from loader.report.reports import Window
from loader.sources.rows import joined
from loader.state.layout import attempt_id
from loader.state.open_table import Environment
from loader.state.records import Records
from metastore.api import Partition
from metastore.errors import MetastoreError
from partitioner.changes.change_set import ChangeSet
from partitioner.changes.hashing import hashes_of
from partitioner.changes.unchanged import Recent, without_unchanged
from partitioner.history.manifest import Counts
from partitioner.history.table_state import TableState
from partitioner.planning.batch_plan import BatchPlan, PartitionPlan
from partitioner.planning.counts import count_changes, of_sample, scale_up
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

    `backlog`: keys that wait for the batches after it (`max_keys`). `unchanged`: rows that read as they were last
    published. `bytes_copied`: of untouched files, where the file system has no hard links. `balance`: the largest task
    over the mean. `obstacles`: why it would not be published.
    """

    table: str
    batch: int
    follows: int | None
    window: Window | None
    keys: int
    read: int
    backlog: int
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
    predicted_s: Estimate
    learned_from: int
    obstacles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long rows may be read for a preview: `seconds` by `elapsed`; `at_once` rows are read in any case."""

    seconds: float
    elapsed: Callable[[], float]
    at_once: int = READ_AT_ONCE


def preview(env: Environment, work: Work, patience: Patience) -> NextBatch:
    """Read what is pending and plan it. Raises what reading raises; what would stop the batch is an obstacle."""
    records = env.state.records()
    dirty, owed = work.scan(), records.state.owed
    keys = collecting.with_owed(dirty.keys, collecting.owed_keys(env, owed, records.state.released))
    _, theirs = requests.look(env, records.state)
    keys = collecting.with_owed(keys, theirs.keys)
    read = _read(work, keys, dirty.position.read_ms if dirty.position else env.clock(), patience)
    fraction = read.asked / len(keys) if len(keys) else 1.0
    goes_on, _ = collecting.what_goes_on(env, records.state, collecting.change_set_of(env, records.state, read.rows))
    found = collecting.effective(goes_on, records.state)
    known = work.recently.refresh(records) if work.recently else Recent()
    changes = without_unchanged(found, known, theirs.keys)
    counts = {
        values: of_sample(count, fraction) for values, count in count_changes(changes.rows, changes.partitions).items()
    }
    number = records.next_batch
    attempt = attempt_id(number, env.clock(), env.identity.run)
    plan = plan_of(env, work, records.state, number, attempt, counts)
    kinds = collecting.counts_of(changes, len(read.rows.rejected))
    past = past_batches(records.attempts, work.rules.costs)
    return _report(
        env,
        plan,
        _Seen(records, dirty, len(keys), read.asked, fraction, len(found.rows) - len(changes.rows), kinds),
        {values: count.rows_after(_rows(records.state, values)) for values, count in counts.items()},
        (forecast(past, sum(split.cost for split in plan.splits)), len(past)),
        tuple(_obstacles(env, work, records, read.rows, kinds, changes)),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """`rows` of `asked` keys, a uniform sample of all."""

    rows: ReadRows
    asked: int


@dataclass(frozen=True, slots=True)
class _Seen:
    records: Records
    dirty: DirtyKeys
    keys: int
    read: int
    fraction: float
    unchanged: int
    kinds: Counts


def _read(work: Work, keys: pa.Array, at_ms: int, patience: Patience) -> _Read:
    """In the order of the keys' hashes, so that what was read until the deadline is a sample of all."""
    shuffled = keys.take(pa.array(np.argsort(hashes_of(keys), kind="stable"))) if len(keys) > patience.at_once else keys
    started = patience.elapsed()
    parts: list[ReadRows] = []
    asked = 0
    while not parts or (asked < len(keys) and patience.elapsed() - started < patience.seconds):
        parts.append(work.reader.read(shuffled[asked : asked + patience.at_once], at_ms))
        asked = min(asked + patience.at_once, len(keys))
    return _Read(parts[0] if len(parts) == 1 else joined(parts), asked)


def _rows(state: TableState, values: PartitionValues) -> int:
    return state.live[values].rows if values in state.live else 0


def _obstacles(
    env: Environment, work: Work, records: Records, read: ReadRows, kinds: Counts, changes: ChangeSet
) -> Sequence[str]:
    """Why the batch would not be published as things stand."""
    found = []
    hold = records.state.whole_hold
    if hold is not None:
        found.append(f"the table is held, since batch {hold.batch}: `hotswap resume {env.table}` ends it")
    if records.state.held:
        held = ", ".join(env.name_of(partition) for partition in sorted(records.state.held)[:5])
        found.append(f"changes of held partitions wait ({held}): `hotswap resume {env.table}` ends it")
    if records.unsettled:
        names = ", ".join(attempt.intent.attempt for attempt in records.unsettled)
        found.append(f"{names} is not settled: under way, or settled first by the next run")
    touched = sorted({changes.partitions[index] for index in _places(changes)})
    for proves in (
        lambda: collecting.check_rejected(env, work, read.rejected),
        lambda: collecting.check_deletes(env, work, records.state, kinds.deletes),
        lambda: preconditions.check_table(env),
        lambda: preconditions.check_locations(env, touched, records.state, _partitions(env, touched)),
    ):
        try:
            proves()
        except (HotswapError, MetastoreError) as error:
            known = from_foreign(error)
            found.append(known.message if known else str(error))
    return found


def _places(changes: ChangeSet) -> set[int]:
    numbers = set(changes.rows["__target"].unique().to_pylist()) | set(changes.rows["__origin"].unique().to_pylist())
    return {number for number in numbers if number >= 0}


def _partitions(env: Environment, wanted: Sequence[PartitionValues]) -> Mapping[PartitionValues, Partition]:
    return {found.values: found for found in env.metastore.partitions(env.table, wanted)} if wanted else {}


def _report(
    env: Environment,
    plan: BatchPlan,
    seen: _Seen,
    rows_after: Mapping[PartitionValues, Estimate],
    predicted: tuple[Estimate, int],
    obstacles: tuple[str, ...],
) -> NextBatch:
    shown = tuple(_partition(env, partition, rows_after[partition.partition]) for partition in plan.partitions)
    tasks = _tasks(plan)
    position, linked = seen.dirty.position, plan.bytes_linked
    return NextBatch(
        table=str(env.table),
        batch=plan.batch,
        follows=seen.records.state.batch or None,
        window=(position.since_ms, position.read_ms) if position else None,
        keys=seen.keys,
        read=seen.read,
        backlog=0,
        unchanged=seen.unchanged,
        upserts=_scaled(seen.kinds.upserts, seen),
        deletes=_scaled(seen.kinds.deletes, seen),
        moves=_scaled(seen.kinds.moves, seen),
        rejected=_scaled(seen.kinds.rejected, seen),
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
        obstacles=obstacles,
    )


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


def _scaled(hits: int, seen: _Seen) -> Estimate:
    return scale_up(hits, seen.fraction) if hits else Estimate(0.0)


def _has_links(env: Environment) -> bool:
    return env.files.can.hard_links
