"""A table, what is asked of its next batch, and both ways to look at that batch: as a plan, and by publishing it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from loader.basics.errors import HotswapError, from_foreign
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.plan import Deadline, NextBatch, preview
from loader.publish.batch import Batch, Work
from loader.publish.publish import publish
from loader.state import rereads
from loader.state.open_table import Environment
from loader.state.recently_published import Recently
from metastore.errors import MetastoreError
from metastore.memory import InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.world import COLUMNS, Source, create_table, open_world, raw_keys


@dataclass(frozen=True)
class Limits:
    """What the next batch is held to."""

    rejected: int | None = None
    deletes: float = 1.0
    deletes_of_a_partition: float = 1.0
    partitions_per_swap: int | None = None


@dataclass
class World:
    """A table and its source. Each publish and each plan is a run of its own, as after a restart."""

    folder: Path
    store: InMemoryMetastore = field(default_factory=lambda: InMemoryMetastore("2.3.10", lambda: 0.0))
    source: Source = field(default_factory=Source)
    runs: int = 0
    rows_per_file: int = 400

    def __post_init__(self) -> None:
        create_table(self.store, self.folder)

    def open(self) -> Environment:
        self.runs += 1
        env = open_world(self.store, self.folder, f"run{self.runs}", clock=1_000_000 * self.runs)
        return replace(env, lock_wait=0.0)

    def work(self, env: Environment, limits: Limits) -> Work:
        return Work(
            scan=self.source.scan,
            reader=self.source,
            rewriter=LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary),
            rules=PlanRules(sizing=SizingRules(rows_before_measured=self.rows_per_file)),
            parallelism=2,
            recently=Recently(env.files, env.layout),
            max_rejected=limits.rejected,
            max_delete_share=limits.deletes,
            max_partition_delete_share=limits.deletes_of_a_partition,
            partitions_per_swap=limits.partitions_per_swap,
        )

    def plan(self, limits: Limits = Limits(), at_once: int = 10_000) -> NextBatch:
        """`at_once`: of more keys no more are read than so many."""
        env = self.open()
        return preview(env, self.work(env, limits), Deadline(0.0, lambda: 0.0, at_once))

    def batch(self, limits: Limits = Limits()) -> Batch:
        env = self.open()
        batch = publish(Batch(env, Kind.BATCH, self.work(env, limits)))
        self.source.dirty.clear()
        return batch

    def outcome(self, limits: Limits) -> Batch | HotswapError:
        """The batch, or why it was not published."""
        try:
            return self.batch(limits)
        except (HotswapError, MetastoreError, OSError) as error:
            known = from_foreign(error)
            assert known is not None
            return known

    def fill(self, rows: int, *days: str) -> None:
        for number in range(rows):
            self.source.put(f"k{number:05d}", days[number % len(days)], number)
        self.batch()

    def delete(self, start: int, stop: int, step: int = 1) -> None:
        for number in range(start, stop, step):
            self.source.delete(f"k{number:05d}")

    def confirm(self, start: int, stop: int, step: int = 1) -> None:
        """A person agrees to the deletion of these keys."""
        env = self.open()
        asker = rereads.Asker("reconcile", env.identity.run, env.clock, confirmed=True)
        rereads.ask(env.files, env.layout, [f"k{number:05d}".encode() for number in range(start, stop, step)], asker)
