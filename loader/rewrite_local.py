"""Carry a plan out in this process: the splits of a task one after the other, tasks in a few threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from loader.files import join
from loader.rewrite import SplitWork, Tools, rewrite_split, works_of
from partitioner.changeset import ChangeSet
from partitioner.plan_values import BatchPlan, SplitResult
from partitioner.routing import RoutedChanges, route, route_changes
from partitioner.values import AttemptId

Temporary = Callable[[AttemptId], str]
"""The folder of an attempt's temporary files; outside of every version."""


@dataclass(frozen=True, slots=True)
class LocalRewriter:
    """`threads` 1: strictly in the order of the plan's splits, in the caller's thread."""

    tools: Tools
    temporary: Temporary
    threads: int = 1

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        """See `Rewriter`."""
        routed = route_changes(changes, route(plan))
        works, folder = works_of(plan), self.temporary(plan.attempt)
        if self.threads == 1:
            return tuple(self._one(ordinal, work, routed, folder) for ordinal, work in enumerate(works))
        with ThreadPoolExecutor(self.threads) as pool:
            running = [pool.submit(self._one, ordinal, work, routed, folder) for ordinal, work in enumerate(works)]
            try:
                return tuple(future.result() for future in running)
            finally:
                pool.shutdown(cancel_futures=True)

    def _one(self, ordinal: int, work: SplitWork, routed: RoutedChanges, folder: str) -> SplitResult:
        return rewrite_split(work, routed.of(ordinal), self.tools, join(folder, f"split-{ordinal:06d}"))
