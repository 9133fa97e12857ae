"""From counts and the table's state to the plan of a batch, as `decide` makes it and `hotswap plan` shows it."""

from collections.abc import Mapping

from loader.publish.batch import Work
from loader.state.open_table import Environment
from partitioner.history.table_state import TableState
from partitioner.planning.appending import plan_append
from partitioner.planning.batch_plan import BatchPlan
from partitioner.planning.counts import ChangeCount
from partitioner.planning.plan import plan_batch
from partitioner.values import AttemptId, PartitionValues, canonical_location


def plan_of(
    env: Environment,
    work: Work,
    before: TableState,
    batch: int,
    attempt: AttemptId,
    counts: Mapping[PartitionValues, ChangeCount],
) -> BatchPlan:
    """Pure: reads and writes nothing."""
    plan = plan_batch if env.rule.keyed else plan_append
    return plan(
        batch=batch,
        attempt=attempt,
        live=before.live,
        counts=counts,
        columns=env.columns,
        format=env.format,
        locate=lambda partition: canonical_location(env.layout.version(env.name_of(partition), attempt)),
        rules=work.rules,
        parallelism=work.parallelism,
    )
