"""Further tables, in the form of workload M: where changes, rows, columns and partitions lie otherwise."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.table import ROWS_LOADED_AT_ONCE, TWO_FILES_A_DAY, BenchTable, open_table
from bench.truth import check
from bench.workload import Batch, Workload
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.storage.local import CAN, SYNCS_AT_ONCE, LocalFiles, local_path
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules

COPIES = replace(CAN, hard_links=False)


class CopyingFiles(LocalFiles):
    """A file system without hard links, as HDFS. To be given `can=COPIES`."""

    def link(self, source: str, final: str) -> None:
        self._copy(local_path(source), local_path(final))


@dataclass(frozen=True, slots=True)
class Shape:
    """One further table. Each batch has `changes`, in the first `days` partitions."""

    name: str
    what: str
    workload: Workload
    changes: int
    days: int
    rules: PlanRules = TWO_FILES_A_DAY
    files: LocalFiles = field(default_factory=lambda: LocalFiles(parallel_syncs=SYNCS_AT_ONCE))
    format: str = "parquet"


EIGHT_FILES = PlanRules(SizingRules(bytes_per_file=1 << 20, rows_before_measured=25_000))
WIDE_FILES = PlanRules(SizingRules(bytes_per_file=8 << 20, rows_before_measured=10_000))
MORE_COLUMNS = 189  # 200 in all


def shapes(rows: int, times: int, tiny: int) -> tuple[Shape, ...]:
    """`rows`: of workload M. `times`: how much larger the large table is. `tiny`: number of tiny partitions."""
    m = Workload(rows, rows // 100)
    large = Workload(rows * times, rows // 100, m.partitions * times)
    small = Workload(tiny * 10, tiny // 20, tiny)
    few = 2 * m.partitions
    return (
        Shape("one_partition", "all changes in one of 25 partitions", m, rows // 250, 1),
        Shape("large", f"{times} × the rows, the same 50 files touched", large, m.changes, m.partitions),
        Shape(
            "wide", "200 columns", Workload(rows // 10, rows // 1000, 25, MORE_COLUMNS), rows // 1000, 25, WIDE_FILES
        ),
        Shape("tiny", f"{tiny:,} tiny partitions, a twentieth touched", small, small.changes, max(tiny // 20, 1)),
        Shape("orc", "workload M in ORC", m, m.changes, m.partitions, format="orc"),
        Shape("linked", "200 files, few of them touched, the others linked", m, few, 25, EIGHT_FILES),
        Shape(
            "copied",
            "the same, copied as on HDFS",
            m,
            few,
            25,
            EIGHT_FILES,
            CopyingFiles(parallel=4, parallel_syncs=SYNCS_AT_ONCE, can=COPIES),
        ),
    )


def measure(shape: Shape, folder: Path, runs: int, cores: int) -> dict[str, Any]:
    """Load the table, publish the batches one after the other, compare all rows with the truth. Raises Wrong."""
    workload = shape.workload
    batches = [workload.batch(number, shape.changes, shape.days) for number in range(runs + 1)]
    scratch = folder / shape.name
    scratch.mkdir()
    with open_table(
        scratch,
        workload,
        lambda tools, temporary: LocalRewriter(tools, temporary, threads_for(cores)),
        shape.rules,
        shape.files,
        shape.format,
    ) as table:
        table.load()
        gc.collect()
        timed = [table.publish_batch(batch) for batch in batches]
        compared = sum(_compare(table, batches))
    warm = timed[1:]
    return {
        "what": shape.what,
        "rows": workload.rows,
        "columns": len(workload.columns),
        "partitions": workload.partitions,
        "changes": shape.changes,
        "median_seconds": round(median(item.seconds for item in warm), 4),
        "seconds": [round(item.seconds, 4) for item in warm],
        "steps": {name: round(median(item.steps[name] for item in warm), 4) for name in warm[0].steps},
        "files_written": warm[-1].files_written,
        "bytes_written": warm[-1].bytes_written,
        "rows_compared": compared,
    }


def _compare(table: BenchTable, batches: list[Batch]) -> Iterator[int]:
    """Some partitions at a time: a large table's truth would not fit into memory."""
    workload, places = table.workload, table.places()
    step = max(workload.partitions * ROWS_LOADED_AT_ONCE // workload.rows, 1)
    for first in range(0, workload.partitions, step):
        days = np.arange(first, min(first + step, workload.partitions))
        yield check(workload.expected(batches, days), [places[workload.days[day]] for day in days])
