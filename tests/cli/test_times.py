"""Times as people write and read them."""

from datetime import UTC, timedelta, timezone

import pytest

from loader.cli.times import moment_text, parse_moment, span_text

EAST = timezone(timedelta(hours=2), "EAST")
NOON = 1_782_907_200_000  # 2026-07-01 12:00 UTC


@pytest.mark.parametrize("text", ["2026-07-01T12:00:00Z", "2026-07-01T14:00+02:00", "2026-07-01 12:00:00+00:00"])
def test_a_time_with_a_zone_is_understood(text: str) -> None:
    assert parse_moment(text) == NOON


@pytest.mark.parametrize("text", ["2026-07-01T12:00:00", "2026-07-01"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has no zone"):
        parse_moment(text)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a time such as"):
        parse_moment("yesterday")


def test_a_moment_is_told_in_utc_and_local_time() -> None:
    assert moment_text(NOON, EAST) == "2026-07-01 12:00:00 UTC (14:00:00 EAST)"


def test_the_local_day_is_told_where_it_is_another() -> None:
    assert moment_text(NOON + 11 * 3_600_000, EAST) == "2026-07-01 23:00:00 UTC (2026-07-02 01:00:00 EAST)"


def test_where_local_time_is_utc_it_is_told_once() -> None:
    assert moment_text(NOON, UTC) == "2026-07-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0.42, "420 ms"),
        (31.4, "31 s"),
        (60.0, "1 min"),
        (312.0, "5 min 12 s"),
        (12000.0, "3 h 20 min"),
    ],
)
def test_a_span_is_told_in_two_units_at_most(seconds: float | None, text: str) -> None:
    assert span_text(seconds) == text
