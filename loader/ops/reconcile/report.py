"""What a comparison tells: plain values for the command line, the log and programs."""

from dataclasses import dataclass

from loader.basics.printable import printable
from loader.ops.reconcile.tally import Outcome
from loader.ops.reconcile.values import Drift, DriftKind

IN_A_PARTITION = tuple(kind.value for kind in DriftKind if kind is not DriftKind.UNNOTICED)


@dataclass(frozen=True, slots=True)
class PartitionDrift:
    """Keys of one partition that differ."""

    partition: str
    missing: int
    extra: int
    different: int
    doubled: int


@dataclass(frozen=True, slots=True)
class SampleKey:
    """One key that differs, as HBase's shell prints it."""

    key: str
    kind: str
    partition: str


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """`missing`: in HBase only; `extra`: in Hive only; `unsettled`: changed too lately to tell; `rejected`: bad rows.

    `unnoticed`: bad rows that are not in quarantine, and rows that are there though they are not bad any more.
    `late`: keys that had just changed when the rows were counted, `unsettled` those of them that still cannot be told.
    `repaired`: nothing stands, or its keys were handed to the next batches in so many `asks`.
    """

    table: str
    number: int
    begun_ms: int
    ended_ms: int
    hbase_rows: int
    hive_rows: int
    missing: int
    extra: int
    different: int
    doubled: int
    unnoticed: int
    unsettled: int
    rejected: int
    repaired: bool
    asks: int
    partitions: tuple[PartitionDrift, ...]
    samples: tuple[SampleKey, ...]
    late: int = 0

    @property
    def drift(self) -> int:
        return self.missing + self.extra + self.different + self.doubled + self.unnoticed

    @property
    def equal(self) -> bool:
        """Every key was seen to be equal, and both sides have as many rows: nothing came or went meanwhile."""
        return not self.drift and not self.unsettled and self.hbase_rows == self.hive_rows

    @property
    def unexplained(self) -> int:
        """By how many rows the totals differ beyond what drift, late changes and bad rows can explain."""
        explained = self.missing + self.extra + self.doubled + self.late + self.rejected + self.unnoticed
        return max(0, abs(self.hbase_rows - self.hive_rows) - explained)


def report_of(table: str, outcome: Outcome) -> ReconcileReport:
    done = outcome.done
    kinds = {kind.value: done.drift.get(kind.value, 0) for kind in DriftKind}
    return ReconcileReport(
        table=table,
        number=done.number,
        begun_ms=done.begun_ms,
        ended_ms=done.ended_ms,
        hbase_rows=done.hbase_rows,
        hive_rows=done.hive_rows,
        **kinds,
        unsettled=done.unsettled,
        rejected=done.rejected,
        repaired=done.repaired,
        asks=len(done.asks),
        partitions=tuple(
            PartitionDrift(name, **{kind: found.get(kind, 0) for kind in IN_A_PARTITION})
            for name, found in sorted(outcome.by_partition.items())
        ),
        samples=tuple(sample_of(drift) for found in outcome.samples.values() for drift in found),
        late=outcome.late,
    )


def sample_of(drift: Drift) -> SampleKey:
    return SampleKey(printable(drift.key), drift.kind.value, drift.partition)
