"""A batch larger than one metastore call, cut: partitions that keys move between stay together. Pure.

Each part is a batch of its own, published as a whole. What does not fit is left for the next batches, by key.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changeset import NOWHERE, ChangeSet
from partitioner.deferral import touching
from partitioner.values import PartitionValues


@dataclass(frozen=True, slots=True)
class CallLimit:
    """What one call takes. `partitions` None: any number. `bytes_of`: of one partition in the message."""

    bytes: float
    partitions: int | None
    bytes_of: Callable[[PartitionValues], float]


def what_fits(changes: ChangeSet, limit: CallLimit) -> tuple[ChangeSet, frozenset[PartitionValues]]:
    """The changes that one call can publish, at least one component of key moves; and the partitions left out.

    A component is never cut, however large it is: there is no publish that is not atomic.
    """
    left: set[PartitionValues] = set()
    count, size = 0, 0.0
    for component in components(changes):
        more, larger = count + len(component), size + sum(map(limit.bytes_of, component))
        if count and (more > (limit.partitions or more) or larger > limit.bytes):
            left |= component
        else:
            count, size = more, larger
    if not left:
        return changes, frozenset()
    fits = pc.invert(touching(changes, left))
    return ChangeSet(changes.rows.filter(fits), changes.partitions), frozenset(left)


def components(changes: ChangeSet) -> tuple[frozenset[PartitionValues], ...]:
    """The touched partitions in groups that no key moves between, in order of their least member."""
    sides = changes.rows.group_by(["__origin", "__target"]).aggregate([])
    pairs = list(zip(sides["__origin"].to_pylist(), sides["__target"].to_pylist(), strict=True))
    roots: dict[int, int] = {place: place for pair in pairs for place in pair if place > NOWHERE}
    for one, other in pairs:
        if one > NOWHERE and other > NOWHERE:
            roots[_root(roots, one)] = _root(roots, other)
    groups: dict[int, set[PartitionValues]] = {}
    for place in roots:
        groups.setdefault(_root(roots, place), set()).add(changes.partitions[place])
    return tuple(sorted(map(frozenset, groups.values()), key=min))


def _root(roots: dict[int, int], place: int) -> int:
    while roots[place] != place:
        roots[place] = place = roots[roots[place]]
    return place


def keys_at(changes: ChangeSet, partitions: frozenset[PartitionValues]) -> pa.Array:
    """The keys of the changes that touch any of `partitions`."""
    return changes.rows.filter(touching(changes, partitions))["__key"].combine_chunks()
