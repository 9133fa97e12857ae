"""What the brokers say of topics: ids, offsets, policies. Questions only, no event is read."""

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any

from loader.basics.errors import HotswapError
from loader.sources.kafka import client
from loader.sources.kafka.ahead import TopicLog
from loader.sources.kafka.settings import KafkaSettings

_GRACE_S = 2.0
"""librdkafka ends a question that is late by itself; only if it does not, waiting ends."""


class Cluster:
    """One client of the brokers. Connects when it is first asked; belongs to the process that made it."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings, self._kafka = settings, client.kafka()
        self._troubles = client.Troubles()
        self._admin = client.made(self._kafka.admin.AdminClient, settings, {"error_cb": self._note})

    def logs(self, topics: Collection[str]) -> Mapping[str, TopicLog]:
        """Of each of these topics that exists.

        The ids are those from before and from after the offsets were asked for: if a topic was made anew meanwhile it
        counts as absent, as one does with a partition that its leader does not know. Raises Unavailable, SourceError,
        ConfigError.
        """
        before = self.partitions(topics)
        beginnings = self._offsets(before, self._kafka.admin.OffsetSpec.earliest())
        ends = self._offsets(before, self._kafka.admin.OffsetSpec.latest())
        begin, end = self._all(beginnings, "first offsets"), self._all(ends, "last stable offsets")
        after = self.partitions(topics)
        same = [topic for topic, about in before.items() if about[0] == after.get(topic, ("", 0))[0]]
        whole = [topic for topic in same if _places(topic, before) <= begin.keys() & end.keys()]
        return {topic: _log(before[topic], topic, begin, end) for topic in whole}

    def partitions(self, topics: Collection[str]) -> Mapping[str, tuple[str, int]]:
        """Topic → its id and the number of its partitions; those that do not exist are left out."""
        asked = self._kafka.TopicCollection(list(topics))
        futures = self._admin.describe_topics(asked, request_timeout=self._settings.answer_s)
        found = self._all(futures, "descriptions of topics")
        return {topic: (str(about.topic_id), len(about.partitions)) for topic, about in found.items()}

    def policies(self, topics: Collection[str]) -> Mapping[str, str]:
        """Topic → its `cleanup.policy`; nothing of those whose configuration this user may not see."""
        resource = self._kafka.admin.ConfigResource
        asked = [resource(resource.Type.TOPIC, topic) for topic in topics]
        futures = self._admin.describe_configs(asked, request_timeout=self._settings.answer_s)
        found = self._all(
            {one.name: future for one, future in futures.items()}, "topics' configurations", may_lack=True
        )
        return {topic: str(config["cleanup.policy"].value) for topic, config in found.items()}

    def _offsets(self, topics: Mapping[str, tuple[str, int]], which: Any) -> Mapping[tuple[str, int], Future[Any]]:
        asked = {
            self._kafka.TopicPartition(topic, number): which
            for topic, (_, count) in topics.items()
            for number in range(count)
        }
        committed = self._kafka.IsolationLevel.READ_COMMITTED
        futures = self._admin.list_offsets(asked, isolation_level=committed, request_timeout=self._settings.answer_s)
        return {(place.topic, place.partition): future for place, future in futures.items()}

    def _all(self, futures: Mapping[Any, Future[Any]], what: str, may_lack: bool = False) -> dict[Any, Any]:
        """The results of those that are there. `may_lack`: it needs a right that not every user has."""
        found = {}
        for key, future in futures.items():
            try:
                found[key] = future.result(self._settings.answer_s + _GRACE_S)
            except self._kafka.KafkaException as error:
                if not client.absent(error.args[0]) and not (may_lack and client.forbidden(error.args[0])):
                    raise self._told(error.args[0], what) from error
            except Late:
                raise client.unavailable(self._settings, what, "no answer") from None
        self._heard()  # of what is over
        return found

    def _note(self, error: Any) -> None:
        self._troubles.note(error)

    def _told(self, error: Any, what: str) -> HotswapError:
        return client.told(self._heard().behind(error), self._settings, what)

    def _heard(self) -> client.Troubles:
        """Those since the last time."""
        self._admin.poll(0)  # calls `_note`
        troubles, self._troubles = self._troubles, client.Troubles()
        return troubles


def _places(topic: str, about: Mapping[str, tuple[str, int]]) -> set[tuple[str, int]]:
    return {(topic, number) for number in range(about[topic][1])}


def _log(about: tuple[str, int], topic: str, begin: Mapping[Any, Any], end: Mapping[Any, Any]) -> TopicLog:
    topic_id, count = about
    mine = [(topic, number) for number in range(count)]
    epochs = tuple(-1 if end[one].leader_epoch is None else end[one].leader_epoch for one in mine)
    return TopicLog(topic_id, tuple(begin[one].offset for one in mine), tuple(end[one].offset for one in mine), epochs)
