"""Kafka's topics as a log: each event between two positions once, or an error that says what is missing."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import pyarrow as pa

from loader.basics.errors import ConfigError, SourceError, Unavailable
from loader.sources.api import LogGap, Part, Stretch
from loader.sources.kafka import ahead
from loader.sources.kafka.ahead import KafkaPart, TopicLog
from loader.sources.kafka.cluster import Cluster
from loader.sources.kafka.places import Places, places_of, places_to
from loader.sources.kafka.reading import Reader
from loader.sources.kafka.settings import KafkaSettings
from partitioner.history.position import Position

_SECOND_LOOK_S = 1.0
_COMPACTED = (
    "A compacted topic keeps only the newest event of a key: what this table counts would depend on when it is read."
)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class KafkaLog:
    """A `Log`: see `loader.sources.api`. Pickles; each process makes its own connections.

    `now_ms`: tells people how fresh the table is; what is read never depends on it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        now_ms: Callable[[], int] = _wall_ms,
        sleep: Callable[[float], None] = time.sleep,
        connect: Callable[[KafkaSettings], Cluster] = Cluster,
    ) -> None:
        self._settings, self._now_ms, self._sleep, self._connect = settings, now_ms, sleep, connect
        self._cluster: Cluster | None = None  # connects when it is first asked

    def __reduce__(self) -> tuple[object, ...]:
        return KafkaLog, (self._settings, self._now_ms, self._sleep, self._connect)

    @property
    def name(self) -> str:
        return self._settings.name

    def poll(self, since: Position | None, most: int) -> Stretch | None:
        """Up to the last stable offsets: an open transaction holds back what follows it.

        Partitions that were added are taken from their beginning. The position of an empty topic is a stretch, too,
        once: from then on nothing of it can be lost unseen.
        """
        if most < 1:
            raise ValueError(f"at most {most} events can never be read")
        read_ms = self._now_ms()
        places = None if since is None or since.value is None else places_of(since.value)
        from_, logs = self._from(places)
        parts, behind, more = ahead.cut(from_, logs, most)
        if behind == places:
            return None
        self._refuse_compacted()
        return Stretch(self._position(since, behind, read_ms, more), parts, sum(part.events for part in parts), more)

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """About 50,000 events a batch. Take all of them: whether it still is the same topic is asked last."""
        assert isinstance(part, KafkaPart)
        try:
            yield from Reader(self._settings, part).batches()
        except (SourceError, Unavailable):
            with suppress(Unavailable):
                self._check_same(part)
            raise
        self._check_same(part)

    def close(self) -> None:
        self._cluster = None

    def _from(self, places: Places | None) -> tuple[Places, Mapping[str, TopicLog]]:
        """Where to go on, and what there is. A gap is looked at twice: a leader may have answered that is none now."""
        logs = self._logs(must_exist=places is None)
        if places is None:
            return ahead.beginnings(logs), logs
        try:
            return ahead.checked(places, logs, self._settings.topics), logs
        except LogGap:
            self.close()
            self._sleep(_SECOND_LOOK_S)
            logs = self._logs(must_exist=False)
            return ahead.checked(places, logs, self._settings.topics), logs

    def _logs(self, must_exist: bool) -> Mapping[str, TopicLog]:
        topics = self._settings.topics
        logs = self._asked().logs(topics)
        missing = [topic for topic in topics if topic not in logs]
        if missing and must_exist:
            raise ConfigError(f"{self.name}: there is no topic {', '.join(missing)}", "Create it, or correct `topics`.")
        return logs

    def _refuse_compacted(self) -> None:
        compacted = [
            topic for topic, policy in self._asked().policies(self._settings.topics).items() if "compact" in policy
        ]
        if compacted:
            raise ConfigError(f"{self.name}: topic {', '.join(compacted)} is compacted", _COMPACTED)

    def _asked(self) -> Cluster:
        if self._cluster is None:
            self._cluster = self._connect(self._settings)
        return self._cluster

    def _check_same(self, part: KafkaPart) -> None:
        """Raises LogGap if the topic that the part was cut from is not there any more."""
        topic_id, _ = self._asked().partitions([part.topic]).get(part.topic, ("", 0))
        if topic_id != part.topic_id:
            raise ahead.remade(part, topic_id)

    def _position(self, since: Position | None, places: Places, read_ms: int, more: bool) -> Position:
        since_ms, low_ms = (since.read_ms, since.low_ms) if since else (0, 0)
        return Position(self.name, since_ms, read_ms, low_ms if more else read_ms, places_to(places))
