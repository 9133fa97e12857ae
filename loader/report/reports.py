"""What the verbs tell: plain frozen values, and the one function that makes JSON of them.

Times are ms since 1970 (`_ms`) or durations in seconds (`_s`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any, Literal

Window = tuple[int, int]
"""`[start, end)` as the source counts it; HBase: ms of cell time."""


@dataclass(frozen=True, slots=True)
class HoldReport:
    """What keeps the loader from publishing: the rollback's or the hold's batch, and since when.

    `target`: the batch that a rollback went back to. `partitions`: those that are held; None: the whole table.
    """

    batch: int
    target: int | None
    since_ms: int
    partitions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """What a hold would keep: `count` partitions with `rows` rows, as `batch` left them. `partitions` None: the table.

    `absent`: those that are not there, and may not come. `holds`: those that stand already.
    """

    table: str
    partitions: tuple[str, ...] | None
    absent: tuple[str, ...]
    count: int
    rows: int
    batch: int | None
    holds: tuple[HoldReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Owed:
    """Why Hive may differ from HBase although every window was read, and since when that is known."""

    reason: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Compared:
    """The last comparison with HBase that ended: how many keys differed, and whether they were handed over."""

    number: int
    ended_ms: int
    drift: int
    repaired: bool


@dataclass(frozen=True, slots=True)
class Comparing:
    """A comparison with HBase that has not ended: it runs, or goes on behind `done` of `ranges` when it is run again.

    `unconfirmed`: it has compared all, and its repair would delete so many rows that somebody must agree.
    """

    number: int
    begun_ms: int
    done: int
    ranges: int
    unconfirmed: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A table as it stands. `batch` is None before the first commit; `lag_s`: since the end of the last window.

    `ahead_s`: how far the newest position lies beyond this machine's time; then the lag is not known.

    With `debts` the low watermark is provisional: what lies before it is in, as far as a window can tell.
    """

    table: str
    batch: int | None
    committed_at_ms: int | None
    low_watermark_ms: int | None
    lag_s: float | None
    hold: HoldReport | None
    quarantine: int
    unsettled: tuple[str, ...]
    partitions: int
    rows: int
    bytes: int
    last_error: str | None = None
    debts: tuple[Owed, ...] = ()
    holds: tuple[HoldReport, ...] = ()
    deferred: int = 0
    asked: int = 0  # keys that wait to be read again
    compared: Compared | None = None
    comparing: Comparing | None = None
    ahead_s: float | None = None
    source: str | None = None  # `hbase:…`, `kafka:…`: what it was read from
    behind: tuple[str, ...] = ()  # columns that came to the table and are not equal yet in old rows


def source_word(source: str | None) -> str:
    """What a person calls it."""
    return {"kafka": "Kafka"}.get((source or "").partition(":")[0], "HBase")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One attempt. `live`: the table still shows this batch, that is, no later rollback took it back."""

    batch: int
    attempt: str
    kind: Literal["batch", "rollback", "hold", "resume", "repair", "drop", "folded", "bootstrap", "rebuild", "adopt"]
    outcome: Literal["committed", "aborted", "unsettled"]
    started_ms: int
    ended_ms: int | None
    upserts: int
    deletes: int
    moves: int
    partitions: int
    rejected: int
    window: Window | None
    live: bool


@dataclass(frozen=True, slots=True)
class PartitionRollback:
    """One partition that a rollback moves. `from_location` None: it must be added first."""

    name: str
    from_location: str | None
    to_location: str
    rows_now: int
    rows_then: int


@dataclass(frozen=True, slots=True)
class RollbackPreview:
    """What a rollback would do. `target_committed_ms` tells a person which batch that is.

    `asked`: the partitions that were named; `held`: those and the ones that keys have moved between since, which
    therefore go back with them. Both None: the whole table. `calls`: swaps that it takes; more than one where the
    metastore does not take all partitions at once. `definition`: how the configuration that made the table's rows
    changes with it; a loader then refuses one that says otherwise.
    """

    table: str
    target_batch: int
    target_committed_ms: int | None
    partitions: tuple[PartitionRollback, ...]
    batches_undone: tuple[int, ...]
    asked: tuple[str, ...] | None = None
    held: tuple[str, ...] | None = None
    calls: int = 1
    definition: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resume would do: end `holds` as far as they are of `partitions` (None: altogether).

    The next batch reads again the `keys` of `batches`, and those that are `deferred`, each once.
    """

    table: str
    holds: tuple[HoldReport, ...]
    partitions: tuple[str, ...] | None
    batches: tuple[int, ...]
    keys: int
    deferred: int
    of_log: bool = False  # its rows are events: none is read by key


@dataclass(frozen=True, slots=True)
class Published:
    """A swap that is confirmed."""

    table: str
    batch: int
    attempt: str
    partitions: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt that `recover` brought to its outcome."""

    batch: int
    attempt: str
    outcome: Literal["committed", "aborted"]
    reason: str


@dataclass(frozen=True, slots=True)
class CleanedDirectory:
    """A directory that nobody needs: the batch that wrote it, and since when no reader was sent there."""

    location: str
    batch: int
    since_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What `clean` deleted, or would delete. `unsettled`: an attempt has no outcome yet, so nothing may go.

    `empty`: partitions without rows that were, or would be, dropped, if that was asked for.
    `folded`: attempts older than all of history, put into one object; `objects`: other state objects.
    `foreign`: directories that a state object names, but that are not this table's: never deleted.
    """

    table: str
    deleted: bool
    directories: tuple[CleanedDirectory, ...]
    change_sets: int
    failed: tuple[str, ...] = ()
    unsettled: bool = False
    folded: int = 0
    objects: int = 0
    empty: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampledCell:
    """One cell beside what the mapping makes of it. `raw` None: the row has no such cell; `error`: why it failed."""

    column: str
    cell: str
    raw: str | None
    value: str | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One HBase row; `key` as printable text with `\\xNN` for the rest. `partition`: where it would go; None: nowhere,

    for the `problem` with which a batch would put it in quarantine, or because the transform's `where` leaves it out.
    """

    key: str
    cells: tuple[SampledCell, ...]
    partition: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SampleReport:
    """Rows from all over the HBase table as a batch would read them. `guesses`: what cells that fail seem to be."""

    table: str
    hbase_table: str
    regions: int
    rows: tuple[SampledRow, ...]
    guesses: tuple[str, ...]

    @property
    def failed(self) -> int:
        return sum(row.problem is not None for row in self.rows)

    @property
    def most_fail(self) -> bool:
        return 2 * self.failed > len(self.rows)


@dataclass(frozen=True, slots=True)
class InitReport:
    """What `init` found and did. `warnings`: what will hurt later."""

    table: str
    location: str
    created: bool
    columns: tuple[tuple[str, str], ...]
    partition_keys: tuple[tuple[str, str], ...]
    hbase_table: str
    regions: int
    warnings: tuple[str, ...] = ()
    sample: tuple[SampledRow, ...] = ()
    source: str = ""  # `hbase:…` or `kafka:…`


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch, as its log line and the demo tell it.

    `seconds` goes by step names, in order. `freshness_s`: from the newest cell of the batch to the confirmed swap.
    """

    table: str
    batch: int
    attempt: str
    outcome: Literal["committed", "aborted", "unknown"]
    window: Window | None
    upserts: int
    deletes: int
    moves: int
    rejected: int
    partitions: int
    splits: int
    files_linked: int
    rows: int
    bytes_written: int
    bytes_linked: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    swap_s: float | None = None
    freshness_s: float | None = None
    confirmed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one `run` did until it ended."""

    table: str
    batches: tuple[BatchReport, ...]
    low_watermark_ms: int | None
    seconds: float


def as_json(value: Any) -> Any:
    """JSON types of any report: dataclasses become objects with their fields' names, tuples lists, infinities null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value.value if isinstance(value, Enum) else value
