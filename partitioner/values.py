"""The nouns of a batch, as frozen values: partitions, splits, files, versions, estimates."""

from dataclasses import dataclass
from typing import NewType


def plain_name(name: str) -> str:
    """The name, which is no path. ValueError: it leads elsewhere than right into the folder that it is put below."""
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is no plain name")
    return name


PartitionValues = tuple[str, ...]
"""One Hive partition's values in the order of the partition keys, in Hive's canonical spelling, unescaped."""

AttemptId = NewType("AttemptId", str)
"""Unique and sortable; names the directories that one try at a batch writes. Never reused."""

ColumnSpec = tuple[str, str]
"""A data column as (name, Hive type)."""


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Hash bucket `index` of `count`: the keys with `crc32(raw key) mod count == index`. `count` is a power of two."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.count & (self.count - 1) or not 0 <= self.index < self.count:
            raise ValueError(f"bucket {self.index} of {self.count}: the count must be a power of two above the index")


@dataclass(frozen=True, slots=True, order=True)
class SplitId:
    """One hash bucket of one partition = one data file."""

    partition: PartitionValues
    bucket: Bucket


@dataclass(frozen=True, slots=True, order=True)
class DataFile:
    """A data file of a version. `name` is relative to its location; its bucket is never inferred from the listing.

    `by`: the attempt that wrote it, kept when it is linked or copied: together with the name the file's identity. Empty
    for one that others wrote, or that was written before this was recorded.
    """

    name: str
    bucket: Bucket
    rows: int
    bytes: int
    by: AttemptId = AttemptId("")

    def __post_init__(self) -> None:
        plain_name(self.name)
        if self.by:
            plain_name(self.by)


@dataclass(frozen=True, slots=True)
class Version:
    """One directory of one partition as one attempt wrote it. `columns` are what its files declare, in table order."""

    partition: PartitionValues
    attempt: AttemptId
    location: str
    format: str
    columns: tuple[ColumnSpec, ...]
    files: tuple[DataFile, ...]

    def __post_init__(self) -> None:
        plain_name(self.attempt)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def bucket_count(self) -> int:
        """How many splits the partition has (1 for an empty version)."""
        return max((file.bucket.count for file in self.files), default=1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An approximate count: the truth is expected within `value * (1 ± error)`. `error` 0: counted, not sampled."""

    value: float
    error: float = 0.0

    @property
    def low(self) -> float:
        return max(self.value * (1 - self.error), 0.0)

    @property
    def high(self) -> float:
        return self.value * (1 + self.error)

    def over(self, other: "Estimate") -> "Estimate":
        """The quotient; relative errors add up (to first order). `other` is not 0."""
        return Estimate(self.value / other.value, self.error + other.error)


def same_location(one: str, other: str) -> bool:
    """Whether two metastore locations name one directory: `file:/x` (Hive), `file:///x` and `/x` do."""
    return canonical_location(one) == canonical_location(other)


def canonical_location(location: str) -> str:
    """`scheme://authority/path`, no trailing slash; a bare path counts as `file`. Percent signs are left alone."""
    scheme, separator, rest = location.partition(":")
    if not separator or "/" in scheme:
        return "file://" + location.rstrip("/")
    if rest.startswith("//"):
        authority, _, path = rest[2:].partition("/")
        return f"{scheme}://{authority}/{path}".rstrip("/")
    return f"{scheme}://{rest}".rstrip("/")
