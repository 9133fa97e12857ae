from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.errors import DriftError
from partitioner.planning.batch_plan import BatchPlan, PartitionPlan
from partitioner.planning.counts import ChangeCount
from partitioner.planning.plan import PlanRules, file_name, links, plan_batch
from partitioner.planning.sizing import SizingRules
from partitioner.values import Bucket, DataFile, PartitionValues, Version
from tests.unit.partitioner.build import ATTEMPT, COLUMNS, version

A: PartitionValues = ("a",)
RULES = PlanRules(SizingRules(bytes_per_file=40 * 1_000, rows_before_measured=1_000))
"""1,000 rows a file, measured (40 bytes a row, as the builder's files have) or not."""


def changed(hashes: list[int], **kinds: int) -> ChangeCount:
    low, per_low = np.unique(np.array(hashes, np.int64) & 0xFFFF, return_counts=True)
    return ChangeCount(low, per_low, **(kinds or {"updates": len(hashes)}))


def planned(
    live: Mapping[PartitionValues, Version], counts: Mapping[PartitionValues, ChangeCount], cores: int = 4
) -> BatchPlan:
    return plan_batch(
        7,
        ATTEMPT,
        live,
        counts,
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: f"/new/{'/'.join(values)}",
        parallelism=cores,
        rules=RULES,
    )


def only(plan: BatchPlan) -> PartitionPlan:
    (partition,) = plan.partitions
    return partition


def indices(partition: PartitionPlan) -> list[int]:
    return [split.bucket.index for split in partition.splits]


powers = st.integers(0, 6).map(lambda power: 1 << power)


@given(powers, st.integers(0, 2**32 - 1))
def test_a_batch_of_one_change_rewrites_one_file_and_links_the_rest(count: int, hash_: int) -> None:
    plan = only(planned({A: version("a", [800] * count)}, {A: changed([hash_])}))
    assert indices(plan) == [hash_ % count]
    assert {file.bucket.index for file in plan.links} == set(range(count)) - {hash_ % count}


@given(powers, st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_touched_splits_are_rewritten_from_their_own_file_and_all_others_linked(count: int, hashes: list[int]) -> None:
    old = version("a", [800] * count)
    plan = only(planned({A: old}, {A: changed(hashes)}))
    assert set(indices(plan)) == {hash_ % count for hash_ in hashes}
    assert {file.bucket for split in plan.splits for file in split.reads} | {f.bucket for f in plan.links} == {
        file.bucket for file in old.files
    }
    assert all(split.reads == (old.files[split.bucket.index],) for split in plan.splits)


def test_changes_of_each_split_are_counted_exactly() -> None:
    plan = only(planned({A: version("a", [800] * 4)}, {A: changed([0, 4, 5])}))
    assert [(split.bucket.index, split.changes.value, split.changes.error) for split in plan.splits] == [
        (0, 2, 0.0),
        (1, 1, 0.0),
    ]


@given(powers, powers)
def test_a_resize_rewrites_every_split_from_exactly_the_files_that_hold_its_keys(count: int, wanted: int) -> None:
    rows = 700 * wanted
    old = version("a", [rows // count] * count)
    plan = only(planned({A: old}, {A: changed(list(range(count)))}))
    n = plan.splits[0].bucket.count
    if n == count:
        assert plan.links or len(plan.splits) == count
        return
    assert plan.links == ()
    assert indices(plan) == list(range(n))
    for hash_ in range(max(n, count)):
        holder = old.files[hash_ % count]
        assert holder in plan.splits[hash_ % n].reads
    assert sum(len(split.reads) for split in plan.splits) == max(n, count)


def test_a_partition_that_grows_past_the_bound_is_cut_in_two() -> None:
    plan = only(planned({A: version("a", [1_400, 1_400])}, {A: changed(list(range(300)), inserts=300)}))
    assert [(s.bucket.index, [f.bucket.index for f in s.reads]) for s in plan.splits] == [
        (0, [0]),
        (1, [1]),
        (2, [0]),
        (3, [1]),
    ]


def test_a_partition_that_shrinks_below_the_bound_joins_its_files() -> None:
    plan = only(planned({A: version("a", [350] * 4)}, {A: changed([0, 1], deletes=2)}))
    assert [(s.bucket.index, s.bucket.count, [f.bucket.index for f in s.reads]) for s in plan.splits] == [
        (0, 2, [0, 2]),
        (1, 2, [1, 3]),
    ]


def test_a_new_partition_reads_nothing_and_writes_every_split() -> None:
    plan = only(planned({}, {A: changed(list(range(1_800)), inserts=1_800)}))
    assert (plan.old, plan.location, plan.links) == (None, "/new/a", ())
    assert [(split.name, split.reads) for split in plan.splits] == [
        ("00000-of-00002.parquet", ()),
        ("00001-of-00002.parquet", ()),
    ]


def test_splits_of_a_new_partition_that_no_key_hits_are_written_too() -> None:
    plan = only(planned({}, {A: changed([0] * 1_800, inserts=1_800)}))
    assert indices(plan) == [0, 1]


def test_a_partition_that_becomes_empty_is_one_file() -> None:
    plan = only(planned({A: version("a", [2, 2, 2, 2])}, {A: changed(list(range(8)), deletes=8)}))
    assert [split.name for split in plan.splits] == ["00000-of-00001.parquet"]
    assert len(plan.splits[0].reads) == 4


def test_a_partition_that_only_gets_drops_and_does_not_exist_is_left_out() -> None:
    plan = planned({}, {A: changed([1, 2], drops=2)})
    assert (plan.partitions, plan.absent, plan.tasks) == ((), (A,), 0)


@pytest.mark.parametrize("kind", ["updates", "deletes", "moves_out"])
def test_a_partition_that_the_index_knows_but_that_does_not_exist_is_drift(kind: str) -> None:
    with pytest.raises(DriftError, match="partition a: 2 keys"):
        planned({}, {A: changed([1, 2], **{kind: 2})})


def test_other_columns_rewrite_the_whole_partition() -> None:
    plan = only(planned({A: version("a", [800] * 4, columns=COLUMNS[:1])}, {A: changed([0])}))
    assert (indices(plan), plan.links) == ([0, 1, 2, 3], ())


def test_another_format_rewrites_the_whole_partition() -> None:
    plan = only(planned({A: version("a", [800] * 4, format="orc")}, {A: changed([0])}))
    assert indices(plan) == [0, 1, 2, 3]


def test_files_of_another_writer_are_all_taken_in() -> None:
    files = tuple(DataFile(f"part-{number}", Bucket(0, 1), 900, 36_000) for number in range(3))
    plan = only(planned({A: replace(version("a", []), files=files)}, {A: changed([0])}))
    assert indices(plan) == [0, 1, 2, 3]
    assert all(split.reads == files for split in plan.splits)


def test_an_empty_version_is_simply_written_anew() -> None:
    plan = only(planned({A: version("a", [0])}, {A: changed([5], inserts=1)}))
    assert [split.bucket for split in plan.splits] == [Bucket(0, 1)]


def test_equal_arguments_give_an_equal_plan_whatever_their_order() -> None:
    live = {(name,): version(name, [800] * 2) for name in "abc"}
    counts = {(name,): changed([1, 2, 3]) for name in "cab"}
    backwards = dict(reversed(counts.items()))
    assert planned(live, counts) == planned(live, backwards)
    assert [partition.partition for partition in planned(live, counts).partitions] == [("a",), ("b",), ("c",)]


def test_untouched_files_are_linked_under_their_own_names() -> None:
    plan = planned({A: version("a", [800] * 2)}, {A: changed([0])})
    assert list(links(plan)) == [("/old/a/00001-of-00002.parquet", "/new/a/00001-of-00002.parquet")]


def test_names_carry_bucket_and_count_and_hide_from_no_reader() -> None:
    assert file_name(Bucket(3, 16), "orc") == "00003-of-00016.orc"


def skewed() -> tuple[dict[PartitionValues, Version], dict[PartitionValues, ChangeCount]]:
    """One partition with 60 % of the rows beside 5,000 of a hundred rows each."""
    big = version("big", [732] * 1024)
    live: dict[PartitionValues, Version] = {("big",): big}
    live |= {(f"small-{number:04d}",): version("s", [100]) for number in range(5_000)}
    every = list(range(1024))
    return live, {values: changed(every) if values == ("big",) else changed([1]) for values in live}


def test_skew_makes_few_even_tasks() -> None:
    live, counts = skewed()
    plan = planned(live, counts)
    cost: Counter[int] = Counter()
    for split in plan.splits:
        cost[split.task] += split.cost
    assert len(cost) == plan.tasks == 4
    assert max(cost.values()) <= 1.25 * sum(cost.values()) / 4


def test_skew_leaves_small_partitions_one_file_and_the_big_one_even_ones() -> None:
    rows = {("big",): 750_000} | {(f"small-{number:04d}",): 100 for number in range(5_000)}
    rng = np.random.default_rng(3)
    counts = {
        values: changed(rng.integers(0, 1 << 32, count).tolist(), inserts=count) for values, count in rows.items()
    }
    sizes = {partition.partition: len(partition.splits) for partition in planned({}, counts).partitions}
    assert sizes.pop(("big",)) == 1024
    assert set(sizes.values()) == {1}


def test_tasks_may_mix_splits_of_many_partitions_but_no_split_has_two() -> None:
    live, counts = skewed()
    plan = planned(live, counts)
    assert len({(split.partition, split.bucket) for split in plan.splits}) == len(plan.splits)
