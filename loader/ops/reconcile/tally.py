"""What a comparison has found so far, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from loader.ops.reconcile.values import Done, Drift, Piece

SAMPLES = 20
"""Keys of each kind that are shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. `phase`: hive, hbase, settling or repair."""

    phase: str
    ranges: int
    of: int
    rows: int
    drift: int


Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: `done` as stored, the drift by partition and kind, and sample keys of each kind.

    `late`: keys that differed when the rows were counted, and had just changed: the totals may differ by them.
    """

    done: Done
    by_partition: dict[str, dict[str, int]]
    samples: dict[str, tuple[Drift, ...]]
    late: int = 0


@dataclass(slots=True)
class Tally:
    """What is found so far."""

    hbase_rows: int = 0
    hive_rows: int = 0
    rejected: int = 0
    unsettled: int = 0
    late: int = 0
    read_ms: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    partitions: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: dict[str, list[Drift]] = field(default_factory=dict)

    @property
    def drift(self) -> int:
        return sum(self.kinds.values())

    def add(self, piece: Piece) -> None:
        self.hbase_rows += piece.hbase_rows
        self.hive_rows += piece.hive_rows
        self.rejected += piece.rejected
        self.read_ms = max(self.read_ms, piece.read_ms)
        self.found(piece.drift)

    def found(self, drift: tuple[Drift, ...]) -> None:
        for one in drift:
            self.kinds[one.kind.value] = self.kinds.get(one.kind.value, 0) + 1
            if one.partition:
                partition = self.partitions.setdefault(one.partition, {})
                partition[one.kind.value] = partition.get(one.kind.value, 0) + 1
            samples = self.samples.setdefault(one.kind.value, [])
            if len(samples) < SAMPLES:
                samples.append(one)
