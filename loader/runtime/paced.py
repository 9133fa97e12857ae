"""`run` of a table of events: a loop that owns its clock polls the log, and what is new becomes a batch. No Spark."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loader.basics.errors import HotswapError, from_foreign
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.ops.table import TableService
from loader.report import log as events
from loader.report.reports import BatchReport, RunReport
from loader.runtime.assemble import open_loop
from loader.runtime.batch_report import run_report
from loader.runtime.loop import Loop
from loader.runtime.signals import stopped_by_signals
from loader.runtime.waiting import PASSING, Waiting
from loader.runtime.watch import Watchman, keep_looking, watchman_of
from loader.wiring.table import open_table
from metastore.errors import MetastoreError
from partitioner.errors import PartitionerError

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def run_log(settings: "Settings", table: "TableSettings") -> RunReport:
    """Keep a table with its log until a signal ends it. Raises HotswapError."""
    started = time.perf_counter()
    stop = threading.Event()
    with stopped_by_signals(stop):
        run = Paced(settings, table, Waiting(stop))
        try:
            run.run()
            position = run.loop.env.state.position() if run.loop is not None else None
        finally:
            run.close()
    return run_report(run.name, run.reports, position, time.perf_counter() - started)


@dataclass
class Paced:
    """One `run`: the loop, once the metastore has let it be opened, and what it has published."""

    settings: "Settings"
    table: "TableSettings"
    waiting: Waiting
    reports: list[BatchReport] = field(default_factory=list)
    loop: Loop | None = None
    watchman: Watchman | None = None
    stop_looking: Callable[[], None] = field(default=lambda: None)

    @property
    def name(self) -> str:
        return str(self.table.hive_table)

    def run(self) -> None:
        """Until `waiting.stop` is set, after the batch that is under way then. Raises what waiting does not help."""
        while not self.waiting.stop.is_set():
            started = time.monotonic()
            try:
                loop = self._opened()
                self._turn(loop)
            except (HotswapError, MetastoreError, PartitionerError, OSError) as error:
                self._wait_or_raise(error)
                continue
            if not loop.behind:
                self.waiting.stop.wait(max(0.0, self.table.poll_every - (time.monotonic() - started)))

    def _opened(self) -> Loop:
        if self.loop is None:
            self.loop = self._open()
            self.watchman = watchman_of(self.settings, self.table, TableService(self.loop.env))
            self.stop_looking = keep_looking(self.watchman)
        return self.loop

    def _open(self) -> Loop:
        env = open_table(self.settings, self.table)
        cores = os.cpu_count() or 1
        here = threads_for(cores)
        try:
            return open_loop(
                self.settings, self.table, env, lambda tools: LocalRewriter(tools, env.layout.temporary, here), cores
            )
        except BaseException:
            env.metastore.close()
            raise

    def _turn(self, loop: Loop) -> None:
        if not loop.due() and not loop.behind:
            return
        report = loop.turn()
        self.waiting.worked(self.name)
        if report is not None:
            self.reports.append(report)
            events.batch_done(report)
            if self.watchman is not None:
                self.watchman.batch(report)
            loop.collect_old()

    def _wait_or_raise(self, error: Exception) -> None:
        known = error if isinstance(error, HotswapError) else from_foreign(error)
        if not isinstance(known, PASSING):
            raise known or error
        self.waiting.failed(self.name, known)

    def close(self) -> None:
        self.stop_looking()
        if self.loop is not None:
            self.loop.env.metastore.close()
