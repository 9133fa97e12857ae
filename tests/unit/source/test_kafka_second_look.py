"""A gap stops a table until a person decides, so one wrong answer of a broker must not be one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from loader.sources.api import LogGap
from loader.sources.kafka.ahead import TopicLog
from loader.sources.kafka.cluster import Cluster
from loader.sources.kafka.log import KafkaLog
from loader.sources.kafka.settings import KafkaSettings

SETTINGS = KafkaSettings(("127.0.0.1:1",), ("t",))
NOW = TopicLog("id", (0,), (10,), (3,))
BEHIND = replace(NOW, ends=(4,), epochs=(2,))


@dataclass
class Answers(Cluster):
    """A cluster that gives these answers, one after the other."""

    answers: Iterator[Mapping[str, TopicLog]]

    def logs(self, topics: Collection[str]) -> Mapping[str, TopicLog]:
        return next(self.answers)

    def policies(self, topics: Collection[str]) -> Mapping[str, str]:
        return {}


def log_of(*answers: Mapping[str, TopicLog]) -> tuple[KafkaLog, list[float], list[KafkaSettings]]:
    """The log, its pauses, and the settings of each connection."""
    coming, pauses, connections = iter(answers), [], []

    def connect(settings: KafkaSettings) -> Cluster:
        connections.append(settings)
        return Answers(coming)

    return KafkaLog(SETTINGS, sleep=pauses.append, connect=connect), pauses, connections


@pytest.mark.parametrize("wrong", [{"t": BEHIND}, {}, {"t": replace(NOW, topic_id="other")}])
def test_a_gap_that_a_second_look_does_not_see_is_none(wrong: Mapping[str, TopicLog]) -> None:
    log, pauses, connections = log_of({"t": NOW}, wrong, {"t": NOW})
    first = log.poll(None, 100)
    assert first is not None
    assert log.poll(first.position, 100) is None
    assert (len(pauses), len(connections)) == (1, 2)


def test_a_gap_that_stays_is_told() -> None:
    log, pauses, _ = log_of({"t": NOW}, {"t": BEHIND}, {"t": BEHIND})
    first = log.poll(None, 100)
    assert first is not None
    with pytest.raises(LogGap, match="t-0: events up to offset 10 were read, but the log ends at 4"):
        log.poll(first.position, 100)
    assert len(pauses) == 1
