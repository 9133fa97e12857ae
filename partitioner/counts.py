"""How many changes each partition and each split gets: exact from the change set, estimated from samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from partitioner.changeset import Routed
from partitioner.errors import InvalidChange
from partitioner.routing import Sides, sides_of
from partitioner.values import Estimate, PartitionValues

LOW_BITS = 16
MOST_SPLITS = 1 << LOW_BITS
"""Touched buckets are known exactly for every power of two up to this."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ChangeCount:
    """What one partition gets, counted (not sampled). A key that moves counts in both its partitions.

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
        """Rows of the partition after the batch. Exact unless origins are unknown; 0 before makes every upsert new."""
        known = max(before + self.inserts + self.moves_in - self.deletes - self.moves_out, 0)
        if not before:
            return Estimate(known + self.upserts)
        low, high = max(known - self.drops, 0), known + self.upserts
        middle = (low + high) / 2
        return Estimate(middle, (high - low) / 2 / middle if middle else 0.0)


def count_changes(rows: pa.Table, partitions: Sequence[PartitionValues]) -> dict[PartitionValues, ChangeCount]:
    """Count a change set by the partitions that it touches. `rows` needs the META columns only; one pass, exact."""
    if len(set(partitions)) != len(partitions):
        raise InvalidChange("a change set lists one partition twice")
    sides = sides_of(rows)
    kinds = _kinds(sides, len(partitions))
    low = rows["__hash"].to_numpy().astype(np.int64)[sides.row] & (MOST_SPLITS - 1)
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


def scale_up(hits: int, fraction: float) -> Estimate:
    """A count from `hits` seen in a uniform sample of `fraction` (0 < fraction ≤ 1) of the rows: Bernoulli sampling."""
    if not 0 < fraction <= 1:
        raise ValueError(f"a sample holds a fraction in (0, 1] of the rows, not {fraction}")
    if not hits:
        return Estimate(0.0, 0.0 if fraction == 1 else math.inf)
    return Estimate(hits / fraction, CONFIDENCE * math.sqrt((1 - fraction) / hits))


def mean_of(samples: Sequence[float]) -> Estimate:
    """A mean (bytes a row, say) from independent samples; of a single one the error is taken as 100 %."""
    if not samples:
        raise ValueError("a mean needs at least one sample")
    mean = sum(samples) / len(samples)
    if len(samples) == 1 or not mean:
        return Estimate(mean, 1.0 if mean else 0.0)
    variance = sum((sample - mean) ** 2 for sample in samples) / (len(samples) - 1)
    return Estimate(mean, CONFIDENCE * math.sqrt(variance / len(samples)) / mean)
