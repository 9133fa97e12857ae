"""How many splits a partition has: rows and bytes in, a power of two out, with hysteresis.

A resize lands where files hold more than a half of the target and at most all of it. A partition grows when its files
would exceed 1.5 × the target, shrinks when they would fall below 0.375 × and the batch touches at least a quarter of
its splits anyway. So after a resize the rows must grow by half, or fall by a quarter, before the next one: no flapping;
and a batch of few changes never pays for joining small files.
"""

import math
from dataclasses import dataclass

from partitioner.planning.counts import MOST_SPLITS
from partitioner.values import Estimate

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class SizingRules:
    """What a data file should weigh. Shares are of the target. Raises ValueError where resizes could flap."""

    bytes_per_file: int = 32 * MEBIBYTE
    block_size: int = 128 * MEBIBYTE  # no file is planned above it
    rows_before_measured: int = 100_000
    most_splits: int = 4096
    grow_above: float = 1.5
    shrink_below: float = 0.375
    shrink_touching: float = 0.25  # of the partition's splits

    def __post_init__(self) -> None:
        if min(self.bytes_per_file, self.block_size, self.rows_before_measured) < 1:
            raise ValueError("bytes_per_file, block_size and rows_before_measured must be at least 1")
        if self.grow_above < 1 or not 0 <= self.shrink_below < 0.5:
            raise ValueError("grow_above below 1 or shrink_below from 0.5 on would make resizes flap")
        if not 1 <= self.most_splits <= MOST_SPLITS:
            raise ValueError(f"most_splits must be 1 to {MOST_SPLITS}")


def rows_per_file(bytes_per_row: Estimate | None, rules: SizingRules) -> Estimate:
    """The target, in rows; at least 1. `bytes_per_row`: as stored in files, None while nothing is measured."""
    if bytes_per_row is None or bytes_per_row.value <= 0:
        return Estimate(rules.rows_before_measured)
    target = min(rules.bytes_per_file, rules.block_size / rules.grow_above)
    return Estimate(max(target / bytes_per_row.value, 1.0), bytes_per_row.error)


def first_split_count(rows: Estimate, target: Estimate, rules: SizingRules) -> int:
    """Splits of a partition that is written anew: the fewest that hold at most `target` rows each."""
    wanted = max(math.ceil(rows.value / target.value), 1)
    return min(1 << (wanted - 1).bit_length(), _floor_power_of_two(rules.most_splits))


def split_count(rows: Estimate, target: Estimate, current: int, touched: int, rules: SizingRules) -> int:
    """Splits after a batch that touches `touched` of the `current` ones and leaves about `rows` rows.

    Files are joined only if they are small even where the estimates are as wrong as they may be.
    """
    share = rows.over(Estimate(target.value * current, target.error))
    if share.value > rules.grow_above:
        return max(first_split_count(rows, target, rules), current)
    if share.high < rules.shrink_below and touched >= current * rules.shrink_touching:
        return min(first_split_count(rows, target, rules), current)
    return current


def _floor_power_of_two(number: int) -> int:
    return 1 << (number.bit_length() - 1)
