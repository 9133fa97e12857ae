"""Fixtures of tables on the real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.sources.kafka.log import KafkaLog
from loader.sources.kafka.settings import KafkaSettings
from tests.integration.clicks import Clicks, NewClicks, by_another_line, new_clicks
from tests.integration.kafka_events import GivenLog, at_once
from tests.integration.oracle.kept import fresh_name
from tests.kafka import RunningKafka


@pytest.fixture
def clicks(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[NewClicks]:
    """Configures a table of its own; with `init=False` no more than that."""
    made: list[Clicks] = []

    def make(*rows: tuple[str, str, int], init: bool = True, metastore: str = hms.uri, **options: Any) -> Clicks:
        table = new_clicks(hbase, metastore, tmp_path, **options)
        made.append(table)
        if init:
            table.kept.initialise()
        if rows:
            table.put(*rows)
            loop = table.kept.loop()
            table.kept.turn(loop)
            loop.env.metastore.close()
        return table

    yield make
    for table in made:
        by_another_line(table, hms.uri).kept.drop()
        table.drop_source()


@pytest.fixture(scope="module")
def empty(hbase: HBase) -> Iterator[str]:
    """An HBase table that nobody writes to."""
    name = fresh_name("empty")
    hbase.create_table(name, ["d"])
    yield name
    hbase.drop(name)


@pytest.fixture
def log(kafka: RunningKafka) -> Iterator[GivenLog]:
    """A log of these Kafka topics, which asks no longer than 15 s; it looks at gaps a second time at once."""
    made: list[KafkaLog] = []

    def make(*topics: str, **more: Any) -> KafkaLog:
        settings = KafkaSettings((kafka.bootstrap,), topics, **({"answer_s": 15.0, "progress_s": 30.0} | more))
        made.append(KafkaLog(settings, sleep=at_once))
        return made[-1]

    yield make
    for one in made:
        one.close()
