"""What a comparison is made of, as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from partitioner.values import ColumnSpec, PartitionValues

if TYPE_CHECKING:  # `status` reads the end of a comparison without pyarrow
    import pyarrow as pa


STALE_MS = 24 * 3_600_000
"""A comparison that began longer ago is not gone on with, but begun anew."""


class TableMapping(Protocol):
    """What a comparison must know of `loader.mapping.Mapping`."""

    @property
    def columns(self) -> tuple[ColumnSpec, ...]: ...
    @property
    def digest(self) -> str: ...
    @property
    def partition_from_key(self) -> bool: ...
    def raw_keys(self, batch: "pa.RecordBatch", partition: PartitionValues) -> "pa.Array": ...


class DriftKind(StrEnum):
    """How one key differs."""

    MISSING = "missing"  # in HBase, not in Hive
    EXTRA = "extra"  # in Hive, not in HBase
    DIFFERENT = "different"  # in both, with other values or in another partition
    DOUBLED = "doubled"  # in Hive more than once: damage, see `hotswap verify --deep`
    UNNOTICED = "unnoticed"  # cannot be decoded and is not in quarantine, or is there though it can be, or is gone


@dataclass(frozen=True, slots=True)
class Drift:
    """One key that differs. `partition`: where it is in Hive or, if it is missing there, where it belongs.

    Empty for a row that cannot be decoded, or could not.
    """

    key: bytes
    kind: DriftKind
    partition: str


@dataclass(frozen=True, slots=True)
class Range:
    """Keys [start, stop); an empty stop is the end of the table."""

    start: bytes
    stop: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """What a stretch of a range came to. `upto`: the last key that was compared; None: the end of the range.

    `drift` stands; `open` differed, but a window that is still to come will see those keys.
    """

    upto: bytes | None
    read_ms: int
    hbase_rows: int
    hive_rows: int
    rejected: int
    drift: tuple[Drift, ...]
    open: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """One comparison: its number, when it began, and what it goes through."""

    number: int
    begun_ms: int
    digest: str  # the mapping's, and what the row digests are made with
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How a comparison ended. `asks`: the keys that it handed to the next batches; `columns`: those it compared."""

    number: int
    begun_ms: int
    ended_ms: int
    digest: str
    hbase_rows: int
    hive_rows: int
    rejected: int
    drift: dict[str, int]
    unsettled: int
    repaired: bool
    asks: tuple[str, ...]
    columns: tuple[str, ...]
