import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.sizing import SizingRules, first_split_count, rows_per_file, split_count
from partitioner.values import Estimate

RULES = SizingRules()
MANY = SizingRules(most_splits=1 << 16)

row_counts = st.floats(0, 1e6)
powers = st.integers(0, 10).map(lambda power: 1 << power)
TARGET = 1_000.0


def test_a_hundred_thousand_rows_a_file_before_anything_is_measured() -> None:
    assert rows_per_file(None, RULES) == 100_000


def test_the_byte_target_is_divided_by_the_measured_bytes_a_row() -> None:
    assert rows_per_file(Estimate(64.0), RULES) == 32 * 2**20 / 64


def test_no_file_is_planned_above_the_block_size() -> None:
    rules = SizingRules(bytes_per_file=512 << 20, block_size=128 << 20)
    assert rows_per_file(Estimate(1.0), rules) * rules.grow_above <= rules.block_size


@given(row_counts)
def test_a_new_partition_has_files_between_half_and_all_of_the_target(rows: float) -> None:
    n = first_split_count(rows, TARGET, MANY)
    assert rows / n <= TARGET
    assert n == 1 or rows / n > TARGET / 2


@given(row_counts, powers, st.floats(0, 1))
def test_files_never_exceed_one_and_a_half_targets(rows: float, current: int, share: float) -> None:
    n = split_count(rows, TARGET, current, int(share * current), MANY)
    assert rows / n <= 1.5 * TARGET


@given(row_counts, powers)
def test_a_batch_that_touches_everything_leaves_no_small_files(rows: float, current: int) -> None:
    n = split_count(rows, TARGET, current, current, MANY)
    assert n == 1 or rows / n >= 0.375 * TARGET


@given(row_counts, powers)
def test_the_bounds_hold_twice_as_wide_when_the_count_is_off_by_two(rows: float, current: int) -> None:
    for wrong in (rows / 2, rows * 2):
        n = split_count(wrong, TARGET, current, current, MANY)
        assert rows / n <= 2 * 1.5 * TARGET
        assert n == 1 or rows / n >= 0.375 * TARGET / 2


@given(st.floats(1, 1e6), powers, st.floats(0.76, 1.49))
def test_after_a_resize_a_quarter_of_the_rows_must_go_or_a_half_come_before_the_next(
    rows: float, current: int, drift: float
) -> None:
    n = split_count(rows, TARGET, current, current, MANY)
    if n != current:
        assert split_count(rows * drift, TARGET, n, n, MANY) == n


@given(st.floats(1, 1e6), powers)
def test_a_resize_is_final(rows: float, current: int) -> None:
    n = split_count(rows, TARGET, current, current, MANY)
    assert split_count(rows, TARGET, n, n, MANY) == n


def test_one_change_does_not_pay_for_joining_small_files() -> None:
    assert split_count(1_000, TARGET, 64, 1, MANY) == 64


def test_the_number_of_splits_is_capped() -> None:
    assert first_split_count(1e9, 1.0, SizingRules(most_splits=100)) == 64


def test_a_partition_above_the_cap_is_not_shrunk_to_it() -> None:
    assert split_count(1e9, 1.0, 128, 128, SizingRules(most_splits=100)) == 128


@pytest.mark.parametrize(
    "wrong", [{"bytes_per_file": 0}, {"grow_above": 0.9}, {"shrink_below": 0.6}, {"most_splits": 1 << 17}]
)
def test_rules_that_could_flap_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        SizingRules(**wrong)  # type: ignore[arg-type]
