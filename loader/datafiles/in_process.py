"""Carry a plan out in this process, in a few threads; what is written is on its way to the disk meanwhile."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from loader.datafiles.split_file import SplitWork, Tools, rewrite_split, works_of
from loader.storage.files import join
from partitioner.changes.change_set import ChangeSet
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from partitioner.planning.routing import RoutedChanges, changes_by_split
from partitioner.values import AttemptId

Temporary = Callable[[AttemptId], str]
"""The folder of an attempt's temporary files; outside of every version."""

SYNCS = 2
"""Files being synced at a time: a merge needs the processor, a sync only the disk."""


def threads_for(cores: int) -> int:
    """One more than cores: while one waits for a file, or for the interpreter, the others work."""
    return cores + 1


MOST_WAITING = 8
"""Splits at once on a file system that answers late: each holds a row group in memory."""


@dataclass(frozen=True, slots=True)
class LocalRewriter:
    """`threads` 1, on local files: strictly in the order of the plan's splits, in the caller's thread, nothing synced
    early.
    """

    tools: Tools
    temporary: Temporary
    threads: int = 1

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        """See `Rewriter`."""
        routed = changes_by_split(changes, plan)
        works, folder = works_of(plan), self.temporary(plan.attempt)
        threads = max(self.threads, min(self.tools.files.parallel, MOST_WAITING))
        if threads == 1:
            return tuple(self._one(ordinal, work, routed, folder) for ordinal, work in enumerate(works))
        return self._in_threads(works, routed, folder, threads)

    def _in_threads(
        self, works: Sequence[SplitWork], routed: RoutedChanges, folder: str, threads: int
    ) -> tuple[SplitResult, ...]:
        with ThreadPoolExecutor(SYNCS) as syncs, ThreadPoolExecutor(threads) as pool:

            def one(ordinal: int, work: SplitWork) -> tuple[SplitResult, Future[None]]:
                result = self._one(ordinal, work, routed, folder)
                return result, syncs.submit(self.tools.files.sync, [join(work.destination, result.file.name)])

            running = [pool.submit(one, ordinal, work) for ordinal, work in enumerate(works)]
            try:
                done = [future.result() for future in running]
                for _, synced in done:
                    synced.result()
            finally:
                pool.shutdown(cancel_futures=True)
        return tuple(result for result, _ in done)

    def _one(self, ordinal: int, work: SplitWork, routed: RoutedChanges, folder: str) -> SplitResult:
        return rewrite_split(work, routed.of(ordinal), self.tools, join(folder, f"split-{ordinal:06d}"))
