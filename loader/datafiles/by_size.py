"""Small batches in this process, large ones in Spark: the hand-off to Spark costs more than a small merge."""

from dataclasses import dataclass

from loader.datafiles.split_file import Rewriter
from partitioner.changes.change_set import ChangeSet
from partitioner.planning.batch_plan import BatchPlan, SplitResult


@dataclass(frozen=True, slots=True)
class EitherRewriter:
    """`most_here_s`: the largest predicted cost of a plan, in seconds of one core, that is not worth a Spark job."""

    here: Rewriter
    spark: Rewriter
    most_here_s: float = 1.0

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        """See `Rewriter`."""
        cost = sum(split.cost for split in plan.splits)
        return (self.here if cost <= self.most_here_s else self.spark).rewrite(plan, changes)
