"""A table of events from a real Kafka to a real metastore, by the command line alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from devservers.metastore import Metastore23
from loader.cli.main import main
from loader.cli.session import Loader, Session
from loader.config.settings import load
from loader.wiring.table import open_metastore
from metastore.errors import NoSuchTable
from tests.integration.clicks import Result
from tests.integration.oracle.kept import fresh_name
from tests.kafka import RunningKafka

DAYS = ("2026-12-01", "2026-12-02", "2026-12-03")


@dataclass
class Events:
    """A topic, and the table of its events. `sent`: the good ones, by id."""

    config: Path
    name: str
    topic: str
    kafka: RunningKafka
    location: Path
    sent: Counter[str] = field(default_factory=Counter)

    def send(self, count: int, partition: int = 0) -> None:
        values = []
        for _ in range(count):
            number = sum(self.sent.values())
            self.sent[f"e{number}"] += 1
            values.append(event(f"e{number}", number))
        self.kafka.put(self.topic, *values, partition=partition)

    def run(self, verb: str, *arguments: str) -> Result:
        out, err = StringIO(), StringIO()
        words = [*arguments[:1], self.name, *arguments[1:]] if verb == "quarantine" else [self.name, *arguments]
        code = main([verb, *words, "--config", str(self.config)], Session(Loader(), StringIO(), out, err, {}))
        return Result(code, out.getvalue(), err.getvalue())

    def let_locks_go(self) -> None:
        """Those of a dead loader, as the metastore does after a while."""
        metastore = open_metastore(load(self.config))
        for lock in metastore.locks(load(self.config).table().hive_table):
            metastore.unlock(lock.id)
        metastore.close()

    @contextmanager
    def loader(self) -> Iterator[subprocess.Popen[bytes]]:
        """`hotswap run` in a process of its own, which ends here."""
        command = [sys.executable, "-m", "loader.cli.main", "run", "--config", str(self.config)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield running
        finally:
            running.kill()
            running.wait(60)

    def done(self, verb: str, *arguments: str) -> str:
        result = self.run(verb, *arguments)
        assert result.code == 0, result.out + result.err
        return result.out

    def told(self, verb: str, *arguments: str) -> Any:
        return json.loads(self.done(verb, *arguments, "--json"))

    def rows(self) -> Counter[str]:
        """Every event that a reader of the Hive table sees."""
        settings = load(self.config)
        metastore = open_metastore(settings)
        try:
            places = [seen.location for seen in metastore.all_partitions(settings.table().hive_table)]
        finally:
            metastore.close()
        files = [file for place in places for file in Path(place.removeprefix("file:")).glob("[!_.]*")]
        return Counter(name for file in files for name in pq.ParquetFile(file).read(["id"])["id"].to_pylist())


def event(name: str, number: int) -> bytes:
    moment = f"{DAYS[number % 3]}T10:00:{number % 60:02d}.5Z"
    return json.dumps({"id": name, "ts": moment, "user": {"id": number % 7}, "cost": f"{number}.25"}).encode()


NewEvents = Callable[..., Events]


@pytest.fixture
def new(kafka: RunningKafka, hms: Metastore23, tmp_path: Path) -> Iterator[NewEvents]:
    made: list[Events] = []

    def make(partitions: int = 2, **more: Any) -> Events:
        name = fresh_name("events")
        topic = kafka.new_topic(partitions, retention_ms=-1)
        table = {
            "hive_table": f"default.{name}",
            "source": {"kafka": {"servers": [kafka.bootstrap], "topics": [topic], "format": "json"}},
            "columns": {"id": "string", "ts": "timestamp", "user_id": "int", "cost": "decimal(12,2)", "at": "bigint"},
            "fields": {"user_id": "user.id", "at": ":at"},
            "partition_by": [{"name": "day", "type": "date", "from": "ts", "as": "date"}],
            "time_zone": "UTC",
            "location": f"{tmp_path}/{name}",
            "publish_every": "0s",
            "poll_every": "200ms",
            **more,
        }
        config = tmp_path / f"{name}.yaml"
        config.write_text(json.dumps({"metastore": {"uris": hms.uri}, "tables": {name: table}}))
        made.append(Events(config, name, topic, kafka, tmp_path / name))
        made[-1].done("init")
        return made[-1]

    yield make
    for table in made:
        metastore = open_metastore(load(table.config))
        with suppress(NoSuchTable):
            metastore.drop_table(load(table.config).table().hive_table)
        metastore.close()


def test_events_go_from_the_topic_into_the_table_once(new: NewEvents) -> None:
    table = new()
    table.send(10)
    table.send(10, partition=1)
    table.done("run", "--once")
    assert table.rows() == table.sent
    table.send(5)
    table.done("run", "--once")
    table.done("run", "--once")
    assert table.rows() == table.sent
    assert table.told("verify", "--deep")["findings"] == []
    assert [entry["upserts"] for entry in table.told("history")["attempts"]][::-1] == [20, 5]


def test_what_cannot_be_read_is_quarantined_with_its_place_and_its_bytes(new: NewEvents) -> None:
    table = new()
    table.send(3)
    table.kafka.put(table.topic, b'{"id": 7}', b"no json", None, event("late", 1).replace(b"2026-12-02", b"12026-1-1"))
    table.done("run", "--once")
    shown = {row["key"]: row["reason"] for row in table.told("quarantine", "list")["rows"]}
    assert set(shown) == {f"{table.topic}-0@{offset}" for offset in (3, 4, 5, 6)}
    assert "field id is a number, and not a string" in shown[f"{table.topic}-0@3"]
    assert "no value" in shown[f"{table.topic}-0@5"]
    assert table.rows() == table.sent


def test_a_rollback_goes_back_in_the_log_and_a_resume_reads_it_again(new: NewEvents) -> None:
    table = new()
    for _ in range(3):
        table.send(6)
        table.done("run", "--once")
    table.done("rollback", "--to", "1", "--yes")
    assert sum(table.rows().values()) == 6
    assert table.run("run", "--once").code == 3  # held
    table.done("resume", "--yes")
    table.send(2)
    table.done("run", "--once")
    assert table.rows() == table.sent


def test_a_transform_filters_and_computes(new: NewEvents) -> None:
    table = new(transform={"where": "user_id <> 3", "select": {"cost": "cost + 1"}})
    table.send(14)
    table.done("run", "--once")
    assert sum(table.rows().values()) == 12


def test_a_plan_tells_the_next_batch_and_changes_nothing(new: NewEvents) -> None:
    table = new()
    table.send(9)
    plan = table.told("plan")
    assert (plan["upserts"]["value"], len(plan["partitions"]), plan["obstacles"]) == (9, 3, [])
    assert table.rows() == {}
    table.done("run", "--once")
    assert table.rows() == table.sent


def test_a_changed_configuration_is_refused(new: NewEvents) -> None:
    table = new()
    table.send(3)
    table.done("run", "--once")
    table.config.write_text(table.config.read_text().replace('"user.id"', '"user.number"'))
    told = table.run("run", "--once")
    assert (told.code, "makes other rows" in told.err) == (2, True)


def test_events_that_expired_unread_stop_the_table_and_name_both_offsets(new: NewEvents) -> None:
    table = new()
    table.send(4)
    table.done("run", "--once")
    table.send(6)
    table.kafka.delete_before(table.topic, 8)
    told = table.run("run", "--once")
    assert (told.code, "4" in told.err, "8" in told.err, table.topic in told.err) == (1, True, True, True)
    assert sum(table.rows().values()) == 4


def test_doctor_asks_the_log(new: NewEvents) -> None:
    table = new()
    table.send(4)
    (told,) = json.loads(table.run("doctor", "--json").out)["tables"]
    assert dict(told["facts"])["log"] == f"kafka:{table.topic}, 4 events to be read"
    assert {finding["grade"] for finding in told["findings"]} <= {"to do", "note"}
    table.kafka.delete_topic(table.topic)
    (told,) = json.loads(table.run("doctor", "--json").out)["tables"]
    assert table.topic in next(finding["what"] for finding in told["findings"] if finding["check"] == "log")


@pytest.mark.parametrize("verb", ["reconcile", "bootstrap", "rebuild"])
def test_verbs_that_need_an_hbase_table_say_so(new: NewEvents, verb: str) -> None:
    told = new().run(verb)
    assert (told.code, "holds the events of a log" in told.err) == (2, True)


def test_a_loader_that_is_killed_again_and_again_takes_each_event_once(new: NewEvents) -> None:
    """By SIGKILL, whatever it is at; beside it events come, aborted ones among them. The last one ends in order."""
    table, chance = new(max_events=40), random.Random(7)
    for number in range(4):
        with table.loader() as loader:
            until = time.monotonic() + 1.5 + 2 * chance.random()
            while time.monotonic() < until:
                table.send(chance.randint(1, 30), partition=number % 2)
                time.sleep(0.1)
            table.kafka.transaction(table.topic, b"never", commit=False)
            loader.kill()
        table.let_locks_go()
    with table.loader() as loader:
        until = time.monotonic() + 120
        while table.rows() != table.sent and time.monotonic() < until:
            time.sleep(0.5)
        assert table.rows() == table.sent
        loader.send_signal(signal.SIGTERM)
        assert loader.wait(60) == 0
    assert table.told("verify", "--deep")["findings"] == []
