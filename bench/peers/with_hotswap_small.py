"""hotswap, small batches: 1,000 changes in 5 partitions of the same table."""

from bench.peers.job import Done, Job
from bench.peers.with_hotswap import SMALL_CHANGES, SMALL_DAYS, local, measure


def run(job: Job) -> Done:
    """From the batch's start to its confirmed swap."""
    small = min(SMALL_CHANGES, job.changed)
    return measure(
        job,
        local(job),
        lambda table, number: table.publish_batch(table.workload.batch(number, small, SMALL_DAYS)),
    )
