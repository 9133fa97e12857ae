"""The Kafka that tests run on."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from tests.devservers.processes import listeners
from tests.kafka import RunningKafka


def values(kafka: RunningKafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "servers", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    read = [message.value() for message in consumer.consume(count, 30)]
    consumer.close()
    return read


def test_events_survive_kill_and_restart(kafka: RunningKafka) -> None:
    topic, before = kafka.new_topic(), kafka.bootstrap
    kafka.put(topic, b"kept", b"too")
    kafka.restart(topic)
    assert (kafka.bootstrap, values(kafka, topic, 2)) == (before, [b"kept", b"too"])


def test_every_listener_is_on_loopback(kafka: RunningKafka) -> None:
    found = listeners(kafka.server.pid)
    assert set(kafka.server.ports[:2]) <= set(found)
    assert [port for port, loopback in found.items() if not loopback] == []
