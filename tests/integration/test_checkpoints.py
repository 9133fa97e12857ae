"""Spark checkpoints that somebody keeps, restores and copies: whole runs of the loader are right whatever they say.

By default Spark's checkpoint is temporary; the setting `spark.sql.streaming.checkpointLocation` of Spark keeps it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.report.reports import HistoryEntry
from tests.integration.clicks import Clicks, new_clicks
from tests.integration.test_end_to_end import Running, wait_for
from tests.world import Row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]


@dataclass
class Keeper:
    """A table whose loaders keep their checkpoints below `folder`."""

    table: Clicks
    folder: Path
    rows: dict[str, Row] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    def start(self, checkpoint: str) -> Running:
        """`hotswap run` with its checkpoint in that folder."""
        config = self.folder / f"{checkpoint}.yaml"
        place = f"spark.sql.streaming.checkpointLocation: '{self.folder / checkpoint}'"
        config.write_text(self.table.kept.config.read_text() + f"spark: {{spark.master: 'local[2]', {place}}}\n")
        command = [sys.executable, "-m", "loader.cli.main", "run", "--json", "-c", str(config)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        running = Running(subprocess.Popen(command, text=True, start_new_session=True, **pipes))
        self.started.append(running)
        return running

    def stop(self, running: Running) -> None:
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(120) == 0, running.told()

    def put(self, *rows: tuple[str, str, int]) -> None:
        self.table.put(*rows)
        self.rows.update({key: (day, clicks) for key, day, clicks in rows})

    def becomes_equal(self) -> None:
        """As readers see it, each key once, and on record."""
        told = self.started[-1].told
        wait_for("Hive equal to HBase", lambda: self.table.rows() == self.rows, told)
        wait_for("its outcome", lambda: self.table.unsettled() == 0, told)

    def history(self) -> list[HistoryEntry]:
        service = self.table.kept.service()
        try:
            return list(service.history(99))
        finally:
            service.env.metastore.close()

    def triggers(self, checkpoint: str) -> int:
        """How many Spark has begun, by what it keeps there."""
        found = (self.folder / checkpoint).rglob("offsets/*")
        return max((int(path.name) for path in found if path.name.isdigit()), default=-1) + 1

    def copy(self, checkpoint: str, name: str) -> None:
        assert self.triggers(checkpoint), "Spark has kept no checkpoint there"
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.folder / checkpoint, self.folder / name)

    def end(self) -> None:
        for running in self.started:
            running.end()


@pytest.fixture
def keeper(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Keeper]:
    quick = {"publish_every": "0s", "poll_every": "200ms", "lock_wait": "60s"}
    table = new_clicks(hbase, hms.uri, tmp_path, alarms="{free_space: null}", max_delete_share="100%", **quick)
    table.kept.initialise()
    made = Keeper(table, tmp_path)
    yield made
    made.end()
    table.kept.drop()
    table.drop_source()


def test_a_checkpoint_that_is_restored_from_before_or_copied_loses_nothing_and_repeats_nothing(keeper: Keeper) -> None:
    keeper.put(("a", "mon", 1), ("b", "tue", 2))
    first = keeper.start("kept")
    keeper.becomes_equal()
    keeper.stop(first)
    keeper.copy("kept", "older")

    keeper.put(("a", "tue", 3), ("c", "wed", 4))
    second = keeper.start("kept")
    keeper.becomes_equal()
    keeper.stop(second)
    published = len(keeper.history())

    keeper.copy("older", "kept")
    keeper.put(("d", "mon", 5), ("b", "mon", 6))
    restored = keeper.start("kept")
    keeper.becomes_equal()
    assert len(keeper.history()) == published + 1

    before = keeper.triggers("older")
    beside = keeper.start("older")
    wait_for("a trigger of the second loader", lambda: keeper.triggers("older") > before, beside.told)
    keeper.put(("a", "mon", 7), ("e", "fri", 8))
    keeper.becomes_equal()
    assert restored.alive
    assert beside.alive
    keeper.stop(beside)
    keeper.stop(restored)
    assert keeper.table.rows() == keeper.rows
