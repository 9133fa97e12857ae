"""Fixture: a real Kafka broker, started when a test first asks for it, and stopped at the end of the session."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from confluent_kafka import IsolationLevel, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from devservers.kafka import Kafka

SECONDS = 30.0
_QUIET = {"log_level": 0, "socket.timeout.ms": 10_000, "reconnect.backoff.max.ms": 200}
_NOT_YET = ("UNKNOWN_TOPIC_OR_PART", "NOT_LEADER_FOR_PARTITION", "UNKNOWN_LEADER_EPOCH", "_NOENT")


@dataclass
class RunningKafka:
    """What tests do to a broker beside reading from it: topics, events, transactions, losses."""

    server: Kafka
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def bootstrap(self) -> str:
        return self.server.bootstrap

    def new_topic(self, partitions: int = 1, name: str = "", **settings: object) -> str:
        """Create it and return its name, a new one if none is given. `cleanup_policy` is `cleanup.policy`."""
        name = name or f"events-{next(self.numbers)}"
        config = {key.replace("_", "."): str(value) for key, value in settings.items()}
        self._done(self.admin.create_topics([NewTopic(name, partitions, 1, config=config)]))
        self._until(lambda: self._partitions(name) == partitions)
        return name

    def delete_topic(self, topic: str) -> None:
        self._done(self.admin.delete_topics([topic]))
        self._until(lambda: self._partitions(topic) == 0)

    def add_partitions(self, topic: str, total: int) -> None:
        self._done(self.admin.create_partitions([NewPartitions(topic, total)]))
        self._until(lambda: self._partitions(topic) == total)
        self.__dict__.pop("producer", None)  # it does not know them yet

    def delete_before(self, topic: str, offset: int, partition: int = 0) -> None:
        """As when these records had expired."""
        self._done(self.admin.delete_records([TopicPartition(topic, partition, offset)]))

    def configure(self, topic: str, **settings: object) -> None:
        entries = [
            ConfigEntry(key.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET)
            for key, value in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
        self._done(self.admin.incremental_alter_configs([resource]))

    def put(self, topic: str, *values: bytes | None, partition: int = 0, **more: Any) -> None:
        """Events of one partition; returns when the broker has them. `more`: key, headers, timestamp."""
        put(self.producer, topic, values, partition, **more)

    def transaction(self, topic: str, *values: bytes, partition: int = 0, commit: bool = True) -> None:
        """A transaction of these events, committed or aborted."""
        producer = self.begin(topic, *values, partition=partition)
        if commit:
            producer.commit_transaction(SECONDS)
        else:
            producer.abort_transaction(SECONDS)
        self.settle(topic, partition)

    def begin(self, topic: str, *values: bytes, partition: int = 0) -> Producer:
        """A producer whose transaction with these events is open."""
        producer = self.new_producer({"transactional.id": f"tests-{next(self.numbers)}"})
        producer.init_transactions(SECONDS)
        producer.begin_transaction()
        put(producer, topic, values, partition)
        return producer

    def settle(self, topic: str, partition: int = 0) -> None:
        """Wait until no transaction is open: its marker comes after the answer to commit or abort."""
        self._until(lambda: self.stable_end(topic, partition) == self.end(topic, partition))

    def end(self, topic: str, partition: int = 0) -> int:
        """The offset behind its last record of any kind, that of an open transaction, too."""
        return self._offset(topic, partition, OffsetSpec.latest())

    def stable_end(self, topic: str, partition: int = 0) -> int:
        """The first offset that an open transaction holds back, else the end."""
        return self._offset(topic, partition, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)

    def restart(self, topic: str) -> None:
        """Returns once the topic has its leaders again."""
        self.server.restart()
        self._until(lambda: self._partitions(topic) > 0)

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, **_QUIET})

    @cached_property
    def producer(self) -> Producer:
        return self.new_producer({})

    def new_producer(self, options: Mapping[str, object]) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 20 << 20, **_QUIET, **options})

    def _offset(
        self, topic: str, partition: int, which: OffsetSpec, level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED
    ) -> int:
        found = self.admin.list_offsets({TopicPartition(topic, partition): which}, isolation_level=level)
        return int(self._done(found)[0].offset)

    def _partitions(self, topic: str) -> int:
        """Of those that have a leader in office. 0: there is no such topic."""
        try:
            count = len(self._done(self.admin.describe_topics(TopicCollection([topic])))[0].partitions)
            for partition in range(count):
                self.end(topic, partition)
        except KafkaException as error:
            if error.args[0].name() in _NOT_YET:
                return 0
            raise
        return count

    @staticmethod
    def _done(futures: Mapping[Any, Future[Any]]) -> Sequence[Any]:
        return [future.result(SECONDS) for future in futures.values()]

    @staticmethod
    def _until(true: Any) -> None:
        end = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < end
            time.sleep(0.02)


def put(producer: Producer, topic: str, values: Iterable[bytes | None], partition: int = 0, **more: Any) -> None:
    """Raises if one of them was not taken."""
    failed: list[object] = []
    for value in values:
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    partition=partition,
                    on_delivery=lambda error, _: error and failed.append(error),
                    **more,
                )
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(SECONDS) == 0
    assert failed == []


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKafka]:
    with Kafka.start(tmp_path_factory.mktemp("kafka")) as started:
        yield RunningKafka(started)
