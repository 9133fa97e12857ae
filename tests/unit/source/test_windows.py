"""Window arithmetic, and the memory of what was taken from the overlap."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.sources.hbase.windows import Mark, Taken, Window, WindowRules, window_end, window_to
from partitioner.history.position import Position

RULES = WindowRules(lag_ms=1_000, overlap_ms=5_000, deep_overlap_ms=300_000, deep_every_ms=60_000)
NOW = 10_000_000

# Arithmetic


def test_the_first_window_reads_all_there_is() -> None:
    window = window_to(NOW, None, RULES)
    assert (window.start_ms, window.end_ms, window.deep) == (0, NOW, True)


def test_a_window_ends_a_lag_before_now() -> None:
    assert window_end(NOW, RULES) == NOW - 1_000


def test_a_short_window_reaches_back_over_its_overlap() -> None:
    settled = Position("s", 0, NOW, NOW - 300_000)
    window = window_to(NOW + 2_000, settled, RULES)
    assert (window.start_ms, window.deep) == (NOW - 5_000, False)


def test_a_short_window_does_not_move_the_low_watermark() -> None:
    settled = Position("s", 0, NOW, NOW - 300_000)
    assert window_to(NOW + 2_000, settled, RULES).low_ms == settled.low_ms


def test_once_a_minute_a_deep_window_starts_at_the_low_watermark_and_moves_it() -> None:
    settled = Position("s", 0, NOW, NOW - 300_000)
    window = window_to(NOW + 60_000, settled, RULES)
    assert window == Window(NOW - 300_000, NOW + 60_000, True, NOW - 240_000)


def test_short_windows_between_do_not_put_the_deep_one_off() -> None:
    span = window_to(NOW, None, RULES).position("s")
    deep = []
    for end_ms in range(NOW + 1_000, NOW + 181_000, 1_000):
        window = window_to(end_ms, span, RULES)
        span = window.position("s")
        deep += [end_ms - NOW] if window.deep else []
    assert deep == [60_000, 120_000, 180_000]


def test_after_a_long_absence_the_window_covers_all_of_it() -> None:
    settled = Position("s", 0, NOW, NOW - 300_000)
    assert window_to(NOW + 7 * 86_400_000, settled, RULES).start_ms == NOW - 300_000


@pytest.mark.parametrize("end_ms", [NOW, NOW - 1])
def test_a_replay_of_a_settled_window_is_empty(end_ms: int) -> None:
    assert window_to(end_ms, Position("s", 0, NOW, NOW - 300_000), RULES).empty


def test_a_deep_overlap_shorter_than_the_short_one_is_refused() -> None:
    with pytest.raises(ValueError, match="deep overlap"):
        WindowRules(overlap_ms=5_000, deep_overlap_ms=4_000)


def test_clocks_that_are_behind_lengthen_every_overlap_and_those_ahead_shorten_none() -> None:
    behind = RULES.behind(2_000)
    assert (behind.overlap_ms, behind.deep_overlap_ms) == (7_000, 302_000)
    assert RULES.behind(-2_000) == RULES


SMALL = WindowRules(lag_ms=1, overlap_ms=3, deep_overlap_ms=20, deep_every_ms=6)


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 21)), min_size=1, max_size=30),
)
def test_no_cell_that_shows_within_the_deep_overlap_is_ever_missed(
    pauses: list[int], cells: list[tuple[int, int]]
) -> None:
    """A cell is a timestamp and how long it stays invisible. All below the low watermark must have been seen."""
    now, span = 0, None
    seen: set[tuple[int, int]] = set()
    for pause in pauses:
        now += pause
        window = window_to(window_end(now, SMALL), span, SMALL)
        seen |= {cell for cell in cells if window.start_ms <= cell[0] < window.end_ms and sum(cell) <= now}
        span = span if window.empty else window.position("s")
        assert {cell for cell in cells if span and cell[0] < span.low_ms} <= seen


# Memory


def window(start_ms: int, end_ms: int, low_ms: int | None = None) -> Window:
    return Window(start_ms, end_ms, False, start_ms if low_ms is None else low_ms)


def scan(**marks: set[Mark]) -> Mapping[bytes, frozenset[Mark]]:
    return {key.encode(): frozenset(found) for key, found in marks.items()}


def taken(found: Mapping[bytes, frozenset[Mark]], of: Window) -> Taken:
    memory = Taken()
    memory.promote(found, of)
    return memory


def test_everything_is_new_at_first() -> None:
    assert Taken().new(scan(b={(1, 7)}, a={(1, 7)}), window(0, 10)) == [b"a", b"b"]


def test_what_was_taken_is_not_new() -> None:
    memory = taken(scan(a={(5, 7)}), window(0, 10))
    assert memory.new(scan(a={(5, 7)}), window(3, 12)) == []


def test_a_scan_that_was_not_promoted_is_forgotten() -> None:
    memory = Taken()
    memory.new(scan(a={(5, 7)}), window(0, 10))
    assert memory.new(scan(a={(5, 7)}), window(0, 10)) == [b"a"]


def test_another_value_at_the_same_time_is_new() -> None:
    memory = taken(scan(a={(5, 7)}), window(0, 10))
    assert memory.new(scan(a={(5, 8)}), window(0, 10)) == [b"a"]


def test_a_value_that_came_back_is_new() -> None:
    memory = taken(scan(a={(5, 7)}), window(0, 10))
    memory.promote(scan(a={(5, 8)}), window(0, 10))
    assert memory.new(scan(a={(5, 7)}), window(0, 10)) == [b"a"]


def test_a_late_cell_beside_taken_ones_is_new() -> None:
    memory = taken(scan(a={(5, 7)}), window(0, 10))
    assert memory.new(scan(a={(4, 1), (5, 7)}), window(0, 12)) == [b"a"]


def test_older_cells_that_the_window_has_left_behind_do_not_count() -> None:
    memory = taken(scan(a={(2, 1), (8, 7)}), window(0, 10))
    assert memory.new(scan(a={(8, 7)}), window(5, 12, low_ms=0)) == []


def test_a_deep_window_still_knows_what_short_ones_left_behind() -> None:
    memory = taken(scan(a={(2, 1), (8, 7)}), window(0, 10))
    memory.promote(scan(a={(8, 7)}), window(5, 12, low_ms=0))
    assert memory.new(scan(a={(2, 1), (8, 7)}), window(0, 14)) == []


def test_a_row_whose_remembered_cells_are_gone_is_new() -> None:
    memory = taken(scan(a={(5, 7)}), window(0, 10))
    assert memory.new({}, window(3, 12)) == [b"a"]


def test_what_is_below_the_low_watermark_is_forgotten() -> None:
    memory = taken(scan(a={(5, 7)}, b={(50, 7)}), window(0, 60, low_ms=20))
    assert len(memory) == 1


def test_the_first_window_needs_no_marks_below_the_low_watermark() -> None:
    assert window_to(NOW, None, RULES).marks_from_ms == NOW - 300_000


times = st.integers(0, 6_000)
scans = st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.frozensets(st.tuples(times, st.just(7)), max_size=4))


@given(st.lists(st.tuples(scans, times, times), max_size=6), scans, times)
def test_memory_by_the_second_forgets_and_finds_what_a_memory_of_every_mark_does(
    rounds: list[tuple[Mapping[bytes, frozenset[Mark]], int, int]], last: Mapping[bytes, frozenset[Mark]], start: int
) -> None:
    memory, every = Taken(), set[tuple[bytes, Mark]]()
    for found, low, at in rounds:
        memory.promote(found, window(at, 9_000, low))
        seen = {(key, mark) for key, marks in found.items() for mark in marks}
        every = {(key, mark) for key, mark in every if mark[0] < at} | seen
        every = {(key, mark) for key, mark in every if mark[0] >= low}
    known = {key: frozenset(m for k, m in every if k == key and m[0] >= start) for key in (b"a", b"b", b"c")}
    expected = [key for key, marks in known.items() if frozenset(last.get(key, ())) != marks]
    assert memory.new(last, window(start, 9_000)) == expected
    assert len(memory) == len({key for key, _ in every})
