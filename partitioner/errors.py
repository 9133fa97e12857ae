"""What the partitioner refuses, as typed errors that keep their facts (and survive pickling between processes)."""

from partitioner.values import Bucket, PartitionValues

SAMPLE_KEYS = 5


class PartitionerError(Exception):
    """Base of this room's errors."""


class DriftError(PartitionerError):
    """Files and key index disagree: a split holds, or lacks, keys that it must not. Nothing may be published.

    `bucket` None: the whole partition. `keys`: a sample of the raw keys. `count`: how many there are.
    """

    def __init__(
        self, partition: PartitionValues, bucket: Bucket | None, what: str, keys: tuple[bytes, ...], count: int
    ) -> None:
        super().__init__(partition, bucket, what, keys, count)
        self.partition = partition
        self.bucket = bucket
        self.what = what
        self.keys = keys
        self.count = count

    def __str__(self) -> str:
        where = f"partition {'/'.join(self.partition)}"
        if self.bucket is not None:
            where += f", bucket {self.bucket.index} of {self.bucket.count}"
        sample = ", ".join(repr(key)[1:] for key in self.keys)
        return f"{where}: {self.count} {self.what}" + (f" (for example {sample})" if sample else "")


class UnroutableChange(PartitionerError):
    """A change's partition or bucket is not in the plan: counts and plan do not belong to this change set."""


class InvalidChange(PartitionerError):
    """A change set breaks its own rules: an upsert without a target, a key twice in one split."""


class UnsupportedType(PartitionerError, ValueError):
    """A Hive type that no data file of ours can hold."""
