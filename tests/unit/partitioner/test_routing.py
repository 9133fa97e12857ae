import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.change_set import ChangeSet, Routed
from partitioner.changes.hashing import bucket_of, hash_key
from partitioner.errors import UnroutableChange
from partitioner.planning.batch_plan import BatchPlan
from partitioner.planning.counts import count_changes
from partitioner.planning.plan import PlanRules, plan_batch
from partitioner.planning.routing import KIND, Route, RoutedChanges, route, route_changes
from partitioner.planning.sizing import SizingRules
from partitioner.values import PartitionValues, Version
from tests.unit.partitioner.build import ATTEMPT, COLUMNS, Change, change_set, version
from tests.unit.partitioner.test_counts import changes

LIVE: dict[PartitionValues, Version] = {
    ("a",): version("a", [100, 100, 100, 100]),
    ("b",): version("b", [100, 100]),
    ("c",): version("c", [100]),
}


def planned(changed: ChangeSet, live: dict[PartitionValues, Version] | None = None) -> BatchPlan:
    return plan_batch(
        1,
        ATTEMPT,
        LIVE if live is None else live,
        count_changes(changed.rows, changed.partitions),
        columns=COLUMNS,
        format="parquet",
        locate=lambda values: f"/new/{values[0]}",
        parallelism=2,
        rules=PlanRules(SizingRules(rows_before_measured=100)),
    )


def routed(*changes: Change) -> tuple[BatchPlan, RoutedChanges]:
    changed = change_set(changes)
    plan = planned(changed)
    return plan, route_changes(changed, route(plan))


def seen(plan: BatchPlan, changes: RoutedChanges) -> set[tuple[str, int, bytes, Routed]]:
    """(partition, bucket, key, kind) of every routed change."""
    return {
        (split.partition[0], split.bucket.index, row[":key"], Routed(row[KIND]))
        for ordinal, split in enumerate(plan.splits)
        for row in changes.of(ordinal).to_pylist()
    }


def kind_of(change: Change, place: str) -> Routed:
    """What a change means to one partition, from the definitions in changeset.py."""
    if place != change.target:
        return Routed.DELETE if change.value is None else Routed.MOVE_OUT
    if change.origin == "?":
        return Routed.DROP if change.value is None else Routed.UPSERT
    if change.origin is None:
        return Routed.INSERT
    return Routed.UPDATE if change.origin == place else Routed.MOVE_IN


@given(changes)
def test_every_change_reaches_exactly_the_splits_it_concerns(changes: list[Change]) -> None:
    plan, found = routed(*changes)
    counts = {partition.partition[0]: len(LIVE[partition.partition].files) for partition in plan.partitions}
    expected = {
        (place, bucket_of(hash_key(change.key.encode()), counts[place]), change.key.encode(), kind_of(change, place))
        for change in changes
        for place in {change.target, change.origin} - {None, "?"}
    }
    assert seen(plan, found) == expected
    assert len(found.all()) == len(expected)


def test_images_travel_with_their_keys() -> None:
    _, found = routed(Change("k1", "v1", "a", "a"), Change("k2", "v2", "c", None), Change("k3", "v3", "b", "a"))
    assert {(row["id"], row["value"]) for row in found.all().to_pylist()} == {("k1", "v1"), ("k2", "v2"), ("k3", "v3")}


def test_a_change_for_a_partition_outside_the_plan_is_refused() -> None:
    plan = planned(change_set([Change("k", "v", "a", None)]))
    with pytest.raises(UnroutableChange, match="INSERT of key 'k' concerns partition b"):
        route_changes(change_set([Change("k", "v", "b", None)]), route(plan))


def test_a_change_for_a_bucket_outside_the_plan_is_refused() -> None:
    plan = planned(change_set([Change("key-0", "v", "a", "a")]))
    other = next(f"key-{n}" for n in range(99) if hash_key(f"key-{n}".encode()) % 4 != hash_key(b"key-0") % 4)
    with pytest.raises(UnroutableChange, match=r"bucket . of 4"):
        route_changes(change_set([Change(other, "v", "a", "a")]), route(plan))


def test_drops_from_a_partition_that_does_not_exist_go_nowhere() -> None:
    changed = change_set([Change("k1", None, "gone", "?"), Change("k2", "v", "a", "?")])
    plan = planned(changed)
    found = route_changes(changed, route(plan))
    assert plan.absent == (("gone",),)
    assert found.all()[":key"].to_pylist() == [b"k2"]


def test_only_drops_may_aim_at_an_absent_partition() -> None:
    to = Route({}, {}, (), frozenset([("gone",)]))
    with pytest.raises(UnroutableChange):
        route_changes(change_set([Change("k", "v", "gone", None)]), to)


def test_changes_that_touch_nothing_make_an_empty_plan() -> None:
    plan, found = routed(Change("k", None, None, None))
    assert (plan.partitions, plan.tasks, len(found.all())) == ((), 0, 0)


@given(st.integers(1, 40))
def test_a_split_without_changes_gets_an_empty_table(count: int) -> None:
    changed = change_set(Change(f"k{number}", "v", "new", None) for number in range(count))
    plan = planned(changed, live={("new",): version("new", [10_000])})
    found = route_changes(changed, route(plan))
    assert sum(len(found.of(ordinal)) for ordinal in range(len(plan.splits))) == count
