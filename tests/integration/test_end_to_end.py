"""The stream in a life of its own: a process that runs, waits, is held, is ended and is killed, beside its servers.

The verbs one by one are tried in test_cli.py. A start of Spark costs seconds, so the tests share one running loader as
long as it lives; each is right whichever came before.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from devservers.ports import free_ports
from tests.integration.clicks import Clicks, hotswap, new_clicks, unlock

PATIENCE_S = 240
"""Spark's start on a machine that does much else. Nothing here is about speed."""

pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def wait_for(what: str, happens: Callable[[], bool], told: Callable[[], str] = str) -> None:
    """Fails with `told()` when it does not happen in time."""
    end = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end, f"{what} did not happen in {PATIENCE_S} s:\n{told()}"
        time.sleep(0.1)


@dataclass
class Running:
    """`hotswap run` as a process group of its own; `events` are its JSON lines so far."""

    process: "subprocess.Popen[str]"
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.events)

    def wait_for(self, event: str, more_than: int = 0) -> dict[str, Any]:
        """The last line of this event once there are more of it than that."""
        wait_for(f"event {event}", lambda: self.count(event) > more_than, self.told)
        return [line for line in self.events if line["event"] == event][-1]

    def told(self) -> str:
        return "\n".join(json.dumps(line) for line in self.events[-8:])

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def leaves_no_process(self) -> bool:
        """Java and Python workers are in the same group."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Stage:
    """One table, and the loader that runs on it."""

    table: Clicks
    port: int
    running: Running | None = None
    rows: dict[str, tuple[str, int]] = field(default_factory=dict)

    def loader(self) -> Running:
        """The running loader; one is started if there is none."""
        if self.running is None or not self.running.alive:
            command = [sys.executable, "-m", "loader.cli.main", "run", "--json", "-c", str(self.table.kept.config)]
            self.running = Running(
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
                )
            )
        return self.running

    def put(self, *rows: tuple[str, str, int]) -> None:
        self.table.put(*rows)
        self.rows.update({key: (day, clicks) for key, day, clicks in rows})

    def becomes_equal(self) -> None:
        """Readers see it, and it is on record too."""
        told = self.running.told if self.running else str
        wait_for("Hive equal to HBase", lambda: self.table.rows() == self.rows, told)
        wait_for("its outcome", lambda: self.table.unsettled() == 0, told)


@pytest.fixture(scope="module")
def stage(hbase: HBase, hms: Metastore23, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stream")
    (port,) = free_ports(1)
    quick = {"publish_every": "0s", "poll_every": "200ms", "hbase_timeout": "5s"}
    table = new_clicks(hbase, hms.uri, folder, alarms="{free_space: null}", **quick)
    with table.kept.config.open("a") as config:
        config.write("spark: {spark.master: 'local[2]'}\n")
        config.write(f"metrics: {{listen: {port}}}\n")
    table.kept.initialise()
    made = Stage(table, port)
    yield made
    if made.running:
        made.running.end()
    table.kept.drop()
    table.drop_source()


def test_a_running_loader_loads_what_is_there_and_follows_what_comes(stage: Stage) -> None:
    stage.put(("a", "mon", 1), ("b", "tue", 2))
    stage.loader()
    stage.becomes_equal()
    stage.put(("a", "tue", 3), ("c", "wed", 4))
    stage.table.delete("b")
    del stage.rows["b"]
    stage.becomes_equal()


def test_it_answers_prometheus_and_its_first_alarm_ends(stage: Stage) -> None:
    running = stage.loader()
    stage.put(("measured", "mon", 1))
    stage.becomes_equal()

    def scraped() -> dict[tuple[str, ...], float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{stage.port}/metrics", timeout=PATIENCE_S) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return {(item.name, *item.labels.values()): item.value for family in families for item in family.samples}

    name = stage.table.kept.hive_name
    batches = ("hotswap_batches_total", "committed", name)  # labels by name: outcome, table
    wait_for("a batch in the metrics", lambda: scraped().get(batches, 0) > 0, running.told)
    wait_for("a look at the table", lambda: ("hotswap_rows", name) in scraped(), running.told)
    wait_for("the end of its alarm", lambda: scraped()["hotswap_alarm", "nothing_published", name] == 0, running.told)


def test_it_waits_while_hbase_is_away_and_says_so(stage: Stage, hbase: HBase) -> None:
    running = stage.loader()
    stage.put(("before", "mon", 1))
    stage.becomes_equal()
    waited, resumed = running.count("waiting"), running.count("resumed")
    hbase.stop_thrift()
    try:
        told = running.wait_for("waiting", waited)
    finally:
        hbase.start_thrift()
    assert hbase.thrift in told["error"]
    assert "hbase thrift2 start" in told["hint"]
    stage.put(("after", "mon", 2))
    stage.becomes_equal()
    running.wait_for("resumed", resumed)


def test_it_waits_while_the_metastore_is_away_and_says_so(stage: Stage, hms: Metastore23) -> None:
    running = stage.loader()
    stage.put(("earlier", "mon", 1))
    stage.becomes_equal()
    waited, resumed = running.count("waiting"), running.count("resumed")
    hms.kill()
    try:
        stage.put(("meanwhile", "mon", 3))
        told = running.wait_for("waiting", waited)
    finally:
        hms.restart()
    assert hms.uri.removeprefix("thrift://") in told["error"]
    stage.becomes_equal()
    running.wait_for("resumed", resumed)


def test_it_publishes_nothing_while_a_rollback_holds_the_table(stage: Stage) -> None:
    running = stage.loader()
    stage.put(("held", "mon", 1))
    stage.becomes_equal()
    name = stage.table.kept.hive_name
    first = min(line["batch"] for line in running.events if line["event"] == "batch")
    assert hotswap(stage.table.kept, "rollback", name, "--to", str(first), "--yes").code == 0
    then, waited = stage.table.rows(), running.count("waiting")
    stage.put(("later", "mon", 2))
    assert "is held" in running.wait_for("waiting", waited)["error"]
    assert hotswap(stage.table.kept, "run", "--once").code == 3
    assert stage.table.rows() == then != stage.rows
    assert hotswap(stage.table.kept, "resume", name, "--yes").code == 0
    stage.becomes_equal()


@pytest.mark.parametrize("end", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_in_order(stage: Stage, end: signal.Signals) -> None:
    running = stage.loader()
    stage.put((f"before {end.name}", "mon", 1))
    stage.becomes_equal()
    running.process.send_signal(end)
    assert running.process.wait(PATIENCE_S) == 0
    running.reader.join(PATIENCE_S)
    assert running.events[-1]["event"] == "ended"
    wait_for("the end of all its processes", running.leaves_no_process)
    assert stage.table.unsettled() == 0


def test_kill_9_in_the_middle_of_work_leaves_nothing_for_the_next_start_but_work(stage: Stage) -> None:
    running = stage.loader()
    stage.put(("first", "mon", 1))
    stage.becomes_equal()
    batches = running.count("batch")
    for number in range(500):
        stage.put((f"k{number % 50}", ("mon", "tue", "wed", "thu")[number % 4], number))
        if running.count("batch") > batches + 1:  # batches follow each other: it dies in one of them
            break
    running.process.kill()
    running.process.wait()
    wait_for("the end of all its processes", running.leaves_no_process)
    unlock(stage.table)
    assert hotswap(stage.table.kept, "run", "--once").code == 0
    assert stage.table.rows() == stage.rows
    assert stage.table.unsettled() == 0
    assert hotswap(stage.table.kept, "status", "--check").code == 0


def test_status_tells_of_lag_when_nobody_loads(stage: Stage) -> None:
    hotswap(stage.table.kept, "run", "--once")
    late = hotswap(stage.table.kept, "status", "--check", "--max-lag", "0s")
    assert late.code == 6
    assert "is `hotswap run` up?" in late.out
