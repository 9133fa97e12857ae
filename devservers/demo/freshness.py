"""How long a row takes from its put into HBase until Hive shows it: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Write:
    """Rows written to HBase with one cell timestamp; `acked_ms`: when HBase had answered."""

    at_ms: int
    acked_ms: int
    rows: int


@dataclass(slots=True)
class Freshness:
    """Which writes wait for a batch, and how long the others took: (seconds, rows)."""

    pending: list[Write] = field(default_factory=list)
    samples: list[tuple[float, int]] = field(default_factory=list)

    def committed(self, window_end_ms: int, confirmed_ms: int) -> list[float]:
        """A batch is visible: a write belongs to the first one whose window covers its timestamp.

        Returns the seconds that the writes of this batch took.
        """
        covered = [write for write in self.pending if write.at_ms < window_end_ms and write.acked_ms <= confirmed_ms]
        self.pending = [write for write in self.pending if write not in covered]
        taken = [((confirmed_ms - write.at_ms) / 1000, write.rows) for write in covered]
        self.samples += taken
        return [seconds for seconds, _ in taken]

    def forget(self) -> None:
        """What was written up to now is not measured (a hold keeps it back)."""
        self.pending.clear()

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.samples)

    def percentile(self, share: float) -> float:
        """The least number of seconds within which at least this share of the rows was visible. At least one row."""
        samples = sorted(self.samples)
        seen = 0
        for seconds, rows in samples:
            seen += rows
            if seen >= share * self.rows:
                return seconds
        raise ValueError("no row was measured")
