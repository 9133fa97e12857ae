"""plan_append: where new rows go that replace none, and which small files they are joined with. Pure.

A version has files of any number. Full ones are linked for ever. New rows take small files along as a binary counter
carries: one is joined only if at least as many rows come to it. So a row that is rewritten lies in a file at least
twice as large each time, and it is written at most ⌈log2(wanted ÷ first file)⌉ + 1 times, however small the batches
are; and a partition never has more small files than that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from partitioner.planning.batch_plan import BatchPlan, PartitionPlan, SplitPlan
from partitioner.planning.counts import ChangeCount
from partitioner.planning.plan import Frame, PlanRules, table_bytes_per_row
from partitioner.planning.sizing import rows_per_file
from partitioner.values import AttemptId, Bucket, ColumnSpec, DataFile, Estimate, PartitionValues, Version

FULL = 0.7
"""Of the wanted rows: from here on a file is not joined any more. Files end between this and one and a half of them."""

NO_BUCKET = Bucket(0, 1)
"""Appended rows have no key, and so their files have no bucket: all of them hold what may lie anywhere."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file to be written: `reads` first, then `new` rows of the batch from `first` on."""

    reads: tuple[DataFile, ...]
    first: int
    new: int


def plan_append(
    batch: int,
    attempt: AttemptId,
    live: Mapping[PartitionValues, Version],
    counts: Mapping[PartitionValues, ChangeCount],
    *,
    columns: Sequence[ColumnSpec],
    format: str,
    locate: Callable[[PartitionValues], str],
    parallelism: int,
    rules: PlanRules | None = None,
) -> BatchPlan:
    """Decide every file that a batch of new rows reads, writes or links. Equal arguments, equal plan.

    The arguments are those of `plan_batch`; of `counts` only the totals are asked for.
    """
    measured = table_bytes_per_row(live, counts)
    frame = Frame(batch, attempt, tuple(columns), format, locate, parallelism, rules or PlanRules(), measured)
    drafts = [_plan_partition(values, live.get(values), counts[values], frame) for values in sorted(counts)]
    return frame.plan(drafts, appends=True)


def _plan_partition(values: PartitionValues, old: Version | None, count: ChangeCount, frame: Frame) -> PartitionPlan:
    measured = frame.measured(old)
    wanted = max(rows_per_file(measured, frame.rules.sizing).value, 1.0)
    whole = old is not None and (old.columns != frame.columns or old.format != frame.format)
    files = sorted(old.files if old else (), key=lambda file: (file.rows, file.name))
    joined = _joined(files, count.total, wanted)
    stay = [file for file in files if file not in joined]
    pieces = _pieces(joined, count.total, wanted)
    if whole:
        pieces += [_Piece((file,), 0, 0) for file in stay]
    a_row = frame.a_row(measured)
    return PartitionPlan(
        partition=values,
        old=old,
        location=frame.locate(values),
        splits=tuple(_split(values, number, piece, a_row, count.error, frame) for number, piece in enumerate(pieces)),
        links=() if whole else tuple(stay),
    )


def _joined(files: Sequence[DataFile], new: int, wanted: float) -> list[DataFile]:
    """The small files that `new` rows take along. `files`: by their rows, ascending."""
    joined: list[DataFile] = []
    rows = new
    for file in files:
        if file.rows and (rows >= FULL * wanted or file.rows >= FULL * wanted or file.rows > rows):
            break
        rows += file.rows
        joined.append(file)
    return joined


def _pieces(joined: Sequence[DataFile], new: int, wanted: float) -> list[_Piece]:
    before = sum(file.rows for file in joined)
    rows = before + new
    files = max(round(rows / wanted), 1)
    ends = [max(rows * number // files - before, 0) for number in range(files + 1)]
    starts = [0, *ends[1:-1]]
    return [
        _Piece(tuple(joined) if number == 0 else (), start, end - start)
        for number, (start, end) in enumerate(zip(starts, ends[1:], strict=True))
    ]


def _split(
    values: PartitionValues, number: int, piece: _Piece, a_row: Estimate, error: float, frame: Frame
) -> SplitPlan:
    rows = sum(file.rows for file in piece.reads) + piece.new
    written = Estimate(rows * a_row.value, error + a_row.error)
    return SplitPlan(
        partition=values,
        bucket=NO_BUCKET,
        reads=piece.reads,
        name=f"{frame.attempt}-{number:05d}.{frame.format}",
        changes=Estimate(piece.new, error),
        task=0,
        cost=frame.rules.costs.seconds(piece.reads, written.value),
        written=written,
        first=piece.first,
        rows=piece.new,
    )
