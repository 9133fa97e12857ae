"""Why Hive and HBase differ in one row: each cause by its own facts."""

from dataclasses import replace

import pytest

from partitioner.changes.missed import Cause, KeyFacts, Now, reasons

NOT_SEEN = KeyFacts(
    expected=True, same=False, now=Now.ROW, now_ms=1_000, newest_put=900, newest_marker=None, window_end=800, low=300
)
"""A row that was written after the last window."""


def causes(**facts: object) -> list[Cause]:
    return [reason.cause for reason in reasons(replace(NOT_SEEN, **facts))]  # type: ignore[arg-type]


def test_what_is_the_same_needs_no_reason() -> None:
    assert causes(same=True) == []


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({}, Cause.NOT_SEEN),
        ({"window_end": None, "low": None}, Cause.NOT_SEEN),
        ({"newest_put": 500}, Cause.AGAIN),
        ({"newest_put": 200}, Cause.MISSED),
        ({"newest_put": 1_500}, Cause.FUTURE),
        ({"now": Now.GONE, "newest_put": 400, "newest_marker": 850}, Cause.NOT_SEEN),
        ({"now": Now.GONE, "newest_put": 200}, Cause.EXPIRED),
        ({"now": Now.GONE, "newest_put": 400}, Cause.EXPIRED),
        ({"now": Now.GONE, "newest_put": None}, Cause.VANISHED),
        ({"now": Now.GONE, "newest_put": 100, "newest_marker": 200}, Cause.MISSED),
        ({"now": Now.UNREACHABLE}, Cause.UNREACHABLE),
    ],
)
def test_the_newest_thing_that_happened_tells_why(facts: dict[str, object], cause: Cause) -> None:
    assert causes(**facts) == [cause]


def test_a_row_that_cannot_be_decoded_is_told_first() -> None:
    assert causes(now=Now.UNDECODABLE, quarantined="7 bytes are no bigint")[0] is Cause.QUARANTINED


LONG_AGO = {"newest_put": 200}
"""No window reads it again: without anything else known it was missed."""


@pytest.mark.parametrize("then", [LONG_AGO, {"newest_put": None, "now": Now.GONE}, {"now": Now.GONE, **LONG_AGO}])
@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({"quarantined": "no bigint", "on_record": True}, Cause.QUARANTINED),
        ({"held": "the table is held"}, Cause.HELD),
        ({"requested": "the table was resumed"}, Cause.REQUESTED),
    ],
)
def test_a_row_that_is_known_to_wait_is_not_told_as_missed(
    known: dict[str, object], cause: Cause, then: dict[str, object]
) -> None:
    assert causes(**{**then, **known}) == [cause]


def test_a_row_that_is_read_again_in_vain_is_in_quarantine_and_nothing_else() -> None:
    again = {"newest_put": 500, "quarantined": "no bigint", "on_record": True}
    assert causes(now=Now.UNDECODABLE, **again) == [Cause.QUARANTINED]
    assert causes(now=Now.ROW, **again) == [Cause.QUARANTINED, Cause.AGAIN]


def test_a_row_that_no_batch_has_seen_is_missed_even_if_it_could_not_be_decoded() -> None:
    assert causes(now=Now.UNDECODABLE, quarantined="no bigint", newest_put=200) == [Cause.QUARANTINED, Cause.MISSED]


def test_a_row_that_was_put_right_under_an_old_timestamp_is_to_be_retried() -> None:
    (reason,) = reasons(replace(NOT_SEEN, newest_put=200, quarantined="no bigint", on_record=True))
    assert "quarantine retry" in reason.do


def test_a_hold_is_told_before_the_window() -> None:
    assert causes(held="the table is held") == [Cause.HELD, Cause.NOT_SEEN]


def test_drift_is_told_even_where_the_row_is_the_same() -> None:
    assert causes(same=True, expected=False) == [Cause.DRIFT]
