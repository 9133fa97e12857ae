"""Carry a plan out in Spark: only the changes travel, each to its split's task; the tasks read, merge and write.

What a task needs comes to it as rows, placed by `repartitionById`: its splits, and their changes as Arrow streams. So
nothing of a batch is in the closure, no value passes through Spark's types, and every task gets exactly its own part.
Errors that mean something come back as values, not as the text of a stack trace.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import SparkSession

from loader.basics.errors import HotswapError
from loader.datafiles.in_process import Temporary
from loader.datafiles.split_file import SplitWork, Tools, rewrite_split, works_of
from loader.storage.files import join
from partitioner.changes.change_set import ChangeSet
from partitioner.errors import PartitionerError
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from partitioner.planning.routing import RoutedChanges, changes_by_split

PARCEL_BYTES = 16 << 20
"""Changes travel in pieces of about this size."""

PARCELS = pa.schema([("task", pa.int32()), ("piece", pa.int32()), ("splits", pa.binary()), ("changes", pa.binary())])
ORDINAL = ":split"
OUTCOMES = pa.schema([("outcome", pa.binary())])

Numbered = tuple[int, SplitWork]
Outcome = tuple[int, SplitResult | Exception]


@dataclass(frozen=True, slots=True)
class SparkRewriter:
    """Speculative and zombie tasks are harmless: every split's final name is created once (see `rewrite_split`)."""

    session: SparkSession
    tools: Tools
    temporary: Temporary
    parcel_bytes: int = PARCEL_BYTES

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        """See `Rewriter`. One Spark job of `plan.tasks` tasks behind one shuffle of the changes."""
        parcels = parcels_of(plan, changes_by_split(changes, plan), self.parcel_bytes)
        frame = self.session.createDataFrame(parcels).repartitionById(plan.tasks, "task")
        carry_out = _task(self.tools, self.temporary(plan.attempt))
        outcomes = [pickle.loads(row.outcome) for row in frame.mapInArrow(carry_out, "outcome binary").collect()]  # noqa: S301
        return _results(outcomes, len(plan.splits))


def parcels_of(plan: BatchPlan, routed: RoutedChanges, parcel_bytes: int) -> pa.Table:
    """One or more rows of PARCELS for every task: the first holds its splits, all of them a piece of its changes."""
    works = list(enumerate(works_of(plan)))
    ordinals = np.repeat(np.arange(len(works), dtype=np.int32), np.diff(routed.starts))
    rows = routed.all().append_column(ORDINAL, pa.array(ordinals))
    tasks = np.array([work.split.task for _, work in works], np.int32)
    parcels = []
    for task in range(plan.tasks):
        mine = [numbered for numbered in works if numbered[1].split.task == task]
        for piece, table in enumerate(_pieces(rows.filter(pa.array(tasks[ordinals] == task)), parcel_bytes)):
            parcels.append((task, piece, pickle.dumps(mine) if piece == 0 else None, _to_stream(table)))
    columns = zip(*parcels, strict=True)
    return pa.Table.from_arrays(
        [pa.array(column, kind) for column, kind in zip(columns, PARCELS.types, strict=True)], schema=PARCELS
    )


def _pieces(rows: pa.Table, piece_bytes: int) -> Iterator[pa.Table]:
    step = max(len(rows) * piece_bytes // max(rows.nbytes, 1), 1)
    for start in range(0, max(len(rows), 1), step):
        yield rows.slice(start, step)


def _to_stream(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _task(tools: Tools, folder: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark ships: parcels of one task in, pickled outcomes out."""

    def carry_out(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        run = context.taskAttemptId() if context else 0
        for outcome in outcomes_of(list(batches), tools, folder, run):
            yield pa.RecordBatch.from_arrays([pa.array([pickle.dumps(outcome)], pa.binary())], schema=OUTCOMES)

    return carry_out


def outcomes_of(batches: list[pa.RecordBatch], tools: Tools, folder: str, run: int) -> Iterator[Outcome]:
    """Rewrite the splits of one task; `run` is unique to this execution of it. Ends with the first failure."""
    if not batches:
        return
    parcels = pa.Table.from_batches(batches).sort_by("piece").to_pylist()
    works: list[Numbered] = pickle.loads(parcels[0]["splits"])  # noqa: S301 - written by our own driver
    changes = pa.concat_tables([pa.ipc.open_stream(parcel["changes"]).read_all() for parcel in parcels])
    ordinals = changes[ORDINAL].to_numpy()
    rows = changes.drop_columns([ORDINAL])
    for ordinal, work in works:
        start, end = np.searchsorted(ordinals, [ordinal, ordinal + 1])
        temporary = join(folder, f"split-{ordinal:06d}-{run}")
        try:
            yield ordinal, rewrite_split(work, rows.slice(start, end - start), tools, temporary)
        except (PartitionerError, HotswapError, OSError, pa.ArrowException) as failure:
            yield ordinal, failure
            return


def _results(outcomes: list[Outcome], expected: int) -> tuple[SplitResult, ...]:
    """All results in order, or the first failure. OSError here is a task's own: disk full, permission."""
    ordered = sorted(outcomes, key=lambda outcome: outcome[0])
    for _, result in ordered:
        if isinstance(result, Exception):
            raise result
    if len(ordered) != expected:
        raise RuntimeError(f"Spark returned {len(ordered)} of {expected} splits' results")
    return tuple(result for _, result in ordered if isinstance(result, SplitResult))
