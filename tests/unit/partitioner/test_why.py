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


def test_a_hold_is_told_before_the_window() -> None:
    assert causes(held="the table is held") == [Cause.HELD, Cause.NOT_SEEN]


def test_drift_is_told_even_where_the_row_is_the_same() -> None:
    assert causes(same=True, expected=False) == [Cause.DRIFT]
