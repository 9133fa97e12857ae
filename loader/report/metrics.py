"""What Prometheus is told: by a running loader over HTTP, by `status --textfile` in a file for cron.

Gauges of how each table stands, and of a running loader also counters of what it did. Names end in their unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server, write_to_textfile

from loader.report.alarms import NAMES, Alarm

if TYPE_CHECKING:
    from loader.report.health import Vitals
    from loader.report.reports import BatchReport, Status

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

GAUGES = {
    "looked_timestamp_seconds": "When all of this was looked at, as seconds since 1970: old, and nothing here is true",
    "live_batch": "Number of the last committed batch",
    "lag_seconds": "Now minus the end of the last settled window",
    "ahead_seconds": "How far the newest position lies beyond now, by a clock that is wrong",
    "watermark_age_seconds": "Now minus the low watermark",
    "watermark_provisional": "1 while changes may be missing that no window has seen",
    "swap_age_seconds": "Since the last swap",
    "newest_partition_age_seconds": "Since the last partition by name was written",
    "partitions": "Live partitions",
    "rows": "Live rows",
    "live_bytes": "Bytes of live files",
    "grace_bytes": "Bytes of old versions that are not collected yet",
    "free_bytes": "Free bytes where the table lies",
    "quarantine_rows": "Rows in quarantine",
    "quarantine_age_seconds": "Age of the oldest row in quarantine",
    "holds": "Holds that stand",
    "deferred_keys": "Keys that wait for a hold to end",
    "debts": "Reconcile debts",
    "drift_keys": "Keys that differed from HBase in the last comparison",
    "asked_keys": "Keys that wait to be read again",
    "unsettled_attempts": "Attempts without outcome",
    "aborted_in_a_row": "Newest attempts that were aborted, one after the other",
    "lock_age_seconds": "How long the table's lock is held by who holds it",
    "lock_waiting": "Who waits for the table's lock",
    "size_change_ratio": "Largest distance of a partition of the last batch from its usual size, as a share",
    "books_balanced": "1 if the last batch changed as many rows as it read changes, at most",
}


@dataclass(slots=True)
class TableMetrics:
    """One registry of all tables of a process."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    gauges: dict[str, Gauge] = field(init=False)
    alarm: Gauge = field(init=False)
    counters: "Counters | None" = None

    def __post_init__(self) -> None:
        self.gauges = {
            name: Gauge(f"hotswap_{name}", text, ["table"], registry=self.registry) for name, text in GAUGES.items()
        }
        told = "1 while this alarm stands: see docs/operate.md of hotswap's source"
        self.alarm = Gauge("hotswap_alarm", told, ["table", "alarm"], registry=self.registry)

    def look(self, status: "Status", vitals: "Vitals", alarms: Sequence[Alarm]) -> None:
        """Take over how a table stands. What is not known is NaN."""
        values = {**_of_status(status), **_of_vitals(vitals)}
        for name, gauge in self.gauges.items():
            value = values[name]
            gauge.labels(status.table).set(float("nan") if value is None else value)
        standing = {alarm.name for alarm in alarms}
        for name in NAMES:
            self.alarm.labels(status.table, name).set(name in standing)

    def batch(self, report: "BatchReport") -> None:
        """Count a batch of this loader."""
        self.counters = self.counters or Counters.of(self.registry)
        self.counters.add(report)

    def write(self, path: str) -> None:
        """The textfile of node_exporter: written beside it and renamed."""
        write_to_textfile(path, self.registry)

    def listen(self, address: str) -> int:
        """Answer on `host:port` until the process ends; returns the port. Raises OSError, as if it is taken."""
        host, _, port = address.rpartition(":")
        server, _ = start_http_server(int(port), host.strip("[]"), self.registry)
        return int(server.server_port)


@dataclass(frozen=True, slots=True)
class Counters:
    """What a running loader has done."""

    batches: Counter
    changes: Counter
    rejected: Counter
    written: Counter
    linked: Counter
    steps: Counter
    freshness: Histogram
    swap: Histogram

    @staticmethod
    def of(registry: CollectorRegistry) -> "Counters":
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"hotswap_{name}", text, ["table", *labels], registry=registry)

        def seconds(name: str, text: str) -> Histogram:
            return Histogram(f"hotswap_{name}_seconds", text, ["table"], buckets=SECONDS, registry=registry)

        return Counters(
            batches=counter("batches", "Batches by outcome", "outcome"),
            changes=counter("changes", "Changes published, by kind", "kind"),
            rejected=counter("rejected_rows", "Rows put in quarantine"),
            written=counter("written_bytes", "Bytes of files written"),
            linked=counter("linked_bytes", "Bytes of files linked"),
            steps=counter("step_seconds", "Time by step of a batch", "step"),
            freshness=seconds("freshness", "From a batch's newest cell to its confirmed swap"),
            swap=seconds("swap", "The swap's call"),
        )

    def add(self, report: "BatchReport") -> None:
        table = report.table
        self.batches.labels(table, report.outcome).inc()
        for kind in ("upserts", "deletes", "moves"):
            self.changes.labels(table, kind).inc(getattr(report, kind))
        self.rejected.labels(table).inc(report.rejected)
        self.written.labels(table).inc(report.bytes_written)
        self.linked.labels(table).inc(report.bytes_linked)
        for step, spent in report.seconds.items():
            self.steps.labels(table, step).inc(spent)
        if report.freshness_s is not None:
            self.freshness.labels(table).observe(report.freshness_s)
        if report.swap_s is not None:
            self.swap.labels(table).observe(report.swap_s)


def _of_status(status: "Status") -> dict[str, float | None]:
    return {
        "live_batch": status.batch,
        "lag_seconds": status.lag_s,
        "ahead_seconds": status.ahead_s,
        "watermark_provisional": bool(status.debts),
        "partitions": status.partitions,
        "rows": status.rows,
        "live_bytes": status.bytes,
        "quarantine_rows": status.quarantine,
        "holds": len(status.holds),
        "deferred_keys": status.deferred,
        "debts": len(status.debts),
        "drift_keys": status.compared.drift if status.compared else None,
        "asked_keys": status.asked,
        "unsettled_attempts": len(status.unsettled),
    }


def _of_vitals(vitals: "Vitals") -> dict[str, float | None]:
    return {
        "looked_timestamp_seconds": vitals.at_ms / 1000,
        "watermark_age_seconds": vitals.watermark_age_s,
        "swap_age_seconds": vitals.swap_age_s,
        "newest_partition_age_seconds": vitals.newest_partition[1] if vitals.newest_partition else None,
        "grace_bytes": vitals.space.grace,
        "free_bytes": vitals.space.free,
        "quarantine_age_seconds": vitals.quarantine_age_s,
        "aborted_in_a_row": vitals.aborted_in_a_row,
        "lock_age_seconds": vitals.lock.age_s if vitals.lock else 0.0,
        "lock_waiting": vitals.waiting,
        "size_change_ratio": max((item.share for item in vitals.grown), default=0.0),
        "books_balanced": None if vitals.books is None else vitals.books.balanced,
    }
