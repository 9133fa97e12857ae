"""Alarms, metrics and the watchman, over a whole table in one process."""

import json
import logging
import socket
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loader.basics.errors import HotswapError
from loader.config.settings import load
from loader.ops.table import TableService
from loader.report.metrics import GAUGES, TableMetrics
from loader.report.reports import BatchReport
from loader.runtime.watch import Watchman, keep_looking, watchman_of
from metastore.memory import Fault
from tests.cli.stage import Stage, hotswap

CALM = ("--check", "--max-lag", "2h")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    return stage


def setting(stage: Stage, text: str) -> None:
    """The table's alarms."""
    stage.config.write_text(stage.config.read_text().replace("alarms: {free_space: null}", text))


def alarms(stage: Stage) -> list[str]:
    found: list[str] = json.loads(hotswap(stage, "status", "--json", *CALM).out)["alarms"]
    return found


def test_a_partition_that_grows_out_of_its_usual_size_calls_for_a_person(stage: Stage) -> None:
    for number in range(4):
        stage.batch((f"k{number}", "mon", number))
    assert alarms(stage) == []
    stage.batch(*((f"many{number}", "mon", number) for number in range(1200)))
    (told,) = alarms(stage)
    assert "day=mon has 1,205 rows" in told
    assert hotswap(stage, "status", *CALM).code == 6


def test_a_threshold_of_the_configuration_counts(stage: Stage) -> None:
    setting(stage, "alarms: {free_space: null, size_change: null, swap_age: 1ms}")
    (told,) = alarms(stage)
    assert "nothing was published for" in told


def test_a_lag_that_the_configuration_allows_is_none(stage: Stage) -> None:
    assert hotswap(stage, "status", "--check").code == 6
    setting(stage, "alarms: {free_space: null, lag: 5h}")
    assert hotswap(stage, "status", "--check").code == 0


def test_three_aborted_attempts_in_a_row_call_for_a_person(stage: Stage) -> None:
    for _ in range(3):
        stage.metastore.inject("alter_partitions", Fault.REFUSE)
        with pytest.raises(HotswapError):
            stage.batch(("c", "mon", 1))
    assert any("the last 3 attempts were aborted" in text for text in alarms(stage))


def test_status_tells_what_waits_in_its_grace(stage: Stage) -> None:
    assert "0 B in their grace" in hotswap(stage, "status").out
    stage.batch(("a", "mon", 2))
    assert "0 B in their grace" not in hotswap(stage, "status").out


def test_linked_files_do_not_count_twice(stage: Stage) -> None:
    """Many files, one of which changes: the old version's only file of its own is in its grace."""
    stage.batch(*((f"k{number}", "mon", number) for number in range(60)))
    stage.batch(("k1", "mon", 99))
    told = json.loads(hotswap(stage, "status", "--json").out)
    (vitals,), (status,) = told["vitals"], told["tables"]
    assert 0 < vitals["space"]["grace"] < status["bytes"]


def read(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and their labels but the table's."""
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "table")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_textfile_for_cron_holds_every_gauge_and_alarm(stage: Stage) -> None:
    path = stage.folder / "hotswap.prom"
    assert hotswap(stage, "status", "--textfile", str(path)).code == 0
    found = read(path.read_text())
    assert {f"hotswap_{name}" for name in GAUGES} <= {name for name, *_ in found}
    assert (found["hotswap_rows",], found["hotswap_live_batch",]) == (2, 1)
    assert (found["hotswap_alarm", "lag"], found["hotswap_alarm", "hold"]) == (1, 0)


def test_a_textfile_in_a_folder_that_is_not_there_is_told(stage: Stage) -> None:
    done = hotswap(stage, "status", "--textfile", str(stage.folder / "no" / "hotswap.prom"))
    assert (done.code, str(stage.folder / "no") in done.err) == (1, True)


def report(**changes: Any) -> BatchReport:
    made = {"attempt": "a", "outcome": "committed", "window": None, "deletes": 0, "moves": 0, "rejected": 0}
    made |= {"partitions": 1, "splits": 1, "files_linked": 0, "rows": 5, "bytes_linked": 7, "swap_s": 0.2}
    return BatchReport("ads.clicks", 1, upserts=3, bytes_written=11, seconds={"swap": 0.2}, **(made | changes))


def test_a_running_loader_answers_prometheus(stage: Stage) -> None:
    settings, metrics = load(stage.config), TableMetrics()
    port = metrics.listen("127.0.0.1:0")
    watchman = Watchman(stage.open_table(settings, settings.table()), settings.table(), metrics)
    watchman.look()
    watchman.batch(report())
    watchman.batch(report(freshness_s=4.0))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        found = read(answer.read().decode())
    assert (found["hotswap_rows",], found["hotswap_batches_total", "committed"]) == (2, 2)
    assert (found["hotswap_changes_total", "upserts"], found["hotswap_written_bytes_total",]) == (6, 22)
    assert found["hotswap_freshness_seconds_count",] == 1


def test_a_port_that_is_taken_is_told_and_stops_no_loader_which_answers_once_it_is_free(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """As the unit of another table with the same configuration takes it."""
    setting(stage, "alarms: {free_space: null, lag: 5h}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        stage.config.write_text(f"{stage.config.read_text()}metrics: {{listen: {port}}}\n")
        settings = load(stage.config)
        service = stage.open_table(settings, settings.table())
        caplog.set_level(logging.INFO, "loader.log")
        watchman = watchman_of(settings, settings.table(), service)
        for _ in range(2):
            watchman.look()
            later(service)
        assert told(caplog) == [("alarm", "metrics")]
        assert f"metrics.listen: 127.0.0.1:{port}" in caplog.text
    watchman.look()
    assert told(caplog) == [("alarm", "metrics"), ("alarm ended", "metrics")]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert ("hotswap_rows",) in read(answer.read().decode())


def test_an_address_that_is_not_of_this_machine_stops_no_loader_either(stage: Stage) -> None:
    stage.config.write_text(f"{stage.config.read_text()}metrics: {{listen: '203.0.113.1:9400'}}\n")
    settings = load(stage.config)
    watchman = watchman_of(settings, settings.table(), stage.open_table(settings, settings.table()))
    watchman.look()
    assert "metrics" in watchman.standing


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What the log says of alarms."""
    lines = [vars(record) for record in caplog.records if "event" in vars(record)]
    return [(line["event"], line["facts"]["alarm"]) for line in lines]


def later(service: TableService) -> None:
    """The stage's clock goes on a millisecond with every look at it."""
    for _ in range(40_000):
        service.env.clock()


def test_the_log_tells_of_an_alarm_once_and_of_its_end(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    setting(stage, "alarms: {free_space: null, lag: 5h}")
    settings = load(stage.config)
    service = stage.open_table(settings, settings.table())
    watchman = Watchman(service, settings.table())
    caplog.set_level(logging.INFO, "loader.log")
    watchman.look()
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    for _ in range(2):
        later(service)
        watchman.look()
    hotswap(stage, "resume", "ads.clicks", "--yes")
    later(service)
    watchman.look()
    assert told(caplog) == [("alarm", "hold"), ("alarm ended", "hold")]


def test_the_watchman_looks_in_a_thread_of_its_own_until_it_is_stopped(stage: Stage) -> None:
    settings = load(stage.config)
    watchman = Watchman(stage.open_table(settings, settings.table()), settings.table())
    before = threading.active_count()
    stop = keep_looking(watchman)
    while watchman.looked_ms is None:
        time.sleep(0.05)
    stop()
    assert threading.active_count() == before
