"""Which splits each change concerns, and what it means to each of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from partitioner.changes.change_set import META, NOWHERE, UNKNOWN_ORIGIN, ChangeSet, Op, Routed
from partitioner.changes.hashing import bucket_of
from partitioner.errors import InvalidChange, UnroutableChange
from partitioner.planning.batch_plan import BatchPlan
from partitioner.values import PartitionValues

KIND = ":kind"
"""int8 column of routed changes: a `Routed`."""

KIND_FIELD = pa.field(KIND, pa.int8(), nullable=False)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Every (change, partition) pair of a change set: a move has two, a delete of an unknown key none."""

    row: npt.NDArray[np.int64]  # index into the change set's rows
    partition: npt.NDArray[np.int32]  # index into its partitions
    kind: npt.NDArray[np.int8]  # a Routed


@dataclass(frozen=True, slots=True)
class Route:
    """What the router must know of a plan. Ordinals index `plan.splits`."""

    counts: Mapping[PartitionValues, int]  # partition → number of splits
    ordinals: Mapping[tuple[PartitionValues, int], int]  # (partition, bucket index) → ordinal
    tasks: tuple[int, ...]  # ordinal → task
    absent: frozenset[PartitionValues]


@dataclass(frozen=True, slots=True, eq=False)
class RoutedChanges:
    """Changes by split: `:key`, `:kind`, `:version`, then the data columns.

    Rows are gathered when they are asked for, so that many threads share that work.
    """

    changes: pa.Table  # as they came, without `:kind`
    places: npt.NDArray[np.int64]  # into `changes`, sorted by ordinal: a move stands twice
    kinds: npt.NDArray[np.int8]  # a Routed for each of `places`
    starts: npt.NDArray[np.int64]  # ordinal → its first place; one more at the end

    def of(self, ordinal: int) -> pa.Table:
        """The changes of one split."""
        return self._gathered(slice(self.starts[ordinal], self.starts[ordinal + 1]))

    def all(self) -> pa.Table:
        """The changes of all splits, sorted by ordinal."""
        return self._gathered(slice(None))

    def _gathered(self, part: slice) -> pa.Table:
        kinds = pa.array(self.kinds[part])
        return self.changes.take(pa.array(self.places[part])).add_column(1, KIND_FIELD, kinds)


def sides_of(rows: pa.Table) -> Sides:
    """Who is concerned by each change. `rows` needs the META columns only. Raises InvalidChange."""
    upsert = _numbers(rows, ":op") == Op.UPSERT
    target, origin = _numbers(rows, ":target"), _numbers(rows, ":origin")
    if (lost := int((upsert & (target < 0)).sum())) or (lost := int(((origin == UNKNOWN_ORIGIN) & (target < 0)).sum())):
        raise InvalidChange(f"{lost} changes name no target partition")
    at_target = np.flatnonzero(upsert | (origin == UNKNOWN_ORIGIN))
    at_origin = np.flatnonzero((origin >= 0) & (~upsert | (origin != target)))
    kinds_there = np.where(upsert[at_origin], Routed.MOVE_OUT, Routed.DELETE)
    return Sides(
        row=np.concatenate([at_target, at_origin]),
        partition=np.concatenate([target[at_target], origin[at_origin]]).astype(np.int32),
        kind=np.concatenate([_kind_at_target(upsert, target, origin)[at_target], kinds_there]).astype(np.int8),
    )


def route(plan: BatchPlan) -> Route:
    """The routing table of a plan."""
    return Route(
        counts={
            partition.partition: (partition.splits or partition.links)[0].bucket.count for partition in plan.partitions
        },
        ordinals={(split.partition, split.bucket.index): ordinal for ordinal, split in enumerate(plan.splits)},
        tasks=tuple(split.task for split in plan.splits),
        absent=frozenset(plan.absent),
    )


def changes_by_split(changes: ChangeSet, plan: BatchPlan) -> RoutedChanges:
    """Each split's changes, as its plan says. Raises UnroutableChange if plan and changes do not belong together."""
    return _appended(changes, plan) if plan.appends else route_changes(changes, route(plan))


def _appended(changes: ChangeSet, plan: BatchPlan) -> RoutedChanges:
    """By partition only, in the order of the change set: a row goes to the split whose stretch it falls into."""
    target = _numbers(changes.rows, ":target")
    order = np.argsort(target, kind="stable")
    bounds = np.searchsorted(target[order], np.arange(len(changes.partitions) + 1))
    first = {values: int(bounds[index]) for index, values in enumerate(changes.partitions)}
    here = {values: int(bounds[index + 1] - bounds[index]) for index, values in enumerate(changes.partitions)}
    planned = {part.partition: sum(split.rows for split in part.splits) for part in plan.partitions}
    wrong = [values for values in {**planned, **here} if planned.get(values, 0) != here.get(values, 0)]
    if wrong:
        values = min(wrong)
        raise UnroutableChange(
            f"{here.get(values, 0)} new rows are for partition {'/'.join(values)}, but the plan has"
            f" {planned.get(values, 0)}: plan and change set do not belong together"
        )
    pieces = [
        order[first[s.partition] + s.first : first[s.partition] + s.first + s.rows] for s in plan.splits if s.rows
    ]
    places = np.concatenate([np.zeros(0, np.int64), *pieces])
    starts = np.concatenate([[0], np.cumsum([split.rows for split in plan.splits], dtype=np.int64)])
    kinds = np.full(len(places), int(Routed.INSERT), np.int8)
    return RoutedChanges(_data(changes), places, kinds, starts.astype(np.int64))


def route_changes(changes: ChangeSet, to: Route) -> RoutedChanges:
    """Sort a change set's rows to the splits they concern. Raises UnroutableChange if one is not in the plan.

    Only a DROP may aim at an absent partition: what was never there need not be dropped.
    """
    sides = sides_of(changes.rows)
    absent = np.array([values in to.absent for values in changes.partitions], np.bool_)
    if absent.any():
        kept = ~(absent[sides.partition] & (sides.kind == Routed.DROP))
        sides = Sides(sides.row[kept], sides.partition[kept], sides.kind[kept])
    ordinals = _ordinals(changes, to, sides)
    order = np.argsort(ordinals, kind="stable")
    starts = np.searchsorted(ordinals[order], np.arange(len(to.tasks) + 1)).astype(np.int64)
    return RoutedChanges(_data(changes), sides.row[order].astype(np.int64), sides.kind[order], starts)


def _data(changes: ChangeSet) -> pa.Table:
    names = [name for name in META.names if name not in (":key", ":version")]
    return changes.rows.drop_columns(names).combine_chunks()  # or each split's would be put together for itself


def _kind_at_target(
    upsert: npt.NDArray[np.bool_], target: npt.NDArray[np.int64], origin: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    cases = [origin == UNKNOWN_ORIGIN, origin == NOWHERE, origin == target]
    unknown = np.where(upsert, np.int64(Routed.UPSERT), np.int64(Routed.DROP))
    known = [np.full(len(target), kind, np.int64) for kind in (Routed.INSERT, Routed.UPDATE)]
    return np.select(cases, [unknown, *known], default=int(Routed.MOVE_IN))


def _ordinals(changes: ChangeSet, to: Route, sides: Sides) -> npt.NDArray[np.int64]:
    """Each side's split: partitions lay their buckets side by side in one array of slots."""
    counts = np.array([to.counts.get(values, 1) for values in changes.partitions], np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    slots = np.full(first[-1], -1, np.int64)
    place = {values: first[index] for index, values in enumerate(changes.partitions)}
    for (values, bucket), ordinal in to.ordinals.items():
        if values in place:
            slots[place[values] + bucket] = ordinal
    hashes = _numbers(changes.rows, ":hash")[sides.row]
    ordinals: npt.NDArray[np.int64] = slots[first[sides.partition] + (hashes & (counts[sides.partition] - 1))]
    if (ordinals < 0).any():
        raise _unroutable(changes, to, sides, int(np.argmin(ordinals)))
    return ordinals


def _unroutable(changes: ChangeSet, to: Route, sides: Sides, side: int) -> UnroutableChange:
    values = changes.partitions[sides.partition[side]]
    row = int(sides.row[side])
    key, hash_ = changes.rows[":key"][row].as_py(), changes.rows[":hash"][row].as_py()
    count = to.counts.get(values)
    where = f"bucket {bucket_of(hash_, count)} of {count} of it" if count else "that partition"
    return UnroutableChange(
        f"{Routed(sides.kind[side]).name} of key {repr(key)[1:]} concerns partition {'/'.join(values)}, "
        f"but the plan does not rewrite {where}: plan and change set do not belong together"
    )


def _numbers(rows: pa.Table, name: str) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = rows[name].to_numpy().astype(np.int64)
    return numbers
