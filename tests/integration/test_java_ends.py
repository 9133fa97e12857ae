"""Spark's Java process ends under a running loader, as `kill` of spark-submit makes it end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from tests.integration.clicks import Clicks, new_clicks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def table(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Clicks]:
    made = new_clicks(hbase, hms.uri, tmp_path, publish_every="0s", poll_every="200ms")
    made.kept.initialise()
    made.put(("a", "mon", 1))
    yield made
    made.kept.drop()
    made.drop_source()


def children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_java_process_that_is_stopped_is_told_and_is_no_bug(table: Clicks, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "loader.cli.main", "run", table.kept.hive_name, "-c", str(table.kept.config)]
    loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert loader.stdout is not None
        while '"event": "batch"' not in (line := loader.stdout.readline()):
            assert line, "the loader ended before its first batch"
        for child in children(loader.pid):
            os.kill(child, number)
        _, err = loader.communicate(timeout=120)
    finally:
        loader.kill()
    told = [line for line in err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert (loader.returncode, told[:1]) == (1, ["error: Spark's Java process has ended, and with it this loader"])
    assert "this is a bug" not in err
    assert table.rows() == {"a": ("mon", 1)}
