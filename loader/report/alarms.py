"""When a table wants a person, and what that person is to do: the same in `status --check`, log and metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loader.basics.moments import moment_text, passed, span_text
from loader.basics.quantities import counted, size_text
from loader.report.reports import source_word

if TYPE_CHECKING:
    from loader.config.settings import Alarms
    from loader.report.health import Vitals
    from loader.report.reports import HoldReport, Status
    from loader.report.space import Space

ABORTED_IN_A_ROW = 3
FEWEST_ROWS = 1000
"""A smaller partition may change by any share."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """`name` is one of NAMES, for metrics; `text` says what is wrong and what to do."""

    name: str
    text: str


NAMES = (
    *("nothing_published", "lag", "clock", "hold", "unsettled", "debt", "drift", "quarantine", "watermark", "swap_age"),
    *("partition_age", "size_change", "books", "lock", "free_space", "grace", "aborted", "metrics"),
)


def alarms_of(status: "Status", limits: "Alarms", now_ms: int, max_lag: float | None = None) -> tuple[Alarm, ...]:
    """What the status alone tells. `max_lag` overrides the setting."""
    limit = limits.lag if max_lag is None else max_lag
    return (
        *_lag(status, limit),
        *_clock(status),
        *(_hold(status.table, hold) for hold in status.holds if _older(hold.since_ms, limits.hold_age, now_ms)),
        *_unsettled(status),
        *_debts(status, limits.debt_age, now_ms),
        *_drift(status),
        *_quarantine(status),
    )


def _lag(status: "Status", limit: float | None) -> Iterator[Alarm]:
    if status.batch is None:
        yield Alarm("nothing_published", "nothing is published yet: start `hotswap run`")
    elif limit is not None and status.ahead_s is None and (status.lag_s is None or status.lag_s > limit):
        behind = f"{span_text(status.lag_s)} behind {source_word(status.source)}"
        told = f"{behind}, more than {span_text(limit)}: is `hotswap run` up?"
        yield Alarm("lag", told)


def _clock(status: "Status") -> Iterator[Alarm]:
    if status.ahead_s is not None:
        told = f"the table was read up to a time that comes in {span_text(status.ahead_s)} only: a clock is wrong"
        do = "set this machine's clock or the loader's right; the loader goes on from an earlier time by itself"
        yield Alarm("clock", f"{told}. Then {do}, and owes a comparison: `hotswap reconcile {status.table}`")


def _hold(table: str, hold: "HoldReport") -> Alarm:
    how = f"rollback {hold.batch}" if hold.target is not None else f"hold {hold.batch}"
    of = "" if hold.partitions is None else f" of {counted(len(hold.partitions), 'partition')}"
    return Alarm("hold", f"held by {how}{of}: `hotswap resume {table}` ends it")


def _unsettled(status: "Status") -> Iterator[Alarm]:
    if len(status.unsettled) > 1:  # one may be under way
        told = f"{len(status.unsettled)} attempts are not settled: run `hotswap recover {status.table}`"
        yield Alarm("unsettled", told)


def _debts(status: "Status", limit: float | None, now_ms: int) -> Iterator[Alarm]:
    if status.debts and _older(status.debts[0].since_ms, limit, now_ms):
        since = moment_text(status.debts[0].since_ms)
        told = f"changes may be missing, known since {since}: {status.debts[0].reason}."
        yield Alarm("debt", f"{told} Run `hotswap reconcile {status.table}`")


def _drift(status: "Status") -> Iterator[Alarm]:
    found, current = status.compared, status.comparing
    if current and current.unconfirmed is not None:
        told = f"HBase lacks {counted(current.unconfirmed, 'row')} that Hive has, too many to be deleted unasked"
        yield Alarm("drift", f"{told}: run `hotswap reconcile {status.table} --repair`, and say yes if that is right")
    if found and found.drift and not found.repaired:
        told = f"{counted(found.drift, 'key')} differ from HBase since {moment_text(found.ended_ms)}"
        yield Alarm("drift", f"{told}: run `hotswap reconcile {status.table} --repair`")


def _quarantine(status: "Status") -> Iterator[Alarm]:
    if status.quarantine:
        told = f"{counted(status.quarantine, 'row')} in quarantine: correct HBase, or the mapping"
        yield Alarm("quarantine", told)


def _older(since_ms: int, limit: float | None, now_ms: int) -> bool:
    return limit is not None and passed(now_ms, since_ms, limit * 1000)


def silent_alarm(table: str, listen: str, error: OSError) -> Alarm:
    """Of a running loader that cannot listen on `metrics.listen`."""
    told = f"metrics.listen: {listen} cannot be listened on ({error.strerror or error}), so nobody sees its metrics"
    do = "give each loader a port of its own, or another address of this machine"
    return Alarm("metrics", f"{told}: {do}; `hotswap doctor {table}` tells who listens there")


def vital_alarms(vitals: "Vitals", limits: "Alarms") -> tuple[Alarm, ...]:
    """What takes a closer look."""
    return (
        *_ages(vitals, limits),
        *_sizes(vitals, limits),
        *_books(vitals),
        *_locks(vitals, limits),
        *space_alarms(vitals.table, vitals.space, limits),
        *_aborted(vitals),
    )


def _ages(vitals: "Vitals", limits: "Alarms") -> Iterator[Alarm]:
    table = vitals.table
    if _over(vitals.watermark_age_s, limits.watermark_age):
        told = f"the low watermark is {span_text(vitals.watermark_age_s)} old"
        yield Alarm(
            "watermark", f"{told}: is `hotswap run` up, and does HBase answer? `hotswap doctor {table}` asks it"
        )
    if _over(vitals.swap_age_s, limits.swap_age):
        told = f"nothing was published for {span_text(vitals.swap_age_s)}"
        yield Alarm("swap_age", f"{told}: does anything write to HBase? `hotswap doctor {table}` asks it")
    if vitals.newest_partition and _over(vitals.newest_partition[1], limits.partition_age):
        name, age = vitals.newest_partition
        yield Alarm("partition_age", f"{name} was not written for {span_text(age)}: does data come in for it?")
    if _over(vitals.quarantine_age_s, limits.quarantine_age):
        age_text = span_text(vitals.quarantine_age_s)
        yield Alarm("quarantine", f"a row is in quarantine for {age_text}: its last good image in Hive is that old")


def _sizes(vitals: "Vitals", limits: "Alarms") -> Iterator[Alarm]:
    for item in vitals.grown:
        large = max(item.rows, item.usual_rows) >= FEWEST_ROWS
        if limits.size_change is not None and large and item.share > limits.size_change:
            rows = f"{item.rows:,} rows, {size_text(item.bytes)}"
            usual = f"usually {item.usual_rows:,.0f} rows, {size_text(item.usual_bytes)}"
            do = f"is that right? `hotswap history {vitals.table}` tells what changed, `hotswap rollback` takes it back"
            yield Alarm("size_change", f"{item.partition} has {rows}, {usual}: {do}")


def _books(vitals: "Vitals") -> Iterator[Alarm]:
    books = vitals.books
    if books is not None and not books.balanced:
        grew = books.rows_after - books.rows_before
        told = f"batch {books.batch} of {books.upserts:,} upserts and {books.deletes:,} deletes changed {grew:+,} rows"
        yield Alarm("books", f"{told}: run `hotswap verify {vitals.table} --deep`")


def _locks(vitals: "Vitals", limits: "Alarms") -> Iterator[Alarm]:
    if vitals.lock is not None and _over(vitals.lock.age_s, limits.lock_age):
        told = f"{vitals.lock.owner} has the table's lock for {span_text(vitals.lock.age_s)}"
        queue = f", {vitals.waiting} wait for it" if vitals.waiting else ""
        do = f"is it alive? `hotswap doctor {vitals.table}` tells whether its lock has outlived it"
        yield Alarm("lock", f"{told}{queue}: {do}")


def space_alarms(table: str, space: "Space", limits: "Alarms") -> Iterator[Alarm]:
    """What is free, against what should be, and against what waits to be collected."""
    do = f"`hotswap clean {table}` shows what may go; shorten `history`"
    if limits.free_space is None:
        return
    for free, total, what in (
        (space.free, space.total, f"the table lies: {do}, or make room"),
        (
            space.state_free,
            space.state_total,
            f"the state folder lies: `hotswap clean {table}` folds its log, or make room",
        ),
    ):
        if total and free is not None and free < limits.free_space * total:
            yield Alarm("free_space", f"{size_text(free)} of {size_text(total)} are free where {what}")
    if space.grace is not None and space.free is not None and space.grace > space.free:
        told = f"{size_text(space.grace)} of old versions wait in their grace, {size_text(space.free)} are free"
        yield Alarm("grace", f"{told}: {do}")


def _aborted(vitals: "Vitals") -> Iterator[Alarm]:
    if vitals.aborted_in_a_row >= ABORTED_IN_A_ROW:
        told = f"the last {vitals.aborted_in_a_row} attempts were aborted"
        yield Alarm("aborted", f"{told}: `hotswap history {vitals.table}`, then the loader's log")


def _over(age: float | None, limit: float | None) -> bool:
    return age is not None and limit is not None and age > limit
