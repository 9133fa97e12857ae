"""The process that runs the demo's queries: JSON lines in ({id, sql}), JSON lines out ({id, event}), answers as files.

    python -m devservers.demo.spark_child METASTORE_URI WAREHOUSE FOLDER

Events: "under way" once a task of the query reads files, so that nothing is listed any more; then "done" (its answer is
FOLDER/<id>.arrow) or "failed". Ends when its stdin does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from devservers import spark

_CORES = 3  # a slow query takes one, and leaves the others to the next ones
_SETTINGS = {
    # One task for a whole scan, however many files: a slow query opens them one after the other.
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.files.maxPartitionBytes": "1g",
    # List files without a job of Spark's own, so that a running task means that all is listed.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # Tell of a lone task when it starts, and not with the next heartbeat.
    "spark.ui.liveUpdate.period": "0",
}


class Child:
    def __init__(self, session: Any, folder: Path, out: IO[str]) -> None:
        self._session, self._folder, self._out = session, folder, out
        self._writing = threading.Lock()

    def serve(self, requests: IO[str]) -> None:
        for line in requests:
            threading.Thread(target=self._answer, kwargs=json.loads(line), daemon=True).start()

    def _answer(self, id: int, sql: str) -> None:
        threading.Thread(target=self._watch, args=(id,), daemon=True).start()
        self._session.sparkContext.setJobGroup(str(id), sql)
        try:
            table = self._session.sql(sql).toArrow()
        except (PySparkException, Py4JError) as error:
            self._say(id, "failed", error=str(error).partition("\n")[0])
            return
        ended_ms = time.time_ns() // 1_000_000
        with pa.OSFile(str(self._folder / f"{id}.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        self._say(id, "done", ended_ms=ended_ms)

    def _watch(self, id: int) -> None:
        while not self._reads(id):
            time.sleep(0.02)
        self._say(id, "under way")

    def _reads(self, id: int) -> bool:
        """Whether a task of this query runs, or one has run."""
        tracker = self._session.sparkContext.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(str(id))]
        stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
        return any(stage and stage.numActiveTasks + stage.numCompletedTasks for stage in stages)

    def _say(self, id: int, event: str, **more: Any) -> None:
        with self._writing:
            print(json.dumps({"id": id, "event": event, **more}), file=self._out, flush=True)


def _own_stdout() -> IO[str]:
    """Our stdout for us alone: what Spark's JVM and others print goes to stderr."""
    ours = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return ours


def main(uri: str, warehouse: Path, folder: Path) -> None:
    out = _own_stdout()
    session = spark.session(uri, warehouse, folder, _CORES, _SETTINGS)
    Child(session, folder, out).serve(sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
