"""A log on a real Kafka: an error for whatever is missing, and none for a broker that is just away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loader.basics.errors import ConfigError, SourceError, Unavailable
from loader.sources.api import LogGap
from tests.integration.kafka_events import (
    ALL,
    GivenLog,
    all_of,
    events,
    found,
    numbers,
    polled,
    polled_in_the_end,
)
from tests.kafka import RunningKafka

# What is missing


def test_expired_offsets_are_a_gap_in_both_poll_and_read(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    mine = log(topic)
    since = polled(mine, None, 4)
    ahead = polled(mine, since.position)
    kafka.delete_before(topic, 7)
    with pytest.raises(LogGap) as caught:
        mine.poll(since.position, ALL)
    assert f"{topic}-0: events from offset 4 on are to be read, but the log begins at 7" in caught.value.message
    assert "retention" in caught.value.hint
    with pytest.raises(
        LogGap, match=f"{topic}-0: offsets 4 to 9 were to be read, and at 4 that ended.*has 7 to 9 now"
    ) as told:
        list(mine.read(ahead.parts[0]))
    assert "retention" in told.value.hint
    assert all_of(mine) == {f"{topic}-0": list(zip(range(7, 10), numbers(7, 10), strict=True))}


def test_what_expires_while_it_is_read_is_a_gap(kafka: RunningKafka, log: GivenLog) -> None:
    """The events that librdkafka had fetched before may still come; that it is not all must be told."""
    topic = kafka.new_topic(max_message_bytes=20 << 20, segment_bytes=10 << 20)
    kafka.put(topic, *[b"x" * (1 << 20)] * 300)
    mine = log(topic)
    reading_ = mine.read(polled(mine).parts[0])
    next(reading_)
    kafka.delete_before(topic, 299)
    with pytest.raises(LogGap, match="has 299 to 299 now"):
        list(reading_)


def test_a_deleted_topic_is_a_gap(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    mine = log(topic, progress_s=3.0)
    stretch = polled(mine)
    kafka.delete_topic(topic)
    with pytest.raises(LogGap, match=f"topic {topic} was deleted; read were {topic}-0 up to 10"):
        mine.poll(stretch.position, ALL)
    with pytest.raises(LogGap, match=f"offsets 0 to 9 were to be read, but topic {topic} was deleted"):
        list(mine.read(stretch.parts[0]))


@pytest.mark.parametrize("count", [2, 10, 20])
def test_a_topic_made_anew_is_a_gap_however_many_events_it_has(kafka: RunningKafka, log: GivenLog, count: int) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    mine = log(topic, progress_s=3.0)
    stretch = polled(mine)
    kafka.delete_topic(topic)
    kafka.new_topic(name=topic)
    kafka.put(topic, *[b"other"] * count)
    with pytest.raises(
        LogGap, match=f"{topic} was deleted and made anew.*{topic}-0 up to 10; now {topic}-0 ends at {count}"
    ):
        mine.poll(stretch.position, ALL)
    with pytest.raises(LogGap, match=f"offsets 0 to 9 were to be read, but topic {topic} was made anew"):
        list(mine.read(stretch.parts[0]))


def test_changed_topics_are_a_gap(kafka: RunningKafka, log: GivenLog) -> None:
    one, other = kafka.new_topic(), kafka.new_topic()
    since = polled(log(one)).position
    with pytest.raises(LogGap, match=f"topics were changed, without {one} and with {other}"):
        log(other).poll(since, ALL)


def test_a_topic_that_never_was_is_an_error_of_the_configuration(log: GivenLog) -> None:
    with pytest.raises(ConfigError, match="there is no topic never-was"):
        log("never-was").poll(None, ALL)


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compacted_topics_are_refused_also_those_that_become_so(
    kafka: RunningKafka, log: GivenLog, policy: str
) -> None:
    topic = kafka.new_topic()
    mine = log(topic)
    since = polled(mine).position
    kafka.configure(topic, cleanup_policy=policy)
    kafka.put(topic, b"1", key=b"k")
    for before in (None, since):
        with pytest.raises(ConfigError, match=f"topic {topic} is compacted"):
            mine.poll(before, ALL)


# A broker that is away, or has lost something


def test_a_broker_that_is_away_is_unavailable_and_then_all_goes_on(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    mine, first = log(topic, answer_s=1.0, progress_s=1.0), polled(log(topic), None, 4)
    kafka.server.pause()
    try:
        with pytest.raises(Unavailable, match=kafka.bootstrap):
            mine.poll(first.position, ALL)
        with pytest.raises(Unavailable, match="nothing came for 1 s behind offset 0 of 4"):
            list(mine.read(first.parts[0]))
    finally:
        kafka.server.resume()
    assert found(events(log(topic), first)) == {f"{topic}-0": list(zip(range(4), numbers(4), strict=True))}
    kafka.server.kill()
    try:
        with pytest.raises(Unavailable, match=kafka.bootstrap):
            mine.poll(first.position, ALL)
    finally:
        kafka.server.restart()
    assert found(events(mine, polled_in_the_end(mine, first.position))) == {
        f"{topic}-0": list(zip(range(4, 10), numbers(4, 10), strict=True))
    }


def test_a_read_survives_a_broker_that_starts_again(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic(max_message_bytes=20 << 20)
    kafka.put(topic, *[b"%07d" % number * 4096 for number in range(8_000)])
    mine = log(topic, progress_s=60.0)
    batches = mine.read(polled(mine).parts[0])
    read = [next(batches)]
    kafka.server.restart()
    read += batches
    assert [row[:7] for batch in read for row in batch[":value"].to_pylist()] == [b"%07d" % n for n in range(8_000)]


def lose(kafka: RunningKafka, topic: str, events: int) -> None:
    """What an unclean leader election does: the log's end is gone, and a new leader is in office."""
    kafka.server.kill()
    try:
        (segment,) = (kafka.server.data / f"{topic}-0").glob("*.log")
        sizes = list(_batch_sizes(segment.read_bytes()))
        with segment.open("rb+") as file:
            file.truncate(sum(sizes[: len(sizes) - events]))
    finally:
        kafka.restart(topic)


def _batch_sizes(log: bytes) -> Iterator[int]:
    """A batch: base offset (8 bytes), length of what follows (4), and that. Zeros: not yet written."""
    at = 0
    while at + 12 <= len(log) and (length := int.from_bytes(log[at + 8 : at + 12], "big")):
        yield 12 + length
        at += 12 + length


def put_one_by_one(kafka: RunningKafka, topic: str, values: list[bytes]) -> None:
    for value in values:
        kafka.put(topic, value)


def test_a_truncated_log_is_a_gap(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    put_one_by_one(kafka, topic, numbers(10))
    mine = log(topic)
    since = polled(mine).position
    lose(kafka, topic, 3)
    assert kafka.end(topic) == 7
    with pytest.raises(
        LogGap, match=f"{topic}-0: events up to offset 10 were read, but the log ends at 7: it was truncated"
    ):
        mine.poll(since, ALL)


def test_a_truncated_log_that_has_grown_again_is_a_gap_by_its_leader_epoch(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    put_one_by_one(kafka, topic, numbers(10))
    mine = log(topic)
    since = polled(mine).position
    lose(kafka, topic, 3)
    kafka.put(topic, *[b"other"] * 10)
    with pytest.raises(LogGap, match=f"{topic}-0: offsets 10 to 16 were to be read") as caught:
        all_of(mine, since)
    assert "unclean leader election" in caught.value.hint


def test_a_restarted_broker_that_lost_nothing_is_no_gap(kafka: RunningKafka, log: GivenLog) -> None:
    """Its leader epoch is another one then."""
    topic = kafka.new_topic()
    kafka.put(topic, *numbers(10))
    mine = log(topic)
    since = polled(mine).position
    kafka.restart(topic)
    kafka.put(topic, b"new")
    stretch = polled(log(topic), since)
    assert stretch.position.value is not None
    assert since.value is not None
    assert stretch.position.value[topic]["epochs"] > since.value[topic]["epochs"]
    assert all_of(log(topic), since) == {f"{topic}-0": [(10, b"new")]}


def test_a_damaged_event_is_an_error_and_not_left_out(kafka: RunningKafka, log: GivenLog) -> None:
    topic = kafka.new_topic()
    put_one_by_one(kafka, topic, [b"whole", b"damaged", b"whole"])
    (segment,) = (kafka.server.data / f"{topic}-0").glob("*.log")
    bytes_ = segment.read_bytes()
    place = bytes_.index(b"damaged")
    with segment.open("rb+") as file:
        file.seek(place)
        file.write(b"DAMAGED")
    with pytest.raises(SourceError, match=f"{topic}-0: MessageSet at offset 1 .* failed CRC32C check") as caught:
        all_of(log(topic))
    assert "another replica" in caught.value.hint
