"""plan_batch: from counts and live versions to the BatchPlan. Which splits is exact; only their sizes are approximate.

Every version holds exactly one file for each of its n buckets, empty ones included, so that any file's name tells n
and a missing file is always an error. A partition's files are all rewritten when it is new, when n changes, when its
columns or format are not the table's any more, or when it does not hold one file a bucket (files that this loader did
not write). Otherwise the splits with changes are rewritten and the others linked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from partitioner.changes.hashing import hash_key
from partitioner.errors import DriftError
from partitioner.planning.batch_plan import BatchPlan, PartitionPlan, SplitPlan
from partitioner.planning.counts import ChangeCount, ratio_of
from partitioner.planning.packing import PackingRules, pack
from partitioner.planning.sizing import SizingRules, first_split_count, rows_per_file, split_count
from partitioner.values import AttemptId, Bucket, ColumnSpec, DataFile, Estimate, PartitionValues, Version

LEAST_ROWS_MEASURED = 10_000
"""Below, a partition's bytes a row are mostly footers, and the table's are used."""

VERSIONS_SAMPLED = 1_000
"""About so many partitions stand for the table where the touched ones hold too few rows to tell."""


@dataclass(frozen=True, slots=True)
class CostRules:
    """Predicted seconds (6-merge-facts: a file of 100,000 rows, 4 MB: read and probe 20 ms, write 30 ms)."""

    per_file: float = 0.0025  # opened, read or written
    per_byte_read: float = 5e-9
    per_byte_written: float = 8e-9
    bytes_per_row_unmeasured: float = 50.0

    def seconds(self, reads: Sequence[DataFile], written: float) -> float:
        """Of one split that reads files and writes so many bytes."""
        read = sum(file.bytes for file in reads)
        return self.per_file * (1 + len(reads)) + self.per_byte_read * read + self.per_byte_written * written


@dataclass(frozen=True, slots=True)
class PlanRules:
    """Everything about a plan that is a setting."""

    sizing: SizingRules = field(default_factory=SizingRules)
    costs: CostRules = field(default_factory=CostRules)
    least_task_cost: float = 0.1


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for all partitions of a batch, whatever its rule. `bytes_per_row`: of the whole table."""

    batch: int
    attempt: AttemptId
    columns: tuple[ColumnSpec, ...]
    format: str
    locate: Callable[[PartitionValues], str]
    parallelism: int
    rules: PlanRules
    bytes_per_row: Estimate | None

    def measured(self, old: Version | None) -> Estimate | None:
        """Bytes a row of a partition, or else of the table; None while too few rows tell."""
        return (measured_bytes_per_row([old]) if old else None) or self.bytes_per_row

    def a_row(self, measured: Estimate | None) -> Estimate:
        """What a row is taken to weigh."""
        return measured or Estimate(self.rules.costs.bytes_per_row_unmeasured, 1.0)

    def plan(
        self, drafts: Sequence[PartitionPlan], absent: tuple[PartitionValues, ...] = (), appends: bool = False
    ) -> BatchPlan:
        """The plan of these partitions, every split with its task."""
        packing = PackingRules(self.parallelism, self.rules.least_task_cost)
        tasks = pack([split.cost for partition in drafts for split in partition.splits], packing)
        each = iter(tasks)
        partitions = tuple(
            replace(partition, splits=tuple(replace(split, task=next(each)) for split in partition.splits))
            for partition in drafts
        )
        return BatchPlan(
            batch=self.batch,
            attempt=self.attempt,
            format=self.format,
            columns=self.columns,
            partitions=partitions,
            tasks=max(tasks, default=-1) + 1,
            absent=absent,
            appends=appends,
        )


def plan_batch(
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
    bytes_per_row: Estimate | None = None,
) -> BatchPlan:
    """Decide every file that a batch reads, writes or links. Pure: equal arguments, equal plan.

    `live`: at least the touched partitions that exist; one that is missing does not exist. `locate`: partition →
    location of its new version. `parallelism`: tasks that can run at once. `bytes_per_row`: of the whole table, as
    stored; by default measured from a sample of `live`. Raises DriftError if the key index places keys in a partition
    that does not exist.
    """
    measured = bytes_per_row or table_bytes_per_row(live, counts)
    frame = Frame(batch, attempt, tuple(columns), format, locate, parallelism, rules or PlanRules(), measured)
    absent = tuple(sorted(values for values, count in counts.items() if values not in live and _nothing_to_do(count)))
    touched = sorted(set(counts).difference(absent))
    return frame.plan([_plan_partition(values, live.get(values), counts[values], frame) for values in touched], absent)


def table_bytes_per_row(live: Mapping[PartitionValues, Version], touched: Iterable[PartitionValues]) -> Estimate | None:
    """Stored bytes a row of the table, by its touched partitions, or else by a sample of all: never by reading all.

    The sample is drawn by a hash of the partition's values, so that equal tables give equal samples.
    """
    near = measured_bytes_per_row(live[values] for values in touched if values in live)
    if near is not None:
        return near
    one_of = max(len(live) // VERSIONS_SAMPLED, 1)
    return measured_bytes_per_row(
        version for values, version in live.items() if hash_key("\0".join(values).encode()) % one_of == 0
    )


def measured_bytes_per_row(versions: Iterable[Version]) -> Estimate | None:
    """Stored bytes a row over all `versions`; None while they hold too few rows to tell."""
    parts = [(version.rows, version.bytes) for version in versions]
    return ratio_of(parts) if sum(rows for rows, _ in parts) >= LEAST_ROWS_MEASURED else None


def file_name(bucket: Bucket, format: str) -> str:
    """A split's final name: bucket, count and format. No leading `_` or `.`, which readers would skip."""
    return f"{bucket.index:05d}-of-{bucket.count:05d}.{format}"


def links(plan: BatchPlan) -> Iterator[tuple[str, str]]:
    """(source, final) path of every untouched file to be taken over."""
    for partition in plan.partitions:
        if partition.old is not None:
            for file in partition.links:
                yield f"{partition.old.location}/{file.name}", f"{partition.location}/{file.name}"


def _nothing_to_do(count: ChangeCount) -> bool:
    return count.total == count.drops


def _plan_partition(values: PartitionValues, old: Version | None, count: ChangeCount, frame: Frame) -> PartitionPlan:
    if old is None and count.must_exist:
        what = "keys that the key index knows are in a partition that does not exist"
        raise DriftError(values, None, what, (), count.must_exist)
    rows = count.rows_after(old.rows if old else 0)
    measured = frame.measured(old)
    n, whole = _split_count(old, count, rows, measured, frame)
    changes = count.per_bucket(n)
    reads = _reads(old.files if old else (), n)
    a_row = frame.a_row(measured)
    written = Estimate(rows.value / n * a_row.value, rows.error + a_row.error)
    return PartitionPlan(
        partition=values,
        old=old,
        location=frame.locate(values),
        splits=tuple(
            SplitPlan(
                partition=values,
                bucket=Bucket(index, n),
                reads=reads[index],
                name=file_name(Bucket(index, n), frame.format),
                changes=Estimate(changes.get(index, 0), count.error),
                task=0,
                cost=frame.rules.costs.seconds(reads[index], written.value),
                written=written,
            )
            for index in (range(n) if whole else sorted(changes))
        ),
        links=() if whole or old is None else _untouched(old, changes),
    )


def _split_count(
    old: Version | None, count: ChangeCount, rows: Estimate, bytes_per_row: Estimate | None, frame: Frame
) -> tuple[int, bool]:
    """The number of splits after the batch, and whether all of them are rewritten."""
    sizing = frame.rules.sizing
    target = rows_per_file(bytes_per_row, sizing)
    if old is None or not _one_file_a_bucket(old):
        return first_split_count(rows, target, sizing), True
    current = old.bucket_count
    whole = old.columns != frame.columns or old.format != frame.format
    n = split_count(rows, target, current, current if whole else len(count.per_bucket(current)), sizing)
    return n, whole or n != current


def _reads(files: Sequence[DataFile], n: int) -> list[tuple[DataFile, ...]]:
    """By bucket index of n: the files that may hold its keys. Buckets of powers of two are nested or disjoint."""
    groups: list[tuple[DataFile, ...]] = [()] * n
    for file in sorted(files):
        for index in range(file.bucket.index % n, n, file.bucket.count):
            groups[index] += (file,)
    return groups


def _one_file_a_bucket(version: Version) -> bool:
    count = version.bucket_count
    return sorted(file.bucket for file in version.files) == [Bucket(index, count) for index in range(count)]


def _untouched(old: Version, changes: Mapping[int, int]) -> tuple[DataFile, ...]:
    return tuple(sorted((file for file in old.files if file.bucket.index not in changes), key=lambda file: file.bucket))
