"""Where appended rows go: files of the wanted size, each row written a few times at most, however small the batches."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.changes.change_set import META, NOWHERE, ChangeSet, Op
from partitioner.errors import UnroutableChange
from partitioner.planning.appending import FULL, plan_append
from partitioner.planning.batch_plan import BatchPlan
from partitioner.planning.counts import count_changes
from partitioner.planning.plan import PlanRules
from partitioner.planning.routing import changes_by_split
from partitioner.planning.sizing import SizingRules
from partitioner.values import AttemptId, DataFile, Version

DAY = ("mon",)
COLUMNS = (("id", "bigint"),)


def events(
    ids: list[int], targets: list[int] | None = None, partitions: tuple[tuple[str, ...], ...] = (DAY,)
) -> ChangeSet:
    count = len(ids)
    columns = {
        ":key": pa.array([b""] * count, pa.binary()),
        ":hash": pa.array([0] * count, pa.uint32()),
        ":op": pa.array([Op.UPSERT] * count, pa.int8()),
        ":version": pa.array([0] * count, pa.int64()),
        ":target": pa.array(targets or [0] * count, pa.int32()),
        ":origin": pa.array([NOWHERE] * count, pa.int32()),
    }
    assert list(columns) == META.names
    return ChangeSet(pa.table({**columns, "id": pa.array(ids, pa.int64())}), partitions)


def planned(number: int, live: dict[tuple[str, ...], Version], changes: ChangeSet, wanted: int) -> BatchPlan:
    return plan_append(
        number,
        AttemptId(f"b{number:010d}"),
        live,
        count_changes(changes.rows, changes.partitions),
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: f"file:///t/{'/'.join(values)}/{number}",
        parallelism=2,
        rules=PlanRules(sizing=SizingRules(rows_before_measured=wanted)),
    )


class Table:
    """What the plans come to, row by row: each row's number of writes, by id."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.number = wanted, 0
        self.live: dict[tuple[str, ...], Version] = {}
        self.content: dict[str, list[int]] = {}
        self.writes: Counter[int] = Counter()

    def append(self, ids: list[int]) -> BatchPlan:
        self.number += 1
        changes = events(ids)
        plan = planned(self.number, self.live, changes, self.wanted)
        routed = changes_by_split(changes, plan)
        for partition in plan.partitions:
            files = list(partition.links)
            for ordinal, split in enumerate(partition.splits):
                rows = [row for file in split.reads for row in self.content[file.name]]
                rows += routed.of(ordinal)["id"].to_pylist()
                self.content[split.name] = rows
                self.writes.update(rows)
                files.append(DataFile(split.name, split.bucket, len(rows), 10 * len(rows), plan.attempt))
            self.live[partition.partition] = Version(
                partition.partition, plan.attempt, partition.location, "parquet", COLUMNS, tuple(files)
            )
        return plan

    @property
    def sizes(self) -> list[int]:
        return sorted(file.rows for file in self.live[DAY].files)

    @property
    def rows(self) -> list[int]:
        return sorted(row for file in self.live[DAY].files for row in self.content[file.name])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(10, 200))
def test_each_row_is_in_one_file_whatever_the_batches_are(batches: list[int], wanted: int) -> None:
    table, first = Table(wanted), 0
    for size in batches:
        table.append(list(range(first, first + size)))
        first += size
        assert table.rows == list(range(first))
        assert max(table.sizes) <= 1.5 * wanted + 1
        assert sum(rows < FULL * wanted for rows in table.sizes) <= math.log2(wanted) + 2


@pytest.mark.parametrize(("size", "wanted"), [(10, 1000), (7, 100), (1, 100_000 // 1000)])
def test_a_thousand_batches_leave_files_of_the_wanted_size_and_write_each_row_seldom(size: int, wanted: int) -> None:
    table = Table(wanted)
    for batch in range(1000):
        table.append(list(range(batch * size, (batch + 1) * size)))
    full = [rows for rows in table.sizes if rows >= FULL * wanted]
    assert sum(full) >= 0.9 * 1000 * size - wanted
    assert max(table.writes.values()) <= math.ceil(math.log2(wanted / size)) + 1


def test_batches_of_uneven_size_keep_the_bound_by_the_smallest() -> None:
    table, first, wanted = Table(1000), 0, 1000
    for size in random.Random(7).choices(range(5, 80), k=1000):
        table.append(list(range(first, first + size)))
        first += size
    assert max(table.writes.values()) <= math.ceil(math.log2(wanted / 5)) + 1


def test_a_large_batch_is_cut_into_even_files() -> None:
    table = Table(100)
    table.append(list(range(1000)))
    assert table.sizes == [100] * 10


def test_files_of_other_columns_are_all_written_again() -> None:
    table = Table(10)
    table.append(list(range(30)))
    table.live[DAY] = replace(table.live[DAY], columns=(("old", "int"),))
    plan = table.append([30])
    assert (plan.partitions[0].links, table.rows) == ((), list(range(31)))


def test_a_row_for_another_partition_than_planned_is_refused() -> None:
    plan = planned(1, {}, events([1, 2]), 10)
    with pytest.raises(UnroutableChange, match="3 new rows are for partition mon, but the plan has 2"):
        changes_by_split(events([1, 2, 3]), plan)
    with pytest.raises(UnroutableChange, match="partition tue"):
        changes_by_split(events([1, 2, 3], [0, 0, 1], (DAY, ("tue",))), plan)


def test_equal_arguments_give_an_equal_plan() -> None:
    one, other = (planned(3, {}, events(list(np.arange(50))), 7) for _ in range(2))
    assert one == other
