"""A log on the real Kafka, and what it gave as plain values."""

from __future__ import annotations

import pickle
import time
from collections import defaultdict
from collections.abc import Callable

import pyarrow as pa

from loader.basics.errors import Unavailable
from loader.sources.api import MESSAGES, Stretch
from loader.sources.kafka.log import KafkaLog
from partitioner.history.position import Position

ALL = 1_000_000
GivenLog = Callable[..., KafkaLog]
Found = dict[str, list[tuple[int, bytes | None]]]
"""Partition → offset and value of its events."""


def at_once(_: float) -> None:
    """Instead of sleep."""


def polled(log: KafkaLog, since: Position | None = None, most: int = ALL) -> Stretch:
    stretch = log.poll(since, most)
    assert stretch is not None
    return stretch


def polled_in_the_end(log: KafkaLog, since: Position) -> Stretch:
    """By the same log, which goes on asking."""
    end = time.monotonic() + 60
    while True:
        try:
            return polled(log, since)
        except Unavailable:
            assert time.monotonic() < end
            time.sleep(0.1)


def events(log: KafkaLog, stretch: Stretch) -> pa.Table:
    """Of all parts. Each is read by a log that came through pickle, as a task's does."""
    task = pickle.loads(pickle.dumps(log))
    return pa.concat_tables(
        [MESSAGES.empty_table(), *(pa.Table.from_batches(task.read(part), MESSAGES) for part in stretch.parts)]
    )


def found(table: pa.Table) -> Found:
    by_part: Found = defaultdict(list)
    for row in table.to_pylist():
        by_part[row[":part"]].append((row[":at"], row[":value"]))
    return dict(by_part)


def all_of(log: KafkaLog, since: Position | None = None) -> Found:
    return found(events(log, polled(log, since)))


def numbers(*range_: int) -> list[bytes]:
    return [b"%d" % number for number in range(*range_)]
