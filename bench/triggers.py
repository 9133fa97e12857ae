"""What a trigger costs that finds nothing: the loader's stream over a quiet table, beside a source that does nothing.

python -m bench.triggers: both on one Spark session, one after the other; Spark's own logs of offsets are in both.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader

from bench.freshness import SETTINGS, TABLE
from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.config import load
from loader.init import initialise
from loader.job import Job
from loader.waiting import Waiting

TRIGGERS = 30
"""Of which the first third warms up."""


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
    """Median ms of a trigger by Spark's own account, of the loader's stream and of `Nothing`."""
    with Metastore23.start(folder / "metastore") as metastore:
        hbase.create_table(TABLE, ["d"])
        config = folder / "fresh.yaml"
        text = SETTINGS.format(metastore=metastore.uri, hbase=hbase.thrift, folder=folder)
        config.write_text(text + "    poll_every: 50ms\n")
        settings = load(config)
        initialise(settings, settings.table(), None)
        waiting = Waiting(threading.Event())
        job = Job(settings, settings.table(), False, False, waiting)
        runs = threading.Thread(target=job.run)
        runs.start()
        try:
            ours = _triggers(lambda: job.session)
        finally:
            waiting.stop.set()
            runs.join()
        session = job.session
        assert session is not None
        bare = _of_nothing(session, folder)
        job.stop_looking()
        job.close()
        return {"trigger_ms": median(ours), "spark_alone_ms": median(bare), "runs": {"ours": ours, "spark": bare}}


def _of_nothing(session: SparkSession, folder: Path) -> list[int]:
    session.dataSource.register(Nothing)
    frame = session.readStream.format(Nothing.name()).load()
    writer = frame.writeStream.foreachBatch(lambda batch, _: None).option("checkpointLocation", str(folder / "nothing"))
    query = writer.trigger(processingTime="50 milliseconds").start()
    try:
        return _triggers(lambda: session)
    finally:
        query.stop()


def _triggers(session: Callable[[], SparkSession | None]) -> list[int]:
    """Ms of the last triggers of the one query that is active, once it has done enough of them."""
    seen: dict[int, int] = {}
    while len(seen) < TRIGGERS:
        time.sleep(0.2)
        active = session().streams.active if session() else []  # type: ignore[union-attr]
        for progress in active[0].recentProgress if active else ():
            if "addBatch" in progress.durationMs:
                seen[progress.batchId] = progress.durationMs["triggerExecution"]
    return [seen[number] for number in sorted(seen)][TRIGGERS // 3 :]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, HBase.start(Path(folder)) as hbase:
        print(json.dumps(measure(hbase, hbase.base)))


if __name__ == "__main__":
    main()
