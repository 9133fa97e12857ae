"""How many changes each partition and each split gets: exact from the change set, estimated from samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from partitioner.changes.change_set import Routed
from partitioner.errors import InvalidChange
from partitioner.planning.routing import Sides, sides_of
from partitioner.values import Estimate, PartitionValues

LOW_BITS = 16
MOST_SPLITS = 1 << LOW_BITS
"""Touched buckets are known exactly for every power of two up to this."""

KINDS = ("inserts", "updates", "deletes", "moves_in", "moves_out", "upserts", "drops")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ChangeCount:
    """What one partition gets, counted. A key that moves counts in both its partitions.

    `low` and `per_low` are a sparse histogram of the changes' lowest 16 hash bits: distinct values, ascending, and the
    number of changes of each.
    """

    low: Ints
    per_low: Ints
    inserts: int = 0
    updates: int = 0
    deletes: int = 0
    moves_in: int = 0
    moves_out: int = 0
    upserts: int = 0  # origin unknown: inserts or updates
    drops: int = 0  # origin unknown: deletes, or nothing
    error: float = 0.0  # relative; above 0 only where a preview took a sample

    @property
    def total(self) -> int:
        return int(self.per_low.sum())

    @property
    def must_exist(self) -> int:
        """Changes of keys that the key index places in this partition."""
        return self.updates + self.deletes + self.moves_out

    def per_bucket(self, count: int) -> Mapping[int, int]:
        """Touched bucket → number of changes, exactly, if the partition has `count` (a power of two) buckets."""
        if not 1 <= count <= MOST_SPLITS or count & (count - 1):
            raise ValueError(f"{count} buckets: a power of two up to {MOST_SPLITS} is counted")
        changes = np.zeros(count, np.int64)
        np.add.at(changes, self.low & (count - 1), self.per_low)
        touched = np.flatnonzero(changes)
        return dict(zip(touched.tolist(), changes[touched].tolist(), strict=True))

    def rows_after(self, before: int) -> Estimate:
        """Rows after the batch; 0 before makes every upsert new. Exact but for samples and unknown origins."""
        known = max(before + self.inserts + self.moves_in - self.deletes - self.moves_out, 0)
        if not before:
            return Estimate(known + self.upserts, self.error)
        low, high = max(known - self.drops, 0), known + self.upserts
        middle = (low + high) / 2
        unsure = (high - low) / 2 + self.error * self.total
        return Estimate(middle, unsure / middle if middle else 0.0)


def count_changes(rows: pa.Table, partitions: Sequence[PartitionValues]) -> dict[PartitionValues, ChangeCount]:
    """Count a change set by the partitions that it touches. `rows` needs the META columns only; one pass, exact."""
    if len(set(partitions)) != len(partitions):
        raise InvalidChange("a change set lists one partition twice")
    sides = sides_of(rows)
    kinds = _kinds(sides, len(partitions))
    low = rows[":hash"].to_numpy().astype(np.int64)[sides.row] & (MOST_SPLITS - 1)
    cells, sizes = np.unique((sides.partition.astype(np.int64) << LOW_BITS) | low, return_counts=True)
    bounds = np.searchsorted(cells, np.arange(len(partitions) + 1) << LOW_BITS)
    return {
        values: _count(kinds[index], cells[start:end], sizes[start:end])
        for index, (values, start, end) in enumerate(zip(partitions, bounds[:-1], bounds[1:], strict=True))
        if start < end
    }


def _kinds(sides: Sides, partitions: int) -> Ints:
    """Matrix (partition, Routed) → number of changes."""
    width = len(Routed)
    flat = np.bincount(sides.partition.astype(np.int64) * width + sides.kind, minlength=partitions * width)
    return flat.reshape(partitions, width)


def _count(kinds: Ints, cells: Ints, sizes: Ints) -> ChangeCount:
    return ChangeCount(
        low=cells & (MOST_SPLITS - 1),
        per_low=sizes.astype(np.int64),
        inserts=int(kinds[Routed.INSERT]),
        updates=int(kinds[Routed.UPDATE]),
        deletes=int(kinds[Routed.DELETE]),
        moves_in=int(kinds[Routed.MOVE_IN]),
        moves_out=int(kinds[Routed.MOVE_OUT]),
        upserts=int(kinds[Routed.UPSERT]),
        drops=int(kinds[Routed.DROP]),
    )


CONFIDENCE = 1.96
"""Standard deviations: errors of estimates hold 19 times out of 20."""


def of_sample(count: ChangeCount, fraction: float) -> ChangeCount:
    """What a partition gets, from the count of a sample of `fraction` of the changes. For previews: nothing is routed.

    Which buckets are touched is estimated too: hashes spread as chance has them, so as many stand-ins are thrown.
    """
    if fraction == 1:
        return count
    total = round(count.total / fraction)
    low, per_low = np.unique(_thrown(total), return_counts=True)
    kinds = {kind: round(getattr(count, kind) / fraction) for kind in KINDS}
    return ChangeCount(low, per_low.astype(np.int64), **kinds, error=scale_up(count.total, fraction).error)


def _thrown(total: int) -> Ints:
    """Low hash bits of `total` stand-ins, the same each time: SplitMix64 of 1, 2, 3, …"""
    mixed = np.arange(1, total + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.int64) & (MOST_SPLITS - 1)


def scale_up(hits: int, fraction: float) -> Estimate:
    """A count from `hits` seen in a uniform sample of `fraction` (0 < fraction ≤ 1) of the rows: Bernoulli sampling."""
    if not 0 < fraction <= 1:
        raise ValueError(f"a sample holds a fraction in (0, 1] of the rows, not {fraction}")
    if not hits:
        return Estimate(0.0, 0.0 if fraction == 1 else math.inf)
    return Estimate(hits / fraction, CONFIDENCE * math.sqrt((1 - fraction) / hits))


def ratio_of(parts: Sequence[tuple[int, int]]) -> Estimate:
    """Σ amounts / Σ units (bytes a row, say) over a sample of `(units, amount)` parts; the error by how they differ.

    The ratio estimator of survey sampling. A single part is taken as counted whole. Raises ValueError without units.
    """
    units, amount = sum(part[0] for part in parts), sum(part[1] for part in parts)
    if units <= 0:
        raise ValueError("a ratio needs at least one unit")
    ratio = amount / units
    if len(parts) == 1 or not amount:
        return Estimate(ratio)
    squares = sum((its - ratio * one) ** 2 for one, its in parts)
    return Estimate(ratio, CONFIDENCE * math.sqrt(squares * len(parts) / (len(parts) - 1)) / amount)
