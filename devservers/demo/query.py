"""Queries by Spark SQL through the metastore, each in its own time: the client of `spark_child.py`."""

from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO

import pyarrow as pa

from devservers.demo import children
from devservers.demo.data import COLUMNS, SCHEMA, Totals
from devservers.demo.errors import DemoFailed
from devservers.demo.hotswap import TABLE
from devservers.jvm import tail
from devservers.metastore import Metastore23

TOTALS = f"""SELECT campaign, count(*) AS ads, sum(impressions) AS impressions,
       sum(clicks) AS clicks, sum(cost) AS cost
FROM {TABLE}
GROUP BY campaign"""  # noqa: S608 - names of our own
ROWS = f"SELECT {', '.join(COLUMNS)} FROM {TABLE}"  # noqa: S608 - names of our own
_PAUSES = 400


def slow_totals(rows: int, seconds: float) -> str:
    """TOTALS that takes about this long over a table of `rows`: it sleeps a little at some rows, 400 times in all."""
    nap = max(1, round(seconds * 1000 / _PAUSES))
    every = max(1, rows // _PAUSES)
    slept = f"CASE WHEN crc32(ad_id) % {every} = 0 THEN java_method('java.lang.Thread', 'sleep', {nap}L) END AS slept"
    slowly = TOTALS.replace(f"FROM {TABLE}", f"FROM (SELECT *, {slept} FROM {TABLE})")  # noqa: S608
    return slowly.replace(" AS cost", " AS cost, count(slept) AS naps")


@dataclass(slots=True)
class Query:
    """A query that was sent. `under_way`: its tasks read files. `answer`: an Arrow table, or DemoFailed."""

    under_way: threading.Event = field(default_factory=threading.Event)
    answer: Future[pa.Table] = field(default_factory=Future)
    ended_ms: int | None = None

    def totals(self) -> Totals:
        """The answer to TOTALS, slow or not."""
        rows = self.answer.result().to_pylist()
        return {row["campaign"]: (row["ads"], row["impressions"], row["clicks"], row["cost"]) for row in rows}

    def rows(self) -> pa.Table:
        """The answer to ROWS, sorted by ad_id, as SCHEMA has it: Spark's timestamps are in UTC, by its session."""
        return self.answer.result().cast(SCHEMA).sort_by("ad_id")


class Queries:
    """A Spark session of its own, in a process of its own."""

    def __init__(self, metastore: Metastore23, folder: Path) -> None:
        self.log = folder / "queries.log"
        self._folder = folder / "queries"
        self._folder.mkdir()
        self._numbers = count(1)
        self._asked: dict[int, Query] = {}
        command = ["-m", "devservers.demo.spark_child", metastore.uri, str(metastore.warehouse), str(self._folder)]
        pipe = subprocess.PIPE
        with self.log.open("a") as log:
            self._child = children.start(command, self._folder, text=True, stdin=pipe, stdout=pipe, stderr=log)
        assert self._child.stdout is not None
        threading.Thread(target=self._read, args=(self._child.stdout,), daemon=True).start()

    def ask(self, sql: str) -> Query:
        """Send a query; it runs beside all others."""
        number, query = next(self._numbers), Query()
        self._asked[number] = query
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps({"id": number, "sql": sql}) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            self._fail(query)
        return query

    def stop(self) -> None:
        children.end(self._child)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            said = json.loads(line)
            query = self._asked[said["id"]]
            if said["event"] == "under way":
                query.under_way.set()
            elif said["event"] == "failed":
                query.answer.set_exception(DemoFailed("a query of Spark SQL failed", said["error"]))
            else:
                query.ended_ms = said["ended_ms"]
                with pa.ipc.open_file(self._folder / f"{said['id']}.arrow") as file:
                    query.answer.set_result(file.read_all())
        for query in self._asked.values():
            self._fail(query)

    def _fail(self, query: Query) -> None:
        if not query.answer.done():
            query.answer.set_exception(DemoFailed("the Spark that runs the queries ended", tail(self.log)))
