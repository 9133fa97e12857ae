"""A stream that is told to stop just as a batch of it begins: both end, whichever is first."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.datafiles.in_process import LocalRewriter
from loader.runtime.assemble import open_loop
from loader.runtime.job import Job
from loader.runtime.loop import Loop
from loader.runtime.waiting import Waiting
from loader.wiring.table import open_table
from tests.integration.clicks import Clicks, new_clicks
from tests.integration.test_end_to_end import wait_for

PATIENCE_S = 120


@pytest.fixture
def table(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Clicks]:
    made = new_clicks(hbase, hms.uri, tmp_path, publish_every="0s", poll_every="200ms")
    made.kept.initialise()
    yield made
    made.kept.drop()
    made.drop_source()


@dataclass
class StoppedAtItsBatch:
    """A loop whose batch begins once somebody is stopping the stream, and holds off other batches for it."""

    loop: Loop
    job: Job | None = None
    turns: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)

    def due(self) -> bool:
        assert self.job is not None
        self.job.waiting.stop.set()
        wait_for("the stop of the stream", self.job.turning.locked)
        return True

    def turn(self, scan: Any) -> None:
        self.turns += 1


def test_a_batch_that_begins_while_the_stream_is_stopped_is_not_made(spark: Any, table: Clicks) -> None:
    """Each would wait for the other: the stop for the batch to return, the batch for its turn."""
    settings, mine = table.kept.settings, table.kept.table
    env = open_table(settings, mine)
    loop = open_loop(settings, mine, env, lambda tools: LocalRewriter(tools, env.layout.temporary), 1)
    stopped = StoppedAtItsBatch(loop)
    job = Job(settings, mine, False, False, Waiting(threading.Event()), session=spark, loop=cast(Loop, stopped))
    stopped.job = job
    runs = threading.Thread(target=job.run, daemon=True)
    runs.start()
    runs.join(PATIENCE_S)
    job.stop_looking()
    assert not runs.is_alive(), "the stream waits for its batch, and the batch for the stream"
    assert stopped.turns == 0
    env.metastore.close()
