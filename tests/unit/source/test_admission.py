"""A backlog is cut by time, so that after each part the position is true."""

from hypothesis import given
from hypothesis import strategies as st

from loader.sources.hbase.backlog import slices_of
from loader.sources.hbase.windows import Window

WINDOW = Window(100, 200, True, 150)
KEYS = st.dictionaries(st.binary(min_size=1, max_size=3), st.integers(100, 199), max_size=40)


def test_what_fits_is_one_batch_of_the_whole_window() -> None:
    (only,) = slices_of({b"b": 120, b"a": 110}, WINDOW, most=2)
    assert (only.keys, only.window) == ((b"a", b"b"), WINDOW)


def test_nothing_dirty_is_still_a_window() -> None:
    assert [part.window for part in slices_of({}, WINDOW, most=5)] == [WINDOW]


def test_older_changes_come_first() -> None:
    parts = slices_of({b"a": 130, b"b": 110, b"c": 120}, WINDOW, most=1)
    assert [part.keys for part in parts] == [(b"b",), (b"c",), (b"a",)]


def test_the_low_watermark_is_never_beyond_what_is_settled() -> None:
    parts = slices_of({b"a": 130, b"b": 160, b"c": 170}, WINDOW, most=1)
    assert [(part.window.end_ms, part.window.low_ms) for part in parts] == [(160, 150), (170, 150), (200, 150)]
    early = slices_of({b"a": 110, b"b": 120}, WINDOW, most=1)[0]
    assert early.window.low_ms == 120


@given(KEYS, st.integers(1, 7))
def test_every_key_is_in_exactly_one_batch_and_none_is_too_large(oldest: dict[bytes, int], most: int) -> None:
    parts = slices_of(oldest, WINDOW, most)
    assert sorted(key for part in parts for key in part.keys) == sorted(oldest)
    assert all(len(part.keys) <= most for part in parts)
    assert all(list(part.keys) == sorted(part.keys) for part in parts)


@given(KEYS, st.integers(1, 7))
def test_whoever_dies_between_two_batches_finds_the_rest_in_the_next_window(
    oldest: dict[bytes, int], most: int
) -> None:
    """The next window starts at the latest where the part ended: all that is older must be in by then."""
    done: set[bytes] = set()
    for part in slices_of(oldest, WINDOW, most):
        done.update(part.keys)
        assert {key for key, timestamp in oldest.items() if timestamp < part.window.end_ms} <= done
    assert part.window == WINDOW
