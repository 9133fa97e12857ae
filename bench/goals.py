"""What the project wants to reach, and whether a report shows it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

BATCH, MERGE = "hotswap_batch", "hotswap_merge"
TIMES_AS_FAST = (
    ("whole batch against DuckDB's bare rewrite", "duckdb", BATCH, 1.4),
    ("merge alone against DuckDB's bare rewrite", "duckdb", MERGE, 2.0),
    ("whole batch against Spark's rewrite", "spark_rewrite", BATCH, 4.0),
    ("whole batch against Iceberg's MERGE", "iceberg", BATCH, 8.0),
    ("whole batch against Delta's MERGE", "delta", BATCH, 10.0),
)
SMALL_SECONDS = 1.0
LARGE_RATIO = 1.2
OVERHEAD = 0.1


@dataclass(frozen=True, slots=True)
class Goal:
    """`found` None: not measured in this run."""

    what: str
    wanted: str
    found: str | None
    met: bool | None


def goals(report: dict[str, Any]) -> tuple[Goal, ...]:
    """Every goal, measured or not."""
    return (*_speed(report["workload_m"]), *_others(report))


def plain(report: dict[str, Any]) -> list[dict[str, Any]]:
    """As they are stored."""
    return [asdict(goal) for goal in goals(report)]


def _speed(medians: dict[str, float]) -> Iterator[Goal]:
    for what, peer, ours, wanted in TIMES_AS_FAST:
        found = medians[peer] / medians[ours] if peer in medians and ours in medians else None
        yield _goal(what, f"≥ {wanted:g} ×", found, "{:.2f} ×", found is not None and found >= wanted)


def _others(report: dict[str, Any]) -> Iterator[Goal]:
    small = report.get("small_batch", {}).get("median_seconds")
    yield _goal(
        "1,000 changes in 5 partitions, start to confirmed swap",
        f"< {SMALL_SECONDS:g} s",
        small,
        "{:.2f} s",
        small is not None and small < SMALL_SECONDS,
    )
    large = report.get("further", {}).get("large", {}).get("median_seconds")
    batch = report.get("further_batch") or report["workload_m"].get(BATCH)
    ratio = large / batch if large and batch else None
    yield _goal(
        "many times the rows, the same files touched, against workload M",
        f"≤ {LARGE_RATIO:g} ×",
        ratio,
        "{:.2f} ×",
        ratio is not None and ratio <= LARGE_RATIO,
    )
    for reading, name in (("by the clock", "overhead"), ("in processor time", "processor_overhead")):
        shares = [figure[name] for figure in report.get("swap", {}).values() if name in figure]
        most = max(shares, default=None)
        yield _goal(
            f"our client's overhead over the bare call, at worst, {reading}",
            f"≤ {OVERHEAD:.0%}",
            most,
            "{:.1%}",
            most is not None and most <= OVERHEAD,
        )


def _goal(what: str, wanted: str, found: float | None, form: str, met: bool) -> Goal:
    return Goal(what, wanted, None if found is None else form.format(found), None if found is None else met)
