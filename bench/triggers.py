"""What a trigger costs that finds nothing: the loader's stream over a still table, beside a source that does nothing.

Both on one Spark session, one after the other, polling once a second; Spark's own logs of offsets are in both. The
loader makes a batch every few seconds all the same (`loader/sources/hbase/idle_check.py`): the mean has those in it.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader

from bench.freshness import SETTINGS, TABLE, new_table, streaming
from devservers.hbase import HBase
from devservers.metastore import Metastore23

TRIGGERS = 45
"""Of which the first third warms up."""
TELL_ALL = "spark: {{spark.sql.streaming.noDataProgressEventInterval: '0'}}\n"
"""Spark tells of a trigger without a batch only every ten seconds otherwise."""


class Nothing(DataSource):
    """A Python source that has a new offset, and no row, at each trigger."""

    @classmethod
    def name(cls) -> str:
        return "nothing"

    def schema(self) -> str:
        return "n int"

    def simpleStreamReader(self, schema: Any) -> SimpleDataSourceStreamReader:
        return _Nothing()


class _Nothing(SimpleDataSourceStreamReader):
    def initialOffset(self) -> dict[str, int]:
        return {"at": 0}

    def read(self, start: dict[str, int]) -> tuple[Iterator[tuple[int]], dict[str, int]]:
        return iter(()), {"at": start["at"] + 1}

    def readBetweenOffsets(self, start: Any, end: Any) -> Iterator[tuple[int]]:
        return iter(())


def measure(hbase: HBase, folder: Path) -> dict[str, Any]:
    """Ms of each trigger by Spark's own account, of the loader's stream and of `Nothing`; their medians and means."""
    with Metastore23.start(folder / "metastore") as metastore:
        settings = new_table(hbase, metastore.uri, folder, TELL_ALL + SETTINGS)
        with streaming(settings) as stream:
            ours = _triggers(lambda: stream.job.session)
            stream.stop()
            session = stream.job.session
            assert session is not None
            bare = _of_nothing(session, folder)
    hbase.drop(TABLE)
    return {"loader": _figures(ours), "spark": _figures(bare)}


def _figures(triggers: list[int]) -> dict[str, Any]:
    return {"median_ms": median(triggers), "mean_ms": round(mean(triggers)), "ms": triggers}


def _of_nothing(session: SparkSession, folder: Path) -> list[int]:
    session.dataSource.register(Nothing)
    frame = session.readStream.format(Nothing.name()).load()
    writer = frame.writeStream.foreachBatch(lambda batch, _: None).option("checkpointLocation", str(folder / "nothing"))
    query = writer.trigger(processingTime="1 second").start()
    try:
        return _triggers(lambda: session)
    finally:
        query.stop()


def _triggers(session: Callable[[], SparkSession | None]) -> list[int]:
    """Ms of the last triggers of the one query that is active, once it has done enough of them."""
    seen: dict[str, int] = {}
    while len(seen) < TRIGGERS:
        time.sleep(0.2)
        active = session().streams.active if session() else []  # type: ignore[union-attr]
        for progress in active[0].recentProgress if active else ():
            seen[progress.timestamp] = progress.durationMs["triggerExecution"]
    return [seen[moment] for moment in sorted(seen)][TRIGGERS // 3 :]
