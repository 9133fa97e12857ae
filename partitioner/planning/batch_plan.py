"""The plan of a batch, as a value: every file to be read, written and linked, every partition to be moved."""

from dataclasses import dataclass

from partitioner.values import AttemptId, Bucket, ColumnSpec, DataFile, Estimate, PartitionValues, Version


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """One split to be rewritten: `reads` (files of the old version) merged with its changes into file `name`.

    Of a plan that appends: followed by the partition's `rows` new ones from number `first` on.
    """

    partition: PartitionValues
    bucket: Bucket
    reads: tuple[DataFile, ...]
    name: str
    changes: Estimate
    task: int  # index of the task that does it
    cost: float  # predicted seconds; only its ratios matter
    written: Estimate  # bytes of the new file
    first: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """What becomes of one touched partition. `old` is None for a partition that does not exist yet."""

    partition: PartitionValues
    old: Version | None
    location: str
    splits: tuple[SplitPlan, ...]
    links: tuple[DataFile, ...]  # untouched files of `old`, taken over under their own names


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The decision for one batch. Equal arguments give an equal plan. `appends`: its changes replace no row."""

    batch: int
    attempt: AttemptId
    format: str
    columns: tuple[ColumnSpec, ...]
    partitions: tuple[PartitionPlan, ...]  # sorted by partition values
    tasks: int
    absent: tuple[PartitionValues, ...] = ()  # do not exist and only get drops: nothing is there to be dropped
    appends: bool = False

    @property
    def splits(self) -> tuple[SplitPlan, ...]:
        return tuple(split for partition in self.partitions for split in partition.splits)

    @property
    def bytes_linked(self) -> int:
        return sum(file.bytes for partition in self.partitions for file in partition.links)


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What one rewritten split came to, counted by the merge.

    before − deleted − moved_out + inserted + moved_in = after.
    """

    partition: PartitionValues
    file: DataFile
    before: int
    inserted: int
    updated: int
    deleted: int
    moved_out: int
    moved_in: int

    @property
    def after(self) -> int:
        return self.file.rows
