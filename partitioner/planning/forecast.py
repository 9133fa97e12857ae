"""How long a batch will take, by what the last ones took. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from partitioner.history.kinds import Kind
from partitioner.history.table_state import Attempt
from partitioner.planning.counts import CONFIDENCE
from partitioner.planning.plan import CostRules
from partitioner.values import DataFile, Estimate, PartitionValues, Version

LEARNED_FROM = 20
"""Committed batches, the newest."""

ENOUGH = 4
"""Batches from which on a slope is fitted, if they also differ enough."""


@dataclass(frozen=True, slots=True)
class PastBatch:
    """What a batch's rewriting was predicted to cost, in seconds of one core, and how long it took."""

    cost: float
    seconds: float


def past_batches(attempts: Iterable[Attempt], costs: CostRules | None = None) -> tuple[PastBatch, ...]:
    """The last committed batches, from their claim (rows read, nothing planned) to their outcome."""
    live: dict[PartitionValues, Version] = {}
    past = []
    for attempt in attempts:
        manifest, ending = attempt.manifest, attempt.ending
        if manifest is None or ending is None or not attempt.committed:
            continue
        if manifest.kind is Kind.BATCH and manifest.moves:
            cost = sum(_cost(live.get(move.partition), move.new, costs or CostRules()) for move in manifest.moves)
            past.append(PastBatch(cost, (ending.concluded_ms - attempt.intent.started_ms) / 1000))
        live |= {move.partition: move.new for move in manifest.moves}
    return tuple(past[-LEARNED_FROM:])


def _cost(old: Version | None, new: Version, costs: CostRules) -> float:
    """Of one partition: files that are the same before and after were linked, the others rewritten."""
    before, after = (frozenset(version.files if version else ()) for version in (old, new))
    reads, written = tuple(before - after), tuple(after - before)
    return costs.seconds(reads, sum(file.bytes for file in written)) + costs.per_file * _beyond_one(written)


def _beyond_one(files: Sequence[DataFile]) -> int:
    return max(len(files) - 1, 0)


def forecast(past: Sequence[PastBatch], cost: float) -> Estimate | None:
    """Seconds of a batch that costs `cost`; the error by how well the past is told so. None without any past.

    Overhead plus cost; where the past is enough and varied, overhead and pace are fitted (least squares). The cost
    alone is no figure: a first batch of 0.9 s of it took 20 s.
    """
    if not past:
        return None
    costs, seconds = np.array([p.cost for p in past]), np.array([p.seconds for p in past])
    pace = _pace(costs, seconds)
    overhead = max(float(np.median(seconds - pace * costs)), 0.0)
    value = overhead + pace * cost
    if len(past) < ENOUGH or value <= 0:
        return Estimate(value, 1.0)
    spread = float(np.std(seconds - overhead - pace * costs))
    return Estimate(value, CONFIDENCE * spread / value)


def _pace(costs: np.ndarray, seconds: np.ndarray) -> float:
    """Seconds that pass for one second of cost; 1 where the past cannot tell."""
    if len(costs) < ENOUGH or costs.max() < 2 * costs.min() or costs.max() <= 0:
        return 1.0
    return max(float(np.polyfit(costs, seconds, 1)[0]), 0.0)
