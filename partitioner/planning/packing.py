"""Splits into few, even tasks, by predicted cost: longest first, each to the task that has least."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

EVEN = 1.25
"""No task costs more than this times the mean, unless one split alone does."""

TRIES = 4
"""Up to so many times the wanted number of tasks is tried before fewer are."""


@dataclass(frozen=True, slots=True)
class PackingRules:
    """A task costs a hand-off of 30 to 60 ms in Spark, so none is worth less than `least_cost` predicted seconds."""

    parallelism: int
    least_cost: float = 0.1

    def __post_init__(self) -> None:
        if self.parallelism < 1 or self.least_cost <= 0:
            raise ValueError("parallelism must be at least 1 and least_cost above 0")


def pack(costs: Sequence[float], rules: PackingRules) -> tuple[int, ...]:
    """The task of each split. Tasks are numbered from 0 without a gap; equal costs give an equal packing."""
    if not costs:
        return ()
    wanted = min(max(math.ceil(sum(costs) / rules.least_cost), 1), rules.parallelism, len(costs))
    order = sorted(range(len(costs)), key=lambda index: -costs[index])
    more = range(wanted, min(wanted * TRIES, len(costs)) + 1)
    fewer = range(wanted - 1, 0, -1)
    for tasks in (*more, *fewer):
        packed = _longest_first(costs, order, tasks)
        if is_even(costs, packed):
            return packed
    raise AssertionError("one task is always even")


def is_even(costs: Sequence[float], tasks: Sequence[int]) -> bool:
    """Whether every task that holds more than one split costs at most EVEN times the mean."""
    count = max(tasks) + 1
    sums, sizes = [0.0] * count, [0] * count
    for cost, task in zip(costs, tasks, strict=True):
        sums[task] += cost
        sizes[task] += 1
    most = EVEN * sum(sums) / count * (1 + 1e-9)  # sums of floats
    return all(cost <= most or size == 1 for cost, size in zip(sums, sizes, strict=True))


def _longest_first(costs: Sequence[float], order: Sequence[int], tasks: int) -> tuple[int, ...]:
    heap = [(0.0, 0, task) for task in range(tasks)]
    packed = [0] * len(costs)
    for index in order:
        cost, size, task = heap[0]
        packed[index] = task
        heapq.heapreplace(heap, (cost + costs[index], size + 1, task))
    return tuple(packed)
