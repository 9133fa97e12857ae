"""What lies ahead of a place in Kafka, and when one cannot go on from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.sources.api import LogGap
from loader.sources.kafka.ahead import KafkaPart, TopicLog, beginnings, checked, cut, fair
from loader.sources.kafka.places import NO_EPOCH, Place, Places, places_of, places_to

LOG = TopicLog("id", (0, 0), (10, 20), (3, 4))
COUNTS = st.lists(st.integers(0, 50), max_size=6)


def place(*offsets: int, epochs: tuple[int, ...] = (), topic_id: str = "id") -> Place:
    return Place(topic_id, offsets, epochs or (3,) * len(offsets))


def gap(since: Place, log: TopicLog | None) -> str:
    with pytest.raises(LogGap) as caught:
        checked({"t": since}, {} if log is None else {"t": log}, ["t"])
    assert "docs/logs.md" in caught.value.hint
    return caught.value.message


@given(COUNTS, st.integers(1, 120))
def test_a_share_is_fair_and_nothing_of_the_limit_is_left_unused(waiting: list[int], most: int) -> None:
    shares = fair(waiting, most)
    assert sum(shares) == min(most, sum(waiting))
    for share, mine in zip(shares, waiting, strict=True):
        assert 0 <= share <= mine
        assert share == mine or share >= max(shares) - 1


def test_of_the_longest_queues_none_starves() -> None:
    waiting, served = [9, 9, 9], [0, 0, 0]
    for _ in range(6):
        shares = fair(waiting, 1)
        served = [a + b for a, b in zip(served, shares, strict=True)]
        waiting = [a - b for a, b in zip(waiting, shares, strict=True)]
    assert served == [2, 2, 2]


@given(COUNTS, st.integers(1, 40))
def test_cuts_follow_each_other_without_gap_or_overlap(ends: list[int], most: int) -> None:
    logs = {"t": TopicLog("id", (0,) * len(ends), tuple(ends), (7,) * len(ends))}
    places: Places = beginnings(logs)
    taken: list[set[int]] = [set() for _ in ends]
    more = True
    while more:
        parts, places, more = cut(places, logs, most)
        assert sum(part.events for part in parts) <= most
        for part in parts:
            offsets = set(range(part.start, part.stop))
            assert offsets
            assert not offsets & taken[part.partition]
            taken[part.partition] |= offsets
        assert [len(one) for one in taken] == list(places["t"].offsets)
    assert taken == [set(range(end)) for end in ends]


def test_a_place_survives_json() -> None:
    places = {"t": place(1, 2, epochs=(0, NO_EPOCH)), "u": place()}
    assert places_of(json.loads(json.dumps(places_to(places)))) == places


def test_the_epoch_moves_on_only_with_a_part_that_is_read() -> None:
    parts, behind, more = cut({"t": place(4, 20, epochs=(1, 1))}, {"t": LOG}, 100)
    assert parts == (KafkaPart("t", "id", 0, 4, 10, 1),)
    assert behind == {"t": place(10, 20, epochs=(3, 1))}
    assert not more


def test_added_partitions_are_taken_from_their_beginning() -> None:
    assert checked({"t": place(5)}, {"t": LOG}, ["t"]) == {"t": place(5, 0, epochs=(3, NO_EPOCH))}


def test_an_added_partition_that_has_lost_its_beginning_is_a_gap() -> None:
    assert gap(place(5), TopicLog("id", (0, 2), (10, 20), (3, 4))) == (
        "t-1: events from offset 0 on are to be read, but the log begins at 2: the 2 from 0 to 1 have expired or were"
        " deleted"
    )


def test_expired_offsets_are_a_gap() -> None:
    assert gap(place(5, 6), TopicLog("id", (0, 8), (10, 20), (3, 4))).startswith(
        "t-1: events from offset 6 on are to be read, but the log begins at 8: the 2 from 6 to 7"
    )


def test_offsets_at_either_end_of_the_log_are_none() -> None:
    since = {"t": place(0, 20)}
    assert checked(since, {"t": LOG}, ["t"]) == since


def test_a_log_that_ends_too_early_is_a_gap() -> None:
    told = "t-0: events up to offset 11 were read, but the log ends at 10: it was truncated"
    assert gap(place(11, 6), LOG) == told


def test_a_leader_epoch_that_went_back_is_a_gap() -> None:
    told = gap(place(5, 6, epochs=(9, 4)), LOG)
    assert told.startswith(
        "t-0: events up to offset 5 were read under leader epoch 9, now the log ends at 10 under epoch 3"
    )


def test_a_leader_epoch_that_is_not_told_is_none() -> None:
    checked({"t": place(5)}, {"t": TopicLog("id", (0,), (10,), (NO_EPOCH,))}, ["t"])


def test_a_topic_made_anew_is_a_gap() -> None:
    told = gap(place(5, 6, topic_id="old"), LOG)
    assert told == (
        "topic t was deleted and made anew (its id was old, now it is id); read were t-0 up to 5, t-1 up to 6; now t-0"
        " ends at 10, t-1 ends at 20"
    )


def test_a_deleted_topic_is_a_gap() -> None:
    assert gap(place(5, 6), None) == "topic t was deleted; read were t-0 up to 5, t-1 up to 6"


def test_partitions_that_are_gone_are_a_gap() -> None:
    assert gap(place(5, 6, 7), LOG) == "topic t had 3 partitions, now it has 2"


def test_changed_topics_are_a_gap_even_if_all_are_there() -> None:
    logs = {"t": LOG, "v": LOG}
    with pytest.raises(LogGap, match="the table's topics were changed, without u and with v"):
        checked({"t": place(1, 1), "u": place(1, 1)}, logs, ["t", "v"])
