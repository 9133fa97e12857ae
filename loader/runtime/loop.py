"""One table's loop: turn what its source has into a batch, keep the index compact, collect what is old.

Knows neither Spark nor threads nor which source it is: runtime/job.py calls `turn` from its stream, tests call it.
"""

import logging
from dataclasses import dataclass, field, replace

from loader.basics.beside import Beside, at_once
from loader.basics.errors import Damage, Held, HotswapError
from loader.basics.moments import passed
from loader.datafiles.split_file import Rewriter
from loader.ops.clean.clean import clean
from loader.ops.recover.stale_writes import astray, repair, warn_of
from loader.publish.batch import Batch, Work
from loader.publish.publish import Watch, no_watch, publish
from loader.report.reports import BatchReport
from loader.runtime.batch_report import report_of
from loader.runtime.compactor import Compactor
from loader.sources.api import Source
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.state.recently_published import Recently
from metastore.errors import MetastoreError
from partitioner.history.kinds import Kind
from partitioner.history.retention import RetentionRules
from partitioner.planning.plan import PlanRules

log = logging.getLogger(__name__)

CHECKPOINT_EVERY = 64
"""Attempts that are settled between two checkpoints."""
CLEAN_EVERY_MS = 600_000
WATCH_EVERY_MS = 60_000
"""How often all locations are compared with what is committed: a stale write (ANALYZE) must not stand for long."""
POSITION_EVERY_MS = 15_000
"""How often a quiet table's position is stored: lag is told from it, and an alarm at a minute must not flap."""


@dataclass(slots=True)
class Loop:
    """The state of one loader run between batches. `publish_every_ms`: the least time between two swaps."""

    env: Environment
    source: Source
    rewriter: Rewriter
    rules: PlanRules
    parallelism: int
    publish_every_ms: int = 0
    max_rejected: int | None = None
    max_delete_share: float = 1.0
    max_partition_delete_share: float = 1.0  # not asked for where `max_delete_share` is 1, that is, confirmed
    partitions_per_swap: int | None = None
    retention: RetentionRules | None = None  # None: nothing is collected
    watch: Watch = no_watch
    merging: Beside = at_once  # how segments of the key index are merged: a stream does it beside its batches
    recently: Recently | None = field(init=False)  # None: the rule does not let rows be read again
    compactor: Compactor = field(init=False)
    published_ms: int | None = None
    position_ms: int | None = None
    cleaned_ms: int | None = None
    watched_ms: int | None = None
    cut: bool = False  # the last batch left keys to the next one: it was larger than one call

    def __post_init__(self) -> None:
        self.recently = Recently(self.env.files, self.env.layout) if self.env.rule.idempotent else None
        self.compactor = Compactor(self.env, self.merging)

    def due(self) -> bool:
        """Whether a batch may be published now. A poll that is not due is skipped whole: the window just grows."""
        return passed(self.env.clock(), self.published_ms, self.publish_every_ms)

    @property
    def behind(self) -> bool:
        """Whether more was found than one batch takes: `turn` goes on with it at once."""
        return self.source.behind or self.cut

    def turn(self) -> BatchReport | None:
        """Poll, and publish what is new; while `behind`, publish the next part of it. None: nothing was new."""
        try:
            batch = publish(Batch(self.env, Kind.BATCH, self.work()), watch=self.watch)
        except BaseException as error:
            self.source.abandoned()
            if isinstance(error, Held):
                self.watch_locations()
            raise
        self.source.settled(batch.counts.deletes)
        self.cut = batch.carried.rest is not None
        if batch.written_back:
            self.watched_ms = None  # where one partition was put back, others may have been
        self.watch_locations()
        if batch.idle:
            self._remember_quiet(batch)
            return None
        self.published_ms = self.position_ms = self.env.clock()
        records = self.env.state.records()
        self.compactor.after_batch(records.state.index)
        self._checkpoint()
        if self.recently is not None:
            self.recently.refresh(records)  # read it back now, so that the next batch need not
        return report_of(batch)

    def work(self) -> Work:
        """What the next batch is given: to poll, how to read and write, and how much of it may go wrong."""
        return Work(
            self.source.poll,
            self.source.reader,
            self.rewriter,
            self.rules,
            self.parallelism,
            self.recently,
            self.max_rejected,
            self.source.delete_share(self.max_delete_share, self._rows()),
            1.0 if self.max_delete_share >= 1.0 else self.max_partition_delete_share,
            self.partitions_per_swap,
        )

    def _rows(self) -> int:
        return sum(version.rows for version in self.env.state.records().state.live.values())

    def _remember_quiet(self, batch: Batch) -> None:
        """A position object now and then keeps the next window short, also after a restart."""
        position, now = batch.poll.position if batch.poll else None, self.env.clock()
        if position is None or position.since_ms == position.read_ms:
            return
        if passed(now, self.position_ms, POSITION_EVERY_MS):
            self.env.state.store_position(position)
            self.position_ms = now

    def collect_old(self) -> None:
        """Old versions past their grace go, now and then. Another loader's lock, or a failure, can wait."""
        now = self.env.clock()
        if self.retention is None or not passed(now, self.cleaned_ms, CLEAN_EVERY_MS):
            return
        self.cleaned_ms = now
        try:
            done = clean(replace(self.env, lock_wait=0.0), self.retention)
        except (MetastoreError, OSError) as error:
            log.warning("old versions of %s are collected later: %s", self.env.table, error)
            return
        if done.directories:
            log.info("%s: %s old versions deleted", self.env.table, len(done.directories))

    def watch_locations(self) -> None:
        """Every minute: what a stale write has put back is mended, also where no batch would touch it."""
        now = self.env.clock()
        if not passed(now, self.watched_ms, WATCH_EVERY_MS):
            return
        self.watched_ms = now
        try:
            found = astray(self.env)
            if found.foreign:
                log.warning("%s", warn_of(self.env, found.foreign))
            if found.mendable:
                repair(replace(self.env, lock_wait=0.0))
        except Damage:
            raise
        except (MetastoreError, HotswapError, OSError) as error:
            log.warning("the locations of %s are compared later: %s", self.env.table, error)

    def _checkpoint(self) -> None:
        """Now and then, so that `status` and the next window need not read the whole history."""
        state = self.env.state
        if state.settled_since_checkpoint() >= CHECKPOINT_EVERY:
            waiting = quarantined(self.env.files, self.env.layout, state.records().attempts)
            state.store_checkpoint(sorted(waiting))
