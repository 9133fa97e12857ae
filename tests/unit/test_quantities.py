"""Durations and sizes as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.basics.quantities import counted, duration_text, parse_duration, parse_share, parse_size, size_text


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("10m", 600), ("10 min", 600), ("1.5h", 5400), ("2d", 172800)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", ["30", 30, True, "s", "-1s", "1 fortnight", None, [1]])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@given(st.integers(0, 10**9))
def test_a_duration_can_be_read_back_from_its_text(milliseconds: int) -> None:
    assert round(parse_duration(duration_text(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(("text", "size"), [("1KB", 1024), ("32MB", 32 << 20), ("1.5 gb", 3 << 29), (7, 7)])
def test_a_size_counts_in_powers_of_1024(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1536, "1.5 KB"), (32 << 20, "32 MB"), (5 << 40, "5 TB")])
def test_a_size_is_told_in_its_unit(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize("value", ["101%", "-1%", 1.5, "half", 1])
def test_what_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        parse_share(value)


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (1204, "1,204 rows")])
def test_nouns_follow_their_numbers(count: int, text: str) -> None:
    assert counted(count, "row") == text
