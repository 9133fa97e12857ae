"""A log on a real Kafka: what is there comes once and in order, and positions go on from each other."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pytest

from loader.sources.api import MESSAGES
from loader.sources.kafka import reading
from loader.sources.kafka.ahead import KafkaPart
from loader.sources.kafka.log import KafkaLog
from loader.sources.kafka.messages import HEADERS
from loader.sources.kafka.settings import KafkaSettings
from partitioner.history.position import Position
from tests.integration.kafka_events import (
    ALL,
    Found,
    GivenLog,
    all_of,
    events,
    found,
    numbers,
    polled,
)
from tests.kafka import RunningKafka

# What is there


def test_events_come_with_all_they_have(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic(2, retention_ms=-1)
    kafka.put(topic, b"first", partition=1, key=b"k", timestamp=1_700_000_000_123)
    kafka.put(topic, b"", None, partition=1)
    kafka.put(topic, None, partition=1, key=b"deleted", timestamp=5)
    mine = log(topic)
    read = events(mine, polled(mine))
    assert read.schema.equals(MESSAGES)
    rows = read.to_pylist()
    assert [(row[":part"], row[":at"], row[":key"], row[":value"]) for row in rows] == [
        (f"{topic}-1", 0, b"k", b"first"),
        (f"{topic}-1", 1, None, b""),
        (f"{topic}-1", 2, None, None),
        (f"{topic}-1", 3, b"deleted", None),
    ]
    assert (rows[0][":time_ms"], rows[3][":time_ms"]) == (1_700_000_000_123, 5)


def test_headers_come_if_they_are_wanted(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, b"1", headers=[("a", b"x"), ("a", b"y"), ("", None)])
    kafka.put(topic, b"2")
    mine = log(topic, headers=True)
    (batch,) = mine.read(polled(mine).parts[0])
    assert batch.schema.equals(MESSAGES.append(HEADERS))
    assert batch[":headers"].to_pylist() == [[("a", b"x"), ("a", b"y"), ("", None)], None]


def test_a_large_value_between_small_ones_is_read_whole(kafka: RunningKafka, log: GivenLog) -> None:
    """Larger than what a fetch asks for, and than what Kafka takes by default."""
    topic = kafka.new_topic(max_message_bytes=20 << 20)
    large = random.Random(1).randbytes(9 << 20)
    kafka.put(topic, b"before", large, b"after")
    assert all_of(log(topic)) == {f"{topic}-0": [(0, b"before"), (1, large), (2, b"after")]}


def test_batches_are_cut_by_events_and_by_bytes(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic(2, max_message_bytes=20 << 20)
    kafka.put(topic, *[b"x"] * 120_000)
    kafka.put(topic, *[b"y" * (1 << 20)] * 100, partition=1)
    mine = log(topic)
    many, large = polled(mine).parts
    sizes = [batch.num_rows for batch in mine.read(many)]
    assert sum(sizes) == 120_000
    assert max(sizes) <= reading.EVENTS + 10_000
    batches = list(mine.read(large))
    assert sum(batch.num_rows for batch in batches) == 100
    assert max(batch.nbytes for batch in batches) < 2 * reading.BYTES


def test_a_part_is_the_same_whenever_it_is_read(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(1_000))
    mine = log(topic)
    stretch = polled(mine)
    before = events(mine, stretch)
    kafka.put(topic, *numbers(1_000))
    assert events(mine, stretch).equals(before)
    part = stretch.parts[0]
    assert isinstance(part, KafkaPart)
    inside = list(mine.read(replace(part, start=417, stop=423)))
    assert found(pa.Table.from_batches(inside)) == {
        f"{topic}-0": list(zip(range(417, 423), numbers(417, 423), strict=True))
    }


# Positions


def test_nothing_new_is_none_and_the_position_of_an_empty_topic_is_told_once(
    kafka: RunningKafka, log: GivenLog
) -> None:
    topic = kafka.new_topic(2)
    mine = log(topic)
    first = polled(mine)
    assert (first.parts, first.events, first.more) == ((), 0, False)
    assert mine.poll(first.position, ALL) is None
    kafka.put(topic, b"1", partition=1)
    second = polled(mine, first.position)
    assert [(part.partition, part.start, part.stop) for part in second.parts if isinstance(part, KafkaPart)] == [
        (1, 0, 1)
    ]
    assert mine.poll(second.position, ALL) is None


def test_a_position_is_json_and_says_when_it_was_taken(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    settings = KafkaSettings((kafka.bootstrap,), (topic,))
    clock = iter([1_000, 2_000, 3_000])
    mine = KafkaLog(settings, now_ms=lambda: next(clock))
    first = polled(mine, None, 4)
    assert first.more
    assert (first.position.since_ms, first.position.read_ms, first.position.low_ms) == (0, 1_000, 0)
    second = polled(mine, first.position)
    assert not second.more
    assert (second.position.since_ms, second.position.read_ms, second.position.low_ms) == (1_000, 2_000, 2_000)
    value = json.loads(json.dumps(second.position.value))
    assert value[topic]["offsets"] == [10]
    assert mine.poll(replace(second.position, value=value), ALL) is None


def test_a_backlog_is_cut_evenly(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic(3)
    for partition, count in enumerate((10, 1_000, 2_000)):
        kafka.put(topic, *numbers(count), partition=partition)
    stretch = polled(log(topic), None, 500)
    assert [part.events for part in stretch.parts] == [10, 245, 245]
    assert (stretch.events, stretch.more) == (500, True)


def test_added_partitions_are_read_from_their_beginning(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, b"old")
    mine = log(topic)
    since = polled(mine).position
    kafka.add_partitions(topic, 3)
    kafka.put(topic, b"new", partition=2)
    assert all_of(mine, since) == {f"{topic}-2": [(0, b"new")]}


def test_reading_leaves_nothing_in_consumer_groups(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, b"1")
    all_of(log(topic))
    groups = kafka.admin.list_consumer_groups().result(10).valid
    assert [group.group_id for group in groups] == []


@dataclass
class Walk:
    """Writes, polls and reads by chance; remembers what was written to stay and what was read."""

    kafka: RunningKafka
    log: KafkaLog
    places: list[tuple[str, int]]
    chance: random.Random
    since: Position | None = None
    written: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    read: Found = field(default_factory=lambda: defaultdict(list))

    def write(self) -> None:
        topic, partition = self.chance.choice(self.places)
        values = [b"%d" % self.chance.randrange(10**9) for _ in range(self.chance.randrange(1, 40))]
        kind = self.chance.choice(["plain", "plain", "committed", "aborted"])
        if kind == "plain":
            self.kafka.put(topic, *values, partition=partition)
        else:
            self.kafka.transaction(topic, *values, partition=partition, commit=kind == "committed")
        if kind != "aborted":
            self.written[f"{topic}-{partition}"] += values

    def take(self, most: int, fails: bool = False) -> None:
        """A batch. If it `fails` its events are to come again."""
        stretch = self.log.poll(self.since, most)
        if stretch is None:
            return
        assert stretch.events <= most
        got = found(events(self.log, stretch))
        if not fails:
            self.since = stretch.position
            for part, rows in got.items():
                self.read[part] += rows


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_writing_polling_and_reading_gives_each_event_once_in_order(
    kafka: RunningKafka, log: GivenLog, seed: int
) -> None:
    topics = (kafka.new_topic(2), kafka.new_topic(1))
    walk = Walk(kafka, log(*topics), [(topics[0], 0), (topics[0], 1), (topics[1], 0)], random.Random(seed))
    for _ in range(30):
        if walk.chance.random() < 0.4:
            walk.write()
        else:
            walk.take(walk.chance.randrange(1, 25), fails=walk.chance.random() < 0.2)
    walk.take(ALL)
    assert walk.log.poll(walk.since, ALL) is None
    assert {part: [value for _, value in rows] for part, rows in walk.read.items()} == walk.written
    for rows in walk.read.values():
        offsets = [offset for offset, _ in rows]
        assert offsets == sorted(set(offsets))


# Transactions


def test_aborted_events_and_markers_are_left_out(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.transaction(topic, b"no", b"no", commit=False)
    kafka.transaction(topic, b"yes")
    kafka.put(topic, b"plain")
    kafka.transaction(topic, b"no", commit=False)
    mine = log(topic)
    stretch = polled(mine)
    assert stretch.events == kafka.end(topic) == 8
    assert found(events(mine, stretch)) == {f"{topic}-0": [(3, b"yes"), (5, b"plain")]}


def test_a_part_of_nothing_but_aborted_events_is_done_and_the_position_moves(
    kafka: RunningKafka, log: GivenLog
) -> None:
    topic = kafka.new_topic()
    kafka.transaction(topic, *numbers(20), commit=False)
    kafka.transaction(topic, b"yes")
    mine = log(topic)
    stretch = polled(mine, None, 15)
    assert events(mine, stretch).num_rows == 0
    assert all_of(mine, stretch.position) == {f"{topic}-0": [(21, b"yes")]}


def test_a_part_that_ends_among_events_behind_aborted_ones_ends_there(kafka: RunningKafka, log: GivenLog) -> None:
    """As many events as it has offsets would reach beyond it."""
    topic = kafka.new_topic()
    kafka.transaction(topic, *numbers(10), commit=False)
    kafka.put(topic, *numbers(20))
    mine = log(topic)
    stretch = polled(mine, None, 15)
    assert found(events(mine, stretch)) == {f"{topic}-0": list(zip(range(11, 15), numbers(4), strict=True))}


def test_an_open_transaction_holds_back_what_follows_it(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, b"before")
    producer = kafka.begin(topic, b"inside")
    kafka.put(topic, b"after")
    mine = log(topic)
    stretch = polled(mine)
    assert found(events(mine, stretch)) == {f"{topic}-0": [(0, b"before")]}
    assert mine.poll(stretch.position, ALL) is None
    producer.commit_transaction(30)
    kafka.settle(topic)
    assert all_of(mine, stretch.position) == {f"{topic}-0": [(1, b"inside"), (2, b"after")]}


def test_an_idle_poll_is_short(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic(4)
    mine = log(topic)
    since = polled(mine).position
    start = time.monotonic()
    for _ in range(10):
        assert mine.poll(since, ALL) is None
    assert time.monotonic() - start < 5  # it takes 0.1 s; 5 would be a time-out somewhere
