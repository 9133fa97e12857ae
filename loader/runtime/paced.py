"""A loader that owns its clock: it polls its source, and what is new becomes a batch. Starts no Spark."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loader.basics.errors import Held, HotswapError, Locked, OutcomeUnknown, Unavailable, from_foreign
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.ops.table import TableService
from loader.report import log as events
from loader.report.reports import BatchReport, RunReport
from loader.runtime.assemble import open_loop
from loader.runtime.loop import Loop
from loader.runtime.signals import stopped_by_signals
from loader.runtime.waiting import Waiting
from loader.runtime.watch import Watchman, keep_looking, watchman_of
from loader.wiring.table import open_table
from metastore.errors import MetastoreError
from partitioner.errors import PartitionerError

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings

WAITED_OUT = (Unavailable, OutcomeUnknown, Locked, Held)
"""What a running loader waits out: servers that come back, locks that end, holds that an operator ends."""


@dataclass
class Paced:
    """One loader run. `open_loop` connects; it is called again until it succeeds. `poll_every` in seconds."""

    name: str
    open_loop: Callable[[], Loop]
    poll_every: float
    waiting: Waiting
    on_batch: Callable[[BatchReport], None] = lambda report: None
    on_open: Callable[[Loop], None] = lambda loop: None
    reports: list[BatchReport] = field(default_factory=list)
    loop: Loop | None = None

    def run(self) -> None:
        """Until `waiting.stop` is set, after the batch that is under way then. Raises what waiting does not help."""
        while not self.waiting.stop.is_set():
            started = time.monotonic()
            try:
                self._turn()
            except (HotswapError, MetastoreError, PartitionerError, OSError) as error:
                self._wait_or_raise(error)
                continue
            if self.loop is None or not self.loop.behind:
                self.waiting.stop.wait(max(0.0, self.poll_every - (time.monotonic() - started)))

    def _turn(self) -> None:
        if self.loop is None:
            self.loop = self.open_loop()
            self.on_open(self.loop)
        if not self.loop.due() and not self.loop.behind:
            return
        report = self.loop.turn()
        self.waiting.worked(self.name)
        if report is not None:
            self.reports.append(report)
            events.batch_done(report)
            self.on_batch(report)
            self.loop.collect_old()

    def _wait_or_raise(self, error: Exception) -> None:
        known = error if isinstance(error, HotswapError) else from_foreign(error)
        if not isinstance(known, WAITED_OUT):
            raise known or error
        self.waiting.failed(self.name, known)

    def close(self) -> None:
        if self.loop is not None:
            self.loop.env.metastore.close()


def run_paced(settings: "Settings", table: "TableSettings", open_loop: Callable[[], Loop]) -> RunReport:
    """Keep a table with its source until a signal ends it. Raises HotswapError."""
    started = time.perf_counter()
    watchmen: list[Watchman] = []
    ends: list[Callable[[], None]] = []
    stop = threading.Event()

    def watch(loop: Loop) -> None:
        watchmen.append(watchman_of(settings, table, TableService(loop.env)))
        ends.append(keep_looking(watchmen[-1]))

    def told(report: BatchReport) -> None:
        for watchman in watchmen:
            watchman.batch(report)

    with stopped_by_signals(stop):
        run = Paced(str(table.hive_table), open_loop, table.poll_every, Waiting(stop), told, watch)
        try:
            run.run()
        finally:
            for end in ends:
                end()
            run.close()
    position = run.loop.env.state.position() if run.loop else None
    return RunReport(
        table=run.name,
        batches=tuple(run.reports),
        low_watermark_ms=position.low_ms if position else None,
        seconds=time.perf_counter() - started,
    )


def run_log(settings: "Settings", table: "TableSettings") -> RunReport:
    """The same of a table of events. Raises HotswapError."""

    def opened() -> Loop:
        env = open_table(settings, table)
        cores = os.cpu_count() or 1
        try:
            return open_loop(
                settings,
                table,
                env,
                lambda tools: LocalRewriter(tools, env.layout.temporary, threads_for(cores)),
                cores,
            )
        except BaseException:
            env.metastore.close()
            raise

    return run_paced(settings, table, opened)
