"""The log: one JSON line a batch, warnings of all rooms between them."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest

from loader.basics.errors import Unavailable
from loader.report import log
from loader.report.reports import BatchReport

BATCH = BatchReport(
    table="ads.clicks",
    batch=7,
    attempt="b7",
    outcome="committed",
    window=(1, 2),
    upserts=1,
    deletes=0,
    moves=0,
    rejected=0,
    partitions=1,
    splits=1,
    files_linked=0,
    rows=1,
    bytes_written=2048,
    bytes_linked=0,
    seconds={"scan": 0.5},
)
Logged = Callable[[], list[Any]]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """What has been logged, a JSON object a line."""
    stream = StringIO()
    log.configure(stream, json_lines=True)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for room in log.ROOMS:
        logging.getLogger(room).handlers.clear()


def test_a_batch_is_one_line_with_all_that_its_report_holds(logged: Logged) -> None:
    log.batch_done(BATCH)
    (line,) = logged()
    assert (line["event"], line["batch"], line["seconds"], line["window"]) == ("batch", 7, {"scan": 0.5}, [1, 2])


def test_times_are_in_utc(logged: Logged) -> None:
    log.batch_done(BATCH)
    assert logged()[0]["time"].endswith("Z")


def test_waiting_for_a_server_is_told_with_its_hint(logged: Logged) -> None:
    log.waiting("ads.clicks", Unavailable("no HBase", "Start it."), 4.0)
    (line,) = logged()
    assert (line["event"], line["error"], line["hint"], line["retry_in_s"]) == ("waiting", "no HBase", "Start it.", 4.0)


def test_warnings_of_every_room_are_lines_too(logged: Logged) -> None:
    logging.getLogger("metastore.client").warning("slow: %s s", 3)
    (line,) = logged()
    assert (line["level"], line["logger"], line["message"]) == ("warning", "metastore.client", "slow: 3 s")


def test_a_traceback_stays_within_its_line(logged: Logged) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("loader.x").exception("failed")
    (line,) = logged()
    assert "KeyError: 'x'" in line["traceback"]


def test_configuring_twice_does_not_log_twice(logged: Logged) -> None:
    stream = StringIO()
    log.configure(stream, json_lines=True)
    log.batch_done(BATCH)
    assert (len(stream.getvalue().splitlines()), logged()) == (1, [])


def test_a_person_reads_a_batch_in_one_line() -> None:
    stream = StringIO()
    log.configure(stream, json_lines=False)
    log.batch_done(BATCH)
    assert "ads.clicks batch 7 committed: 1 upsert · 1 partition, 1 split · 2 KB written" in stream.getvalue()
