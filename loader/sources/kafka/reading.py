"""Read one part: every event of `[start, stop)` once, in order, or an error. By librdkafka, without consumer groups."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from loader.basics.errors import HotswapError, SourceError
from loader.sources.api import LogGap
from loader.sources.kafka import client
from loader.sources.kafka.ahead import CUT, EXPIRED, KafkaPart
from loader.sources.kafka.messages import Messages
from loader.sources.kafka.settings import KafkaSettings

EVENTS, BYTES = 50_000, 64 << 20
"""A batch is given once it has so many events or bytes."""
_FIRST_ASK, _ASK, _ASK_BYTES = 100, 10_000, 16 << 20
_WAIT_S = 0.05
"""So long librdkafka waits for as many events as were asked for: fewer come only where markers of transactions lie."""
_OPTIONS = {
    "group.id": "hotswap",  # must be named; nothing is ever committed to it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "check.crcs": True,
    "fetch.wait.max.ms": 20,
    "fetch.queue.backoff.ms": 5,
    "fetch.message.max.bytes": 4 << 20,
    "queued.max.messages.kbytes": 64 << 10,
    "receive.message.max.bytes": 1 << 30,
}


class Reader:
    """Reads one part by a consumer of its own. `clock`: monotonic seconds."""

    def __init__(self, settings: KafkaSettings, part: KafkaPart, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._part, self._clock = settings, part, clock
        self._kafka = client.kafka()
        self._at = part.start  # shown up to here, events or not
        self._next = part.start  # the least that the next event's offset can be
        self._troubles = client.Troubles()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """MESSAGES, with `:headers` if the settings want them. Raises LogGap, Unavailable, SourceError, ConfigError."""
        taken = Messages(self._part.name, self._settings.headers)
        consumer = self._open()
        try:
            for events, offsets in self._events(consumer):
                taken.add(events, offsets)
                if len(taken) >= EVENTS or taken.bytes >= BYTES:
                    yield taken.batch()
            if len(taken):
                yield taken.batch()
        finally:
            consumer.close()

    def _open(self) -> Any:
        part, queue = self._part, {"queued.min.messages": min(200_000, max(1_000, self._part.events))}
        options = {**_OPTIONS, **queue, "error_cb": self._troubles.note}
        consumer = client.made(self._kafka.Consumer, self._settings, options)
        consumer.assign([self._kafka.TopicPartition(part.topic, part.partition, part.start, leader_epoch=part.epoch)])
        return consumer

    def _events(self, consumer: Any) -> "Iterator[tuple[Sequence[Any], np.ndarray[Any, Any]]]":
        """Ends only when an event at `stop` or behind it, or the log's end, has shown that nothing is left out."""
        ask, moved_at = _FIRST_ASK, self._clock()
        while self._at < self._part.stop:
            before = self._at
            with _uncollected():
                got = consumer.consume(min(ask, self._part.stop - before), _WAIT_S)
            events = self._sifted(got, consumer)
            offsets = self._offsets(events)
            wanted = int(np.searchsorted(offsets, self._part.stop))
            if wanted:
                yield events[:wanted], offsets[:wanted]
                ask = _next_ask(events)
            if self._at > before:
                moved_at = self._clock()  # after the yield: the time that others take is not the broker's
            elif self._clock() - moved_at > self._settings.progress_s:
                raise self._stuck()

    def _sifted(self, got: Sequence[Any], consumer: Any) -> Sequence[Any]:
        """The events among what librdkafka gave; what else there is, is looked at."""
        errors = list(map(self._kafka.Message.error, got))
        if not any(errors):
            return got
        for one, error in zip(got, errors, strict=True):
            if error is not None:
                self._look_at(one, error, consumer)
        return [one for one, error in zip(got, errors, strict=True) if error is None]

    def _offsets(self, events: Sequence[Any]) -> "np.ndarray[Any, Any]":
        """Of these events; `_at` moves behind them. Raises SourceError if they are not in order."""
        offsets = np.fromiter(map(self._kafka.Message.offset, events), np.int64, len(events))
        if len(offsets):
            if offsets[0] < self._next or (np.diff(offsets) <= 0).any():
                raise SourceError(f"{self._part.name}: events came out of order behind offset {self._next}")
            self._next = int(offsets[-1]) + 1
            self._at = max(self._at, self._next)
        return offsets

    def _look_at(self, message: Any, error: Any, consumer: Any) -> None:
        """What librdkafka gives beside events. Returns if waiting helps, or if it is just the log's end."""
        name = error.name()
        if name == "_PARTITION_EOF":
            self._at = max(self._at, message.offset())
        elif name == "_AUTO_OFFSET_RESET":
            raise self._gap(error, consumer)
        elif name != "GROUP_AUTHORIZATION_FAILED" and not client.passes(error):  # we are in no group
            raise self._told(error)

    def _gap(self, error: Any, consumer: Any) -> LogGap:
        part = self._part
        place = self._kafka.TopicPartition(part.topic, part.partition)
        begins, ends = consumer.get_watermark_offsets(place, self._settings.answer_s) or (-1, -1)
        what = f"{part.name}: offsets {part.start} to {part.stop - 1} were to be read, and at {self._at} that ended"
        there = f"the log has {begins} to {ends - 1} now (leader epoch of what was read before: {part.epoch})"
        return LogGap(f"{what}: {error.str()}; {there}", EXPIRED if begins > self._at else CUT)

    def _stuck(self) -> HotswapError:
        cause = self._troubles.cause()
        if cause is not None and not client.passes(cause):
            return client.told(cause, self._settings, self._what)
        waited = f"nothing came for {self._settings.progress_s:g} s behind offset {self._at} of {self._part.stop}"
        why = f" ({cause.str()})" if cause is not None else ""
        return client.unavailable(self._settings, self._what, waited + why)

    def _told(self, error: Any) -> HotswapError:
        return client.told(self._troubles.behind(error), self._settings, self._what)

    @property
    def _what(self) -> str:
        return f"events of {self._part.name}"


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for circles, which thousands of new messages set off for nothing: a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _next_ask(events: Sequence[Any]) -> int:
    """How many to ask for where events are as large as these."""
    return max(1, min(_ASK, _ASK_BYTES * len(events) // (sum(map(len, events)) + 1)))
