"""A loader whose clock runs ahead, behind, or jumps: no change is lost by it, and the wrong clock is told of.

The clock of a process is shifted by what a file says, in the loader and in Spark's own Python processes alike; HBase
and the metastore keep the right time.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.state.gaps import debts
from tests.integration.clicks import Clicks, new_clicks
from tests.integration.test_end_to_end import Running, wait_for

HOUR_S = 3600
SHIFT = """
import os, time
real = time.time_ns
def shifted():
    try:
        with open(os.environ["SHIFTED_BY"]) as file:
            return real() + int(float(file.read() or 0) * 1e9)
    except OSError:
        return real()
time.time_ns = shifted
"""


@dataclass
class Shifted:
    """`table`, and the command on it in processes whose clock is `by` seconds off."""

    table: Clicks
    folder: Path

    def set(self, seconds: float) -> None:
        waiting = self.folder / "shift.new"
        waiting.write_text(str(seconds))
        waiting.replace(self.folder / "shift")

    @property
    def environment(self) -> Mapping[str, str]:
        (self.folder / "sitecustomize.py").write_text(SHIFT)
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])
        return {**os.environ, "PYTHONPATH": path, "SHIFTED_BY": str(self.folder / "shift")}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "loader.cli.main", *words, "--config", str(self.table.kept.config)]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = self.command(*words)
        return subprocess.run(command, check=False, env=self.environment, capture_output=True, text=True, timeout=240)

    def load(self, seconds: float) -> None:
        """`run --once` by a clock that is so far off."""
        self.set(seconds)
        done = self.run("run", "--once")
        assert done.returncode == 0, done.stdout + done.stderr

    def owed(self) -> list[str]:
        env = self.table.kept.service().env
        try:
            return [debt.reason for debt in debts(env.files, env.layout)]
        finally:
            env.metastore.close()


@pytest.fixture
def shifted(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Shifted]:
    made = new_clicks(hbase, hms.uri, tmp_path, publish_every="0s", poll_every="200ms", history="[]")
    made.kept.initialise()
    yield Shifted(made, tmp_path)
    made.kept.drop()
    made.drop_source()


@pytest.mark.timeout(300)
def test_what_is_put_after_a_loader_ran_hours_ahead_is_not_lost(shifted: Shifted) -> None:
    shifted.table.put(("first", "mon", 1))
    shifted.load(6 * HOUR_S)
    shifted.set(0)
    told = shifted.run("status", "--check", "--json")
    assert told.returncode == 6
    assert "a clock is wrong" in told.stdout
    shifted.table.put(("second", "tue", 2), ("first", "mon", 3))
    shifted.load(0)
    assert shifted.table.rows() == {"first": ("mon", 3), "second": ("tue", 2)}
    assert ["ran ahead" in reason for reason in shifted.owed()] == [True]
    shifted.table.put(("third", "tue", 3))
    shifted.load(0)
    assert shifted.table.rows().keys() == {"first", "second", "third"}
    assert len(shifted.owed()) == 1


@pytest.mark.timeout(300)
def test_a_loader_whose_clock_is_behind_leaves_the_rest_to_the_next(shifted: Shifted) -> None:
    shifted.table.put(("first", "mon", 1))
    shifted.load(-6 * HOUR_S)
    shifted.load(0)
    shifted.table.put(("second", "tue", 2))
    shifted.load(-60)
    shifted.load(-2)
    shifted.load(0)
    assert shifted.table.rows() == {"first": ("mon", 1), "second": ("tue", 2)}


def test_a_quiet_position_of_before_that_lies_ahead_is_passed_over(shifted: Shifted) -> None:
    """Format 1 knew no order but what positions say: such an object may lie there since then."""
    shifted.table.put(("first", "mon", 1))
    shifted.load(0)
    env = shifted.table.kept.service().env
    far = env.clock() + 6 * HOUR_S * 1000
    plain = {"source": "hbase:x", "start": 0, "end": far, "low": far - 1000}
    env.files.create(f"{env.layout.positions}/{far:015d}.json", json.dumps(plain).encode())
    env.metastore.close()
    shifted.table.put(("second", "tue", 2))
    shifted.load(0)
    assert shifted.table.rows().keys() == {"first", "second"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stream_goes_on_when_its_clock_jumps_ahead_and_back(shifted: Shifted) -> None:
    shifted.set(0)
    shifted.table.put(("first", "mon", 1))
    process = subprocess.Popen(
        shifted.command("run", "--json"),
        env=shifted.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    running = Running(process)
    try:
        wait_for("the first row", lambda: "first" in shifted.table.rows(), running.told)
        for number, seconds in enumerate((6 * HOUR_S, 0, -2 * HOUR_S, 0)):
            shifted.set(seconds)
            key = f"k{number}"
            shifted.table.put((key, "tue", number))
            if seconds >= 0:
                wait_for(f"row {key}", lambda key=key: key in shifted.table.rows(), running.told)  # type: ignore[misc]
        assert shifted.table.rows().keys() == {"first", "k0", "k1", "k2", "k3"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def test_nothing_is_collected_inside_the_grace_by_a_clock_that_runs_ahead(shifted: Shifted) -> None:
    """The metastore's time stands beside ours: a version that was live a minute ago stays."""
    for number in range(3):
        shifted.table.put(("first", "mon", number))
        shifted.load(0)
    shifted.set(6 * HOUR_S)
    cleaned = shifted.run("clean", shifted.table.kept.hive_name, "--yes", "--json")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert json.loads(cleaned.stdout)["directories"] == []


def test_versions_that_were_replaced_by_a_clock_behind_are_not_older_for_it(shifted: Shifted) -> None:
    name = shifted.table.kept.hive_name
    for number in range(3):
        shifted.table.put(("first", "mon", number))
        shifted.load(0)
    shifted.set(-6 * HOUR_S)
    back = shifted.run("rollback", name, "--to", "1", "--yes")
    assert back.returncode == 0, back.stderr
    shifted.set(2 * HOUR_S)  # less than the grace, but past the hour in which history keeps every batch
    cleaned = shifted.run("clean", name, "--yes", "--json")
    assert json.loads(cleaned.stdout)["directories"] == []
