import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.hashing import bucket_of, hash_key
from partitioner.errors import InvalidChange
from partitioner.planning.counts import MOST_SPLITS, ChangeCount, count_changes, of_sample, ratio_of, scale_up
from partitioner.values import Estimate
from tests.unit.partitioner.build import Change, change_set

places = st.sampled_from("abc")
change_kinds = st.one_of(
    st.tuples(st.just("v"), places, st.one_of(st.none(), st.just("?"), places)),
    st.tuples(st.none(), st.none(), st.one_of(st.none(), places)),
    st.tuples(st.none(), places, st.just("?")),
)
changes = st.lists(change_kinds, max_size=60).map(
    lambda kinds: [Change(f"key-{index}", *kind) for index, kind in enumerate(kinds)]
)


def concerned(change: Change) -> set[str]:
    return {place for place in (change.target, change.origin) if place not in (None, "?")}


@given(changes, st.integers(0, 10))
def test_touched_buckets_are_exact_for_every_count(changes: list[Change], power: int) -> None:
    expected: dict[str, dict[int, int]] = {}
    for change in changes:
        for place in concerned(change):
            bucket = bucket_of(hash_key(change.key.encode()), 1 << power)
            counted = expected.setdefault(place, {})
            counted[bucket] = counted.get(bucket, 0) + 1
    found = change_set(changes)
    counts = count_changes(found.rows, found.partitions)
    assert {values[0]: dict(count.per_bucket(1 << power)) for values, count in counts.items()} == expected


@given(changes)
def test_kinds_add_up_to_the_total_of_each_partition(changes: list[Change]) -> None:
    found = change_set(changes)
    for count in count_changes(found.rows, found.partitions).values():
        kinds = (count.inserts, count.moves_in, count.upserts, count.drops, count.must_exist)
        assert sum(kinds) == count.total > 0


def test_a_move_counts_in_both_partitions() -> None:
    found = change_set([Change("k", "v", "new", "old")])
    counts = count_changes(found.rows, found.partitions)
    assert (counts[("new",)].moves_in, counts[("old",)].moves_out) == (1, 1)


def test_a_delete_of_a_key_that_the_index_does_not_know_touches_nothing() -> None:
    found = change_set([Change("k", None, None, None)])
    assert count_changes(found.rows, found.partitions) == {}


def test_an_upsert_without_a_target_is_refused() -> None:
    found = change_set([Change("k", "v", None, "a")])
    with pytest.raises(InvalidChange, match="1 changes name no target"):
        count_changes(found.rows, found.partitions)


def one(**kinds: int) -> ChangeCount:
    return ChangeCount(np.array([0]), np.array([sum(kinds.values())]), **kinds)


def test_rows_after_are_exact_where_origins_are_known() -> None:
    assert one(inserts=5, moves_in=2, deletes=3, moves_out=1, updates=9).rows_after(100) == Estimate(103)


def test_rows_after_span_all_that_unknown_origins_allow() -> None:
    after = one(upserts=20, drops=10).rows_after(100)
    assert after.value * (1 - after.error) == pytest.approx(90)
    assert after.value * (1 + after.error) == pytest.approx(120)


def test_a_new_partition_takes_every_upsert_as_a_row() -> None:
    assert one(upserts=20, drops=10).rows_after(0) == Estimate(20)


@pytest.mark.parametrize("count", [3, 0, 2 * MOST_SPLITS])
def test_only_powers_of_two_that_are_counted_are_answered(count: int) -> None:
    with pytest.raises(ValueError):
        one(inserts=1).per_bucket(count)


@given(st.integers(0, 2**32), st.sampled_from([0.01, 0.1, 0.5]))
def test_a_sampled_count_is_within_twice_its_error(seed: int, fraction: float) -> None:
    total = 100_000
    estimate = scale_up(int(np.random.default_rng(seed).binomial(total, fraction)), fraction)
    assert abs(total - estimate.value) <= 3 * estimate.error * estimate.value


def test_a_whole_sample_has_no_error() -> None:
    assert scale_up(17, 1.0) == Estimate(17.0, 0.0)


def test_nothing_found_in_a_part_says_nothing() -> None:
    assert math.isinf(scale_up(0, 0.5).error)


def test_parts_that_are_all_alike_have_a_ratio_without_error() -> None:
    assert ratio_of([(10, 400), (30, 1_200)]) == Estimate(40.0, 0.0)


@given(st.integers(0, 2**32))
def test_a_ratio_of_a_sample_is_within_twice_its_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(50, 200, 2_000)
    stored = (rows * rng.normal(40, 8, 2_000).clip(1)).astype(int)
    sample = ratio_of([(int(rows[i]), int(stored[i])) for i in rng.choice(2_000, 100, replace=False)])
    truth = stored.sum() / rows.sum()
    assert abs(sample.value - truth) <= 2.5 * sample.error * sample.value


def test_a_ratio_without_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        ratio_of([(0, 0)])


@pytest.mark.parametrize("fraction", [0.05, 0.5])
def test_a_sample_stands_for_all_changes_of_each_kind(fraction: float) -> None:
    seen = ChangeCount(np.arange(100), np.full(100, 10), inserts=600, updates=300, deletes=100)
    whole = of_sample(seen, fraction)
    assert (whole.inserts, whole.updates, whole.deletes) == (600 / fraction, 300 / fraction, 100 / fraction)
    assert whole.total == 1_000 / fraction
    assert 0 < whole.error < 0.1


def test_a_sample_of_all_is_the_count_itself() -> None:
    seen = one(inserts=3)
    assert of_sample(seen, 1.0) is seen


@given(st.integers(1, 400), st.integers(0, 8))
def test_a_sample_touches_about_as_many_buckets_as_chance_would(hits: int, power: int) -> None:
    buckets, changes = 1 << power, hits * 4
    whole = of_sample(ChangeCount(np.array([0]), np.array([hits]), updates=hits), 0.25)
    likely = buckets * (1 - (1 - 1 / buckets) ** changes)
    assert abs(len(whole.per_bucket(buckets)) - likely) <= 4 * math.sqrt(likely) * 0.5 + 1
