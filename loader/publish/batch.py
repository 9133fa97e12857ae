"""One attempt as it goes through the steps: what it is given, and what each step fills in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from loader.datafiles.split_file import Rewriter
from loader.sources.api import EventReader, Poll, RowReader
from loader.state.keys_aside import Aside
from loader.state.open_table import Environment
from loader.state.quarantine import RejectedRow
from loader.state.recently_published import Recently
from metastore.api import Partition, Table
from metastore.errors import MetastoreError
from metastore.locks import TableLock
from partitioner.changes.change_set import NOWHERE, ChangeSet
from partitioner.changes.cutting import CallLimit
from partitioner.history.kinds import Kind
from partitioner.history.manifest import Counts, Definition, Intent, KeySet, Manifest, PartitionMove, PutAside
from partitioner.history.settling import Outcome
from partitioner.history.table_state import TableState
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from partitioner.planning.counts import scale_up
from partitioner.planning.plan import PlanRules
from partitioner.values import Estimate, PartitionValues


@dataclass(frozen=True, slots=True)
class Work:
    """Where a batch's changes come from and how they are merged."""

    scan: Callable[[], Poll]
    reader: RowReader | EventReader
    rewriter: Rewriter
    rules: PlanRules
    parallelism: int
    recently: Recently | None = None  # what was published lately; None: every row read counts as changed
    max_rejected: int | None = None  # rows; None: any number
    max_delete_share: float = 1.0  # of the table's rows
    max_partition_delete_share: float = 1.0  # of any one partition's rows
    partitions_per_swap: int | None = None  # what one call takes; None: as much as its message holds


@dataclass(frozen=True, slots=True)
class Carried:
    """What no poll tells: keys or events that a batch takes up of earlier ones, and that it passes on to later ones."""

    paid: tuple[int, ...] = ()  # batches whose keys it reads again
    taken: tuple[str, ...] = ()  # key sets that it reads again
    answered: tuple[str, ...] = ()  # re-read requests that it answers
    healed: tuple[str, ...] = ()  # quarantined keys (hex) that could be read now
    waiting: Aside | None = None  # what has to wait for a hold, and was not waiting yet
    left: Aside | None = None  # what does not fit into one call
    deferred: KeySet | None = None  # `waiting`, once it is stored
    rest: KeySet | None = None  # `left`, once it is stored
    watermark: int | None = None  # where the low watermark stops because of them


@dataclass(frozen=True, slots=True)
class Decided:
    """What a rollback, a hold, a resume or a drop of empty partitions decides, as its manifest says it."""

    target: int | None = None  # of a rollback: the batch that it goes back to
    undone: tuple[int, ...] = ()  # of a rollback: batches whose keys a resume reads again
    held: tuple[PartitionValues, ...] | None = None  # that are held, or not any more; None: the whole table
    deferred: KeySet | None = None  # of a rollback of partitions: keys that it takes back
    watermark: int | None = None  # of a rollback: where the low watermark stops
    definition: Definition | None = None  # of a rollback of the table: its target's
    owed: tuple[int, ...] = ()  # of a resume: batches whose keys the next batch reads again
    released: tuple[str, ...] = ()  # of a resume: key sets that the next batch reads again
    dropped: tuple[PartitionValues, ...] = ()  # of a drop
    waiting: PutAside | None = None  # of a rollback of a log: what waited at its target, and waits again


@dataclass(frozen=True, slots=True)
class News:
    """One batch's changes as `gather` finds them, before anything of it is stored.

    `asked`: how many keys or events it has to read; `fraction` of them was read: all of them, but for a preview.
    `moves_on`: a log's position moves by numbered batches alone, also over events of which none is left.
    """

    asked: int
    fraction: float
    rejected: tuple[RejectedRow, ...]
    stored: ChangeSet  # what its change set holds
    found: ChangeSet  # what is news of what was read, whether one call takes it or not
    changes: ChangeSet  # what one call publishes of that
    counts: Counts  # of `changes`
    unchanged: int  # rows that read as they were last published
    limit: CallLimit | None  # of one call; None: so few partitions that any server takes them
    confirmed: pa.Array  # keys whose deletion a person has agreed to
    carried: Carried
    moves_on: bool = False

    @property
    def is_news(self) -> bool:
        """Whether a batch is made of it."""
        carried = self.carried
        is_carried = carried.paid or carried.taken or carried.answered or carried.waiting is not None
        return bool(len(self.changes.rows) or self.rejected or carried.healed or is_carried or self.moves_on)

    def estimated(self, hits: int) -> Estimate:
        """How many there are of what was seen `hits` times in what was read."""
        return scale_up(hits, self.fraction)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was begun to be read: the table, and those of the touched partitions that there are."""

    table: Callable[[], Table]
    partitions: Callable[[], Mapping[PartitionValues, Partition]]


@dataclass(slots=True)
class Batch:
    """The steps' notebook; the comments name the step that fills a field in."""

    env: Environment
    kind: Kind
    work: Work | None = None
    poll: Poll | None = None  # scan
    lock: TableLock | None = None  # lock
    before: TableState = field(default_factory=TableState)  # settle
    intent: Intent | None = None  # collect
    gathered: News | None = None  # collect: until it is stored
    changes: ChangeSet | None = None  # collect
    counts: Counts = field(default_factory=Counts)  # collect
    carried: Carried = field(default_factory=Carried)  # collect
    decided: Decided = field(default_factory=Decided)  # decide of a rollback, a hold or a resume; choose, of a drop
    reading: Reading | None = None  # collect: so that the change set is stored meanwhile
    found: Mapping[PartitionValues, Partition] = field(default_factory=dict)  # read_live
    written_back: tuple[PartitionValues, ...] = ()  # read_live, check: partitions that a stale write put back
    plan: BatchPlan | None = None  # decide
    results: tuple[SplitResult, ...] = ()  # rewrite
    moves: tuple[PartitionMove, ...] = ()  # verify; decide of a rollback
    index: tuple[str, ...] | None = None  # record; decide of a rollback
    manifest: Manifest | None = None  # record
    swap_sent: bool = False  # swap
    swap_failure: MetastoreError | None = None  # swap
    outcome: Outcome = Outcome.NOT_COMMITTED  # read_back
    confirmed_ms: int | None = None  # read_back
    idle: bool = False  # scan: nothing to do
    seconds: dict[str, float] = field(default_factory=dict)  # every step

    @property
    def attempt(self) -> Intent:
        """The intent, once it is claimed."""
        if self.intent is None:
            raise RuntimeError("no batch number is claimed yet")
        return self.intent

    @property
    def recorded(self) -> Manifest:
        """The manifest, once it is recorded."""
        if self.manifest is None:
            raise RuntimeError("no manifest is recorded yet")
        return self.manifest

    @property
    def planned(self) -> BatchPlan:
        if self.plan is None:
            raise RuntimeError("no plan is decided yet")
        return self.plan

    @property
    def change_set(self) -> ChangeSet:
        if self.changes is None:
            raise RuntimeError("no change set is collected yet")
        return self.changes

    @property
    def news(self) -> News:
        """What was gathered, until it is stored."""
        if self.gathered is None:
            raise RuntimeError("nothing is gathered")
        return self.gathered

    @property
    def touched(self) -> list[PartitionValues]:
        """The partitions that its moves or, before there are any, its changes are about."""
        if self.moves or self.changes is None:
            return [move.partition for move in self.moves]
        rows = self.changes.rows
        indices = set(rows[":target"].unique().to_pylist()) | set(rows[":origin"].unique().to_pylist())
        return sorted(self.changes.partitions[index] for index in indices if index > NOWHERE)

    @property
    def given(self) -> Work:
        if self.work is None:
            raise RuntimeError("a rollback has no changes")
        return self.work
