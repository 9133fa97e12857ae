import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.planning.sizing import SizingRules, first_split_count, rows_per_file, split_count
from partitioner.values import Estimate

RULES = SizingRules()
MANY = SizingRules(most_splits=1 << 16)

row_counts = st.floats(0, 1e6)
powers = st.integers(0, 10).map(lambda power: 1 << power)
TARGET = 1_000.0


def first(rows: float, target: float, rules: SizingRules) -> int:
    return first_split_count(Estimate(rows), Estimate(target), rules)


def after(rows: float, target: float, current: int, touched: int, rules: SizingRules) -> int:
    return split_count(Estimate(rows), Estimate(target), current, touched, rules)


def test_a_hundred_thousand_rows_a_file_before_anything_is_measured() -> None:
    assert rows_per_file(None, RULES) == Estimate(100_000)


def test_the_byte_target_is_divided_by_the_measured_bytes_a_row() -> None:
    assert rows_per_file(Estimate(64.0, 0.1), RULES) == Estimate(32 * 2**20 / 64, 0.1)


def test_no_file_is_planned_above_the_block_size() -> None:
    rules = SizingRules(bytes_per_file=512 << 20, block_size=128 << 20)
    assert rows_per_file(Estimate(1.0), rules).value * rules.grow_above <= rules.block_size


@given(row_counts)
def test_a_new_partition_has_files_between_half_and_all_of_the_target(rows: float) -> None:
    n = first(rows, TARGET, MANY)
    assert rows / n <= TARGET
    assert n == 1 or rows / n > TARGET / 2


@given(row_counts, powers, st.floats(0, 1))
def test_files_never_exceed_one_and_a_half_targets(rows: float, current: int, share: float) -> None:
    n = after(rows, TARGET, current, int(share * current), MANY)
    assert rows / n <= 1.5 * TARGET


@given(row_counts, powers)
def test_a_batch_that_touches_everything_leaves_no_small_files(rows: float, current: int) -> None:
    n = after(rows, TARGET, current, current, MANY)
    assert n == 1 or rows / n >= 0.375 * TARGET


@given(row_counts, powers)
def test_the_bounds_hold_twice_as_wide_when_the_count_is_off_by_two(rows: float, current: int) -> None:
    for wrong in (rows / 2, rows * 2):
        n = after(wrong, TARGET, current, current, MANY)
        assert rows / n <= 2 * 1.5 * TARGET
        assert n == 1 or rows / n >= 0.375 * TARGET / 2


@given(st.floats(1, 1e6), powers, st.floats(0.76, 1.49))
def test_after_a_resize_a_quarter_of_the_rows_must_go_or_a_half_come_before_the_next(
    rows: float, current: int, drift: float
) -> None:
    n = after(rows, TARGET, current, current, MANY)
    if n != current:
        assert after(rows * drift, TARGET, n, n, MANY) == n


@given(st.floats(1, 1e6), powers)
def test_a_resize_is_final(rows: float, current: int) -> None:
    n = after(rows, TARGET, current, current, MANY)
    assert after(rows, TARGET, n, n, MANY) == n


def test_one_change_does_not_pay_for_joining_small_files() -> None:
    assert after(1_000, TARGET, 64, 1, MANY) == 64


def test_the_number_of_splits_is_capped() -> None:
    assert first(1e9, 1.0, SizingRules(most_splits=100)) == 64


def test_a_partition_above_the_cap_is_not_shrunk_to_it() -> None:
    assert after(1e9, 1.0, 128, 128, SizingRules(most_splits=100)) == 128


@pytest.mark.parametrize(
    "wrong", [{"bytes_per_file": 0}, {"grow_above": 0.9}, {"shrink_below": 0.6}, {"most_splits": 1 << 17}]
)
def test_rules_that_could_flap_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        SizingRules(**wrong)  # type: ignore[arg-type]


@given(st.floats(0, 350), st.floats(0, 0.9), powers)
def test_files_are_joined_only_if_they_are_small_however_wrong_the_estimate_is(
    share: float, error: float, current: int
) -> None:
    rows = Estimate(share * current, error)
    n = split_count(rows, Estimate(TARGET), current, current, MANY)
    if n < current:
        assert rows.high / current <= 0.375 * TARGET * (1 + 1e-9)


def test_an_estimate_that_may_be_ten_times_too_low_joins_nothing() -> None:
    assert split_count(Estimate(400, 9.0), Estimate(TARGET), 4, 4, MANY) == 4


walks = st.lists(st.tuples(st.floats(0.6, 1.6), st.booleans()), min_size=1, max_size=40)


@given(st.floats(1, 1e6), walks)
def test_files_do_not_flap_as_a_partition_breathes(rows: float, walk: list[tuple[float, bool]]) -> None:
    """From one resize to the next in the other direction the rows have changed by a quarter at least."""
    n, resized_at, way = first(rows, TARGET, MANY), rows, 0
    for factor, whole in walk:
        rows *= factor
        wanted = after(rows, TARGET, n, n if whole else 1, MANY)
        if wanted != n:
            turned = (wanted > n) != (way > 0) and way != 0
            assert not turned or not 0.75 < rows / resized_at < 1.5
            n, resized_at, way = wanted, rows, 1 if wanted > n else -1
