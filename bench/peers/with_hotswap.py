"""hotswap: whole batches on a real metastore, from decoded changes to the confirmed swap, key index included."""

from collections.abc import Callable
from statistics import median
from typing import Any

from bench.peers.job import Done, Job
from bench.table import BenchTable, MakeRewriter, Timed, open_table
from bench.workload import Workload
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.datafiles.split_file import WriteSettings

SMALL_CHANGES = 1_000
SMALL_DAYS = 5


def run(job: Job) -> Done:
    """Workload M's batches, with the in-process rewriter."""
    return measure(job, local(job), lambda table, number: table.publish_batch(table.workload.batch(number)))


def local(job: Job) -> MakeRewriter:
    return lambda tools, temporary: LocalRewriter(tools, temporary, threads=threads_for(job.cores))


def measure(
    job: Job,
    make_rewriter: MakeRewriter,
    publish: Callable[[BenchTable, int], Timed],
    settings: WriteSettings | None = None,
) -> Done:
    """Load the table, publish the batches one after the other; medians of each step over the warm ones."""
    with open_table(job.scratch, Workload(job.rows, job.changed), make_rewriter, settings=settings) as table:
        table.load()
        timed = [publish(table, number) for number in job.batches]
        return Done([item.seconds for item in timed], table.result(), job.batches, "hotswap", details(timed[1:]))


def details(timed: list[Timed]) -> dict[str, Any]:
    steps = {name: round(median(item.steps[name] for item in timed), 4) for name in timed[0].steps}
    merges = [round(item.steps["rewrite"], 4) for item in timed]
    return {"steps": steps, "merge_seconds": merges, "bytes_written": timed[-1].bytes_written}
