"""Whether one can go on from a place, and what lies ahead of it. Pure: offsets in, parts or a LogGap out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loader.sources.api import LogGap
from loader.sources.kafka.places import NO_EPOCH, Place, Places

_DECIDE = "Nothing was published and nothing is skipped: an operator decides how to go on, see docs/logs.md."
EXPIRED = f"{_DECIDE} Raise the topic's retention.ms or retention.bytes above the longest absence of the loader."
_REMADE = f"{_DECIDE} Offsets of a topic that was deleted say nothing about one of the same name that was made later."
CUT = f"{_DECIDE} Events that were read are not in the log any more: look for an unclean leader election."
_TOPICS = f"{_DECIDE} Put the topics back as they were, or make the table anew."


@dataclass(frozen=True, slots=True)
class TopicLog:
    """What the brokers say of a topic now, by partition: first offset, last stable offset, the leader's epoch."""

    topic_id: str
    beginnings: tuple[int, ...]
    ends: tuple[int, ...]
    epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KafkaPart:
    """Offsets `[start, stop)` of one partition. `epoch`: none before `start` is later; NO_EPOCH: not known."""

    topic: str
    topic_id: str
    partition: int
    start: int
    stop: int
    epoch: int

    @property
    def events(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        return f"{self.topic}-{self.partition}"


def beginnings(logs: Mapping[str, TopicLog]) -> Places:
    """The place before the first event that is still there."""
    return {topic: Place(log.topic_id, log.beginnings, log.epochs) for topic, log in logs.items()}


def checked(since: Places, logs: Mapping[str, TopicLog], topics: Sequence[str]) -> Places:
    """`since`, with the partitions that were added. `topics`: those that are to be read.

    Raises LogGap where what follows `since` is not all there, or is not the log that was read up to there.
    """
    _check_topics(since, topics)
    for topic in topics:
        if topic not in logs:
            raise LogGap(f"topic {topic} was deleted; {_read(topic, since[topic])}", _REMADE)
    return {topic: _checked(topic, since[topic], logs[topic]) for topic in topics}


def _check_topics(since: Places, topics: Sequence[str]) -> None:
    gone, new = sorted(since.keys() - set(topics)), sorted(set(topics) - since.keys())
    if gone or new:
        left = f"without {', '.join(gone)}" if gone else ""
        came = f"with {', '.join(new)}" if new else ""
        raise LogGap(f"the table's topics were changed, {' and '.join(filter(None, (left, came)))}", _TOPICS)


def _read(topic: str, place: Place) -> str:
    return "read were " + ", ".join(f"{topic}-{number} up to {at}" for number, at in enumerate(place.offsets))


def _checked(topic: str, place: Place, log: TopicLog) -> Place:
    if place.topic_id != log.topic_id:
        ends = ", ".join(f"{topic}-{number} ends at {end}" for number, end in enumerate(log.ends))
        made = f"topic {topic} was deleted and made anew (its id was {place.topic_id}, now it is {log.topic_id})"
        raise LogGap(f"{made}; {_read(topic, place)}; now {ends}", _REMADE)
    known = len(place.offsets)
    if len(log.ends) < known:
        raise LogGap(f"topic {topic} had {known} partitions, now it has {len(log.ends)}", CUT)
    for number in range(known):
        _check_partition(f"{topic}-{number}", place.offsets[number], place.epochs[number], _one(log, number))
    for number in range(known, len(log.ends)):
        _check_partition(f"{topic}-{number}", 0, NO_EPOCH, _one(log, number))
    added = len(log.ends) - known
    return Place(log.topic_id, place.offsets + (0,) * added, place.epochs + (NO_EPOCH,) * added)


def _one(log: TopicLog, number: int) -> tuple[int, int, int]:
    return log.beginnings[number], log.ends[number], log.epochs[number]


def _check_partition(name: str, offset: int, epoch: int, log: tuple[int, int, int]) -> None:
    begins, ends, epoch_now = log
    if offset < begins:
        lost = f"the {begins - offset} from {offset} to {begins - 1} have expired or were deleted"
        raise LogGap(
            f"{name}: events from offset {offset} on are to be read, but the log begins at {begins}: {lost}", EXPIRED
        )
    if offset > ends:
        raise LogGap(
            f"{name}: events up to offset {offset} were read, but the log ends at {ends}: it was truncated", CUT
        )
    if NO_EPOCH != epoch_now < epoch:
        was = f"events up to offset {offset} were read under leader epoch {epoch}"
        raise LogGap(f"{name}: {was}, now the log ends at {ends} under epoch {epoch_now}: it is an older copy", CUT)


def remade(part: KafkaPart, topic_id: str) -> LogGap:
    """`topic_id`: of the topic that has the name now; empty: there is none."""
    now = f"made anew (its id was {part.topic_id}, now it is {topic_id})" if topic_id else "deleted"
    what = f"{part.name}: offsets {part.start} to {part.stop - 1} were to be read, but topic {part.topic} was {now}"
    return LogGap(what, _REMADE)


def cut(place: Places, logs: Mapping[str, TopicLog], most: int) -> tuple[tuple[KafkaPart, ...], Places, bool]:
    """Parts of at most `most` events in all, the places behind them, and whether there was more.

    The epoch of a partition moves on only with a part of it: whoever reads the part compares the one before.
    """
    waiting = [
        end - start for topic in place for start, end in zip(place[topic].offsets, logs[topic].ends, strict=True)
    ]
    shares = iter(fair(waiting, most))
    parts: list[KafkaPart] = []
    behind = {}
    for topic, from_ in place.items():
        mine = tuple(_parts(topic, from_, shares))
        parts.extend(mine)
        behind[topic] = _behind(from_, mine, logs[topic])
    return tuple(parts), behind, sum(waiting) > most


def _parts(topic: str, place: Place, shares: Iterator[int]) -> Iterator[KafkaPart]:
    for number, (start, epoch) in enumerate(zip(place.offsets, place.epochs, strict=True)):
        share = next(shares)
        if share:
            yield KafkaPart(topic, place.topic_id, number, start, start + share, epoch)


def _behind(place: Place, parts: Sequence[KafkaPart], log: TopicLog) -> Place:
    offsets, epochs = list(place.offsets), list(place.epochs)
    for part in parts:
        offsets[part.partition], epochs[part.partition] = part.stop, log.epochs[part.partition]
    return Place(place.topic_id, tuple(offsets), tuple(epochs))


def fair(waiting: Sequence[int], most: int) -> list[int]:
    """How many of each, `most` in all: as even as what waits allows. Of an odd rest the longest queues get one each."""
    shares = [0] * len(waiting)
    left = most
    by_length = sorted(range(len(waiting)), key=lambda one: (waiting[one], -one))
    for done, one in enumerate(by_length):
        shares[one] = min(waiting[one], left // (len(waiting) - done))
        left -= shares[one]
    return shares
