"""Sizing, packing, routing and merge together: what a table of files looks like after many batches."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.changes.hashing import bucket_of, hash_key
from partitioner.merge.merge_split import merge_split
from partitioner.planning.batch_plan import BatchPlan
from partitioner.planning.counts import ChangeCount, count_changes
from partitioner.planning.packing import EVEN
from partitioner.planning.plan import PlanRules, file_name, plan_batch
from partitioner.planning.routing import route, route_changes
from partitioner.planning.sizing import SizingRules
from partitioner.values import Bucket, DataFile, PartitionValues, SplitId, Version
from tests.unit.partitioner.build import (
    ATTEMPT,
    COLUMNS,
    SCHEMA,
    Change,
    Rows,
    Tables,
    change_set,
    changes_between,
    raw_keys,
    table_batch,
    version,
)

TARGET = 4
RULES = PlanRules(SizingRules(rows_before_measured=TARGET))
keys = st.integers(0, 80).map(lambda number: f"key-{number}")
states = st.lists(
    st.dictionaries(keys, st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=60),
    min_size=1,
    max_size=4,
)


def as_tables(rows: dict[str, tuple[str, str]]) -> Tables:
    tables: Tables = {}
    for key, (place, value) in rows.items():
        tables.setdefault((place,), {})[key] = value
    return tables


@dataclass
class Files:
    """A table as files in memory: partition → file name → rows, beside the versions that a plan sees."""

    rows: dict[PartitionValues, dict[str, Rows]] = field(default_factory=dict)
    live: dict[PartitionValues, Version] = field(default_factory=dict)

    def apply(self, changes: list[Change]) -> BatchPlan:
        changed = change_set(changes)
        plan = plan_of(self.live, count_changes(changed.rows, changed.partitions))
        routed = route_changes(changed, route(plan))
        ordinal = iter(range(len(plan.splits)))
        for partition in plan.partitions:
            before = self.rows.get(partition.partition, {})
            files = {file.name: before[file.name] for file in partition.links}
            for split in partition.splits:
                batches = [(file.bucket, table_batch(before[file.name])) for file in split.reads]
                merge = merge_split(
                    batches,
                    raw_keys,
                    routed.of(next(ordinal)),
                    SCHEMA,
                    split=SplitId(split.partition, split.bucket),
                )
                table = pa.Table.from_batches(list(merge), SCHEMA)
                files[split.name] = dict(zip(table["id"].to_pylist(), table["value"].to_pylist(), strict=True))
            self._publish(partition.partition, files, partition.location)
        return plan

    def _publish(self, partition: PartitionValues, files: dict[str, Rows], location: str) -> None:
        self.rows[partition] = files
        listed = tuple(DataFile(name, bucket_in(name), len(rows), 40 * len(rows)) for name, rows in files.items())
        self.live[partition] = Version(partition, ATTEMPT, location, "parquet", COLUMNS, tuple(sorted(listed)))


def bucket_in(name: str) -> Bucket:
    index, _, count = name.removesuffix(".parquet").partition("-of-")
    return Bucket(int(index), int(count))


def plan_of(
    live: dict[PartitionValues, Version], counts: dict[PartitionValues, ChangeCount], cores: int = 2
) -> BatchPlan:
    return plan_batch(
        1,
        ATTEMPT,
        live,
        counts,
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: f"/new/{values[0]}",
        parallelism=cores,
        rules=RULES,
    )


@settings(max_examples=60)
@given(states)
def test_every_row_lies_in_exactly_one_file_of_its_bucket_after_any_batches(
    wanted: list[dict[str, tuple[str, str]]],
) -> None:
    table, before = Files(), Tables()
    for rows in wanted:
        after = as_tables(rows)
        table.apply(changes_between(before, after))
        before = after
        places = [
            (key, partition, bucket_in(name))
            for partition, files in table.rows.items()
            for name, found in files.items()
            for key in found
        ]
        assert Counter(key for key, _, _ in places) == Counter(rows.keys())
        for key, partition, bucket in places:
            assert partition == (rows[key][0],)
            assert bucket.index == bucket_of(hash_key(key.encode()), bucket.count)


@settings(max_examples=60)
@given(states, st.integers(0, 80))
def test_a_batch_of_one_change_rewrites_one_file_of_each_partition_it_concerns(
    wanted: list[dict[str, tuple[str, str]]], number: int
) -> None:
    table, before = Files(), Tables()
    for rows in wanted:
        after = as_tables(rows)
        table.apply(changes_between(before, after))
        before = after
    # neither too large nor too small: a resize is another matter, and has its own test
    fit = {p: v for p, v in table.live.items() if 0.375 * TARGET * v.bucket_count < v.rows < TARGET * v.bucket_count}
    key = f"key-{number}"
    for partition in fit:
        change = Change(key, "new", partition[0], "?")
        changed = change_set([change])
        plan = plan_of(table.live, count_changes(changed.rows, changed.partitions))
        assert len(plan.splits) == 1
        assert len(plan.partitions[0].links) == len(table.live[partition].files) - 1


sizes = st.lists(st.one_of(st.integers(1, 50), st.integers(5_000, 400_000)), min_size=1, max_size=25)


@settings(max_examples=60)
@given(sizes, st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_no_task_of_a_plan_costs_a_quarter_more_than_the_mean_unless_one_split_alone_does(
    rows: list[int], cores: int, seed: int
) -> None:
    live = {(f"p{number}",): sized(count) for number, count in enumerate(rows)}
    dice = np.random.default_rng(seed)
    counts = {values: updates(dice.integers(0, 1 << 16, max(found.rows // 100, 1))) for values, found in live.items()}
    plan = plan_of(live, counts, cores)
    cost: Counter[int] = Counter()
    for split in plan.splits:
        cost[split.task] += split.cost
    alone = {task for task, splits in Counter(split.task for split in plan.splits).items() if splits == 1}
    mean = sum(cost.values()) / plan.tasks
    assert all(spent <= EVEN * mean * (1 + 1e-9) or task in alone for task, spent in cost.items())


@given(st.integers(1, 500_000), st.sampled_from([0.5, 0.75, 1.5, 2.0]))
def test_files_of_a_new_partition_keep_their_bounds_when_the_count_was_off_by_two(rows: int, wrong: float) -> None:
    rules = PlanRules(SizingRules(rows_before_measured=1_000, most_splits=1 << 16))
    counted = ChangeCount(np.array([0]), np.array([1]), inserts=max(round(rows * wrong), 1))
    plan = plan_batch(
        1,
        ATTEMPT,
        {},
        {("new",): counted},
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: "/new",
        parallelism=2,
        rules=rules,
    )
    a_file = rows / len(plan.splits)
    assert a_file <= 2 * 1_000 + 1
    assert len(plan.splits) == 1 or a_file >= 0.25 * 1_000


def test_one_change_in_each_partition_of_a_skewed_table_rewrites_one_file_each() -> None:
    live: dict[PartitionValues, Version] = {("big",): version("big", [732] * 1024)}
    live |= {(f"small-{number:04d}",): version("s", [100]) for number in range(5_000)}
    rules = PlanRules(SizingRules(bytes_per_file=40_000, rows_before_measured=1_000))
    plan = plan_batch(
        1,
        ATTEMPT,
        live,
        {values: updates(np.array([7])) for values in live},
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: values[0],
        parallelism=4,
        rules=rules,
    )
    assert len(plan.splits) == 5_001
    assert sum(len(partition.links) for partition in plan.partitions) == 1_023


def sized(rows: int) -> Version:
    count = max(1 << (max(rows // 1_000, 1) - 1).bit_length(), 1)
    files = tuple(
        DataFile(file_name(Bucket(index, count), "parquet"), Bucket(index, count), rows // count, 40 * (rows // count))
        for index in range(count)
    )
    return Version(("p",), ATTEMPT, "/old", "parquet", COLUMNS, files)


def updates(hashes: np.ndarray) -> ChangeCount:
    low, per_low = np.unique(hashes.astype(np.int64) & 0xFFFF, return_counts=True)
    return ChangeCount(low, per_low, updates=len(hashes))
