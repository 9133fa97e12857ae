"""The stream: Spark Structured Streaming polls HBase, and each trigger becomes a batch."""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from loader.basics.beside import in_thread
from loader.basics.errors import HotswapError, from_foreign
from loader.datafiles.by_size import EitherRewriter
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.datafiles.spark_merge import SparkRewriter
from loader.datafiles.split_file import Tools
from loader.ops.reconcile.schedule import Beside
from loader.ops.table import TableService
from loader.report import log as events
from loader.report.reports import BatchReport, RunReport
from loader.runtime.batch_report import run_report
from loader.runtime.loop import Loop
from loader.runtime.signals import stopped_by_signals
from loader.runtime.spark_ended import GONE, first_cause, java_has_ended, spark_ended
from loader.runtime.spark_session import open_session
from loader.runtime.waiting import PASSING, Waiting
from loader.runtime.watch import Watchman, keep_looking, watchman_of
from loader.sources.hbase.dirty_keys import IncompleteScan
from loader.state.open_table import Environment
from loader.wiring.table import open_table
from partitioner.history.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from loader.config.settings import Settings, TableSettings
    from loader.sources.hbase.spark_stream import StreamSettings

log = logging.getLogger(__name__)

SILENCE_S = 5.0
"""So long without a trigger, beyond `poll_every`, and HBase is asked whether it is there."""
WAITED_OUT = (*PASSING, IncompleteScan)
"""What `run` waits out: what passes, and a table in the making."""


def run(settings: "Settings", table: "TableSettings", once: bool, confirm_deletes: bool = False) -> RunReport:
    """Keep the table equal to HBase until stopped; with `once`, load what there is now. Raises HotswapError."""
    started = time.perf_counter()
    stop = threading.Event()
    with stopped_by_signals(stop):
        job = Job(settings, table, once, confirm_deletes, Waiting(stop))
        try:
            job.run()
        finally:
            job.stop_looking()
            job.close()
    return run_report(job.name, job.reports, job.position(), time.perf_counter() - started)


@dataclass
class Job:
    """One `run`: the Spark session, the loop, and what it has published."""

    settings: "Settings"
    table: "TableSettings"
    once: bool
    confirm_deletes: bool
    waiting: Waiting
    reports: list[BatchReport] = field(default_factory=list)
    failure: Exception | None = None
    session: SparkSession | None = None
    loop: Loop | None = None
    beside: Beside | None = None
    turning: threading.Lock = field(default_factory=threading.Lock)  # held while a batch is under way
    heard: float = field(default_factory=time.monotonic)  # when the last trigger came
    watchman: Watchman | None = None
    stop_looking: "Callable[[], None]" = field(default=lambda: None)

    @property
    def name(self) -> str:
        return str(self.table.hive_table)

    def run(self) -> None:
        """Stream; after a failure that may pass, wait and stream again. `once` does not wait."""
        while not self.waiting.stop.is_set():
            self.failure = None
            try:
                self._stream()
                return
            except (PySparkException, HotswapError, OSError, *GONE, *_metastore_errors()) as error:
                if self.waiting.stop.is_set() and java_has_ended(self.session):
                    return  # whoever stopped the loader has stopped its Spark as well
                self._wait_or_raise(self.failure or error)

    def _wait_or_raise(self, error: Exception) -> None:
        reason = self._reason(error)
        if self.once or not isinstance(reason, WAITED_OUT):
            raise reason from error
        self.waiting.failed(self.name, reason)

    def _reason(self, error: Exception) -> HotswapError:
        """Why the stream ended, in the user's words. A failed Spark task may be a server that is away: ask it."""
        from loader.wiring.source import unavailable_source  # noqa: PLC0415

        if java_has_ended(self.session):
            return spark_ended()
        known = error if isinstance(error, HotswapError) else from_foreign(error)
        if known is not None:
            return known
        return unavailable_source(self.settings) or HotswapError(
            f"Spark could not finish the batch: {first_cause(str(error)) or type(error).__name__}",
            "Its log has the whole stack trace; see --debug.",
        )

    def _stream(self) -> None:
        """One query from start to end. Its checkpoint is a temporary one: the position belongs to the table."""
        from loader.sources.hbase.spark_stream import HBaseStream  # noqa: PLC0415

        env = self.loop.env if self.loop else open_table(self.settings, self.table)  # fails sooner than Spark starts
        self.session = self.session or open_session(self.settings, self.name)
        self.loop = self.loop or self._open_loop(env, self.session)
        self._watch(env)
        self.session.dataSource.register(HBaseStream)
        options = self._source(self.loop).options()
        frame = self.session.readStream.format(HBaseStream.name()).options(**options).load()
        writer = frame.writeStream.foreachBatch(self._batch).queryName(self.name)
        query = (self._triggered(writer)).start()
        try:
            self.heard = time.monotonic()
            while query.isActive and not self.waiting.stop.wait(0.2):
                self._ask_after_silence()
                self._reconcile_beside(self.loop)
            if not self.waiting.stop.is_set():
                query.awaitTermination()  # raises what ended it
        finally:
            with self.turning:  # a batch that is under way ends first, and none begins
                query.stop()

    def _watch(self, env: Environment) -> None:
        """Alarms and metrics, from the first stream on."""
        if self.watchman is None and not self.once:
            self.watchman = watchman_of(self.settings, self.table, TableService(env))
            self.stop_looking = keep_looking(self.watchman)

    def _ask_after_silence(self) -> None:
        """While HBase is away there is no new offset, so no batch and no error: nothing else would tell."""
        from loader.wiring.source import unavailable_source  # noqa: PLC0415

        if self.turning.locked() or time.monotonic() - self.heard < self.table.poll_every + SILENCE_S:
            return
        away = unavailable_source(self.settings)
        if away is not None:
            self.waiting.failed(self.name, away)
        else:
            self.heard = time.monotonic()

    def _reconcile_beside(self, loop: Loop) -> None:
        """A comparison that is due runs in a process of its own, beside a loader that stays."""
        if self.once:
            return
        if self.beside is None:
            env = loop.env
            self.beside = Beside(
                self.name,
                self.settings.file,
                self.table.reconcile,
                env.files,
                env.layout,
                env.clock,
                lambda: env.state.position() is not None,
            )
        self.beside.tick()

    def _source(self, loop: Loop) -> "StreamSettings":
        from loader.sources.hbase.spark_stream import StreamSettings  # noqa: PLC0415
        from loader.wiring.mapping import mapping_of  # noqa: PLC0415
        from loader.wiring.source import where_of, window_rules  # noqa: PLC0415

        return StreamSettings(
            hbase=where_of(self.settings),
            table=self.table.hbase_table,
            families=mapping_of(self.table).families,
            position="loader.state.records:position_of",
            state=loop.env.layout.state,
            rules=window_rules(self.table),
            tasks=loop.parallelism,
            clock_table=self.settings.hbase_of_tables().clock_table or "",
        )

    def _triggered(self, writer: Any) -> Any:
        if self.once:
            return writer.trigger(availableNow=True)
        return writer.trigger(processingTime=f"{int(self.table.poll_every * 1000)} milliseconds")

    def _open_loop(self, env: Environment, session: SparkSession) -> Loop:
        from loader.runtime.assemble import open_loop  # noqa: PLC0415

        parallelism = session.sparkContext.defaultParallelism

        def rewriter(tools: Tools) -> EitherRewriter:
            here = LocalRewriter(tools, env.layout.temporary, threads=threads_for(min(2, parallelism)))
            return EitherRewriter(here, SparkRewriter(session, tools, env.layout.temporary))

        share = 1.0 if self.confirm_deletes else self.table.max_delete_share
        return open_loop(
            self.settings, self.table, env, rewriter, parallelism, max_delete_share=share, merging=in_thread
        )

    def _batch(self, frame: DataFrame, number: int) -> None:
        """foreachBatch. What may pass is waited out here, so that the query lives on; the window only grows."""
        loop, self.heard = self.loop, time.monotonic()
        if loop is None or not (self.once or loop.due()):
            return
        try:
            made = self._turn(loop, frame)
            while made and loop.behind and not self.waiting.stop.is_set():
                made = self._turn(loop, frame)
        except (PySparkException, HotswapError, OSError, *GONE, *_metastore_errors()) as error:
            self.failure = error
            self._wait_or_raise(error)
            self.failure = None
            return
        if made:
            loop.collect_old()

    def _turn(self, loop: Loop, frame: DataFrame) -> bool:
        """Whether it was made. Not while the stream is being stopped: that waits for this very call to end."""
        if not self.turning.acquire(blocking=False):
            return False
        try:
            self._publish(loop, frame)
        finally:
            self.turning.release()
        return True

    def _publish(self, loop: Loop, frame: DataFrame) -> None:
        from loader.runtime.assemble import hbase_of  # noqa: PLC0415
        from loader.sources.hbase.dirty_keys import dirty_keys_from_rows  # noqa: PLC0415

        hbase_of(loop).scan = lambda: dirty_keys_from_rows(frame.toArrow())
        report = loop.turn()
        self.waiting.worked(self.name)
        if report is not None:
            self.reports.append(report)
            events.batch_done(report)
            if self.watchman is not None:
                self.watchman.batch(report)

    def position(self) -> Position | None:
        """Where the table's source stands; None if the run never came to open it."""
        return self.loop.env.state.position() if self.loop is not None else None

    def close(self) -> None:
        if self.beside is not None:
            self.beside.close()
        if self.session is not None:
            with suppress(OSError, *GONE):  # it has ended already
                self.session.stop()
        if self.loop is not None:
            self.loop.env.metastore.close()


def _metastore_errors() -> tuple[type[Exception], ...]:
    from metastore.errors import MetastoreError  # noqa: PLC0415
    from partitioner.errors import PartitionerError  # noqa: PLC0415

    return (MetastoreError, PartitionerError)
