"""What is larger than one metastore call, cut: partitions that keys move between stay together. Pure.

Each part of a batch is a batch of its own, published as a whole; what does not fit is left for the next batches, by
key. Each part of a rollback is a rollback of its own.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from partitioner.changes.change_set import NOWHERE, ChangeSet
from partitioner.changes.deferral import touching
from partitioner.values import PartitionValues


@dataclass(frozen=True, slots=True)
class CallLimit:
    """What one call takes. `partitions` None: any number. `bytes_of`: of one partition in the message."""

    bytes: float
    partitions: int | None
    bytes_of: Callable[[PartitionValues], float]

    def size_of(self, partitions: Iterable[PartitionValues]) -> float:
        return sum(map(self.bytes_of, partitions))

    def takes(self, count: int, size: float) -> bool:
        return count <= (self.partitions or count) and size <= self.bytes


def what_fits(changes: ChangeSet, limit: CallLimit) -> tuple[ChangeSet, frozenset[PartitionValues]]:
    """The changes that one call can publish, at least one component of key moves; and the partitions left out.

    A component is never cut, however large it is: there is no publish that is not atomic.
    """
    left: set[PartitionValues] = set()
    count, size = 0, 0.0
    for component in components(changes):
        more, larger = count + len(component), size + limit.size_of(component)
        if count and not limit.takes(more, larger):
            left |= component
        else:
            count, size = more, larger
    if not left:
        return changes, frozenset()
    fits = pc.invert(touching(changes, left))
    return ChangeSet(changes.rows.filter(fits), changes.partitions), frozenset(left)


def components(changes: ChangeSet) -> tuple[frozenset[PartitionValues], ...]:
    """The touched partitions in groups that no key moves between, in order of their least member."""
    sides = changes.rows.group_by([":origin", ":target"]).aggregate([])
    pairs = list(zip(sides[":origin"].to_pylist(), sides[":target"].to_pylist(), strict=True))
    touched = {changes.partitions[place] for pair in pairs for place in pair if place > NOWHERE}
    ties = [(one, other) for one, other in pairs if one > NOWHERE and other > NOWHERE]
    return tied_together(touched, [(changes.partitions[one], changes.partitions[other]) for one, other in ties])


def tied_together(
    partitions: Iterable[PartitionValues], ties: Iterable[tuple[PartitionValues, PartitionValues]]
) -> tuple[frozenset[PartitionValues], ...]:
    """`partitions`, and all that `ties` tie to any of them, in groups without a tie between, by their least member."""
    roots = {partition: partition for partition in partitions}
    for one, other in ties:
        roots.setdefault(one, one)
        roots.setdefault(other, other)
        roots[_root(roots, one)] = _root(roots, other)
    groups: dict[PartitionValues, set[PartitionValues]] = {}
    for partition in roots:
        groups.setdefault(_root(roots, partition), set()).add(partition)
    return tuple(sorted(map(frozenset, groups.values()), key=min))


def calls_of(
    groups: Sequence[Collection[PartitionValues]], limit: CallLimit
) -> tuple[tuple[PartitionValues, ...], ...]:
    """The groups in as few calls as their order allows. None is cut: one that is too large is a call of its own."""
    calls: list[list[PartitionValues]] = []
    for group in groups:
        if calls and limit.takes(len(calls[-1]) + len(group), limit.size_of(calls[-1]) + limit.size_of(group)):
            calls[-1] += group
        else:
            calls.append(list(group))
    return tuple(tuple(sorted(call)) for call in calls)


def _root(roots: dict[PartitionValues, PartitionValues], place: PartitionValues) -> PartitionValues:
    while roots[place] != place:
        roots[place] = place = roots[roots[place]]
    return place


def changes_at(changes: ChangeSet, partitions: frozenset[PartitionValues]) -> ChangeSet:
    """The changes that touch any of `partitions`."""
    return ChangeSet(changes.rows.filter(touching(changes, partitions)), changes.partitions)
