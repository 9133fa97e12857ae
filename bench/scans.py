"""Scan and re-read of a whole table from one and two tasks, beside the HBase Java client's own scan of it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console

from bench.source_tables import NAMES, WIDE, FastHBase, key_of, ways
from loader.sources.hbase.access.where import Where
from loader.sources.hbase.chunked import ChunkedReader
from loader.sources.hbase.connect import connector
from loader.sources.hbase.dirty_keys import DIRTY
from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.hbase.scan import KeySpan, scan_part
from loader.sources.hbase.windows import Window
from loader.wiring.source import READ_THREADS

NO_END = 1 << 62
WARM = 2
"""Runs before those that count: Java compiles meanwhile."""
Done = tuple[int, float]
"""Rows, and processor seconds of the tasks (none of Java, whose client is in the server's process)."""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds on the clock, and of processors: the tasks' alone, and the server's with them."""

    seconds: float
    tasks: float
    both: float


def measure(hbase: FastHBase, table: str, rows: int, runs: int, console: Console) -> dict[str, Any]:
    """Of each: seconds of all warm runs, and by their medians the speeds; also as a share of the Java client's scan, by
    the clock and a processor second of both sides. The search of dirty keys sees every cell, as a raw scan does.
    """
    found: dict[str, Any] = {}
    keys = [key_of(number) for number in range(rows)]
    with _pool(1) as one, _pool(2) as two:
        contestants: dict[str, Callable[[], Done]] = {
            "java": lambda: (hbase.java_scan(table, raw=False), 0.0),
            "java_raw": lambda: (hbase.java_scan(table, raw=True), 0.0),
            "java_filtered": lambda: (hbase.java_reread(table, keys), 0.0),
        }
        for way, where in ways(hbase).items():
            contestants |= _of_way(way, where.text(), one, two, table, rows)
        for name, contestant in contestants.items():
            found[name] = _figure([_timed(hbase, name, contestant, rows) for _ in range(runs + WARM)][WARM:], rows)
            console.print(name, found[name])
    for name, figure in found.items():
        against = found["java_raw" if "dirty" in name else "java"]
        figure["of_java"] = round(figure["rows_s"] / against["rows_s"], 2)
        figure["of_java_a_core"] = round(figure["rows_processor_s"] / against["rows_processor_s"], 2)
    return found


def _of_way(
    way: str, where: str, one: ProcessPoolExecutor, two: ProcessPoolExecutor, table: str, rows: int
) -> dict[str, Callable[[], Done]]:
    """By name; those of HBase's own RPC begin with `rpc_`."""
    head = "" if way == "thrift" else f"{way}_"
    return {
        f"{head}dirty_keys_1_task": lambda: _in_tasks(one, 1, _scan, where, table, rows),
        f"{head}dirty_keys_2_tasks": lambda: _in_tasks(two, 2, _scan, where, table, rows),
        f"{head}reread_1_task": lambda: _in_tasks(one, 1, _read, where, table, rows),
        f"{head}reread_2_tasks": lambda: _in_tasks(two, 2, _read, where, table, rows),
        f"{head}reread_loader": lambda: _in_tasks(one, 1, _read_as_loader, where, table, rows),
    }


def _timed(hbase: FastHBase, name: str, contestant: Callable[[], Done], rows: int) -> Run:
    used, started = hbase.processor_seconds, time.perf_counter()
    found, tasks = contestant()
    seconds = time.perf_counter() - started
    if found != rows:
        raise AssertionError(f"{name} found {found} rows, not {rows}")
    return Run(seconds, tasks, hbase.processor_seconds - used + tasks)


def _figure(runs: Sequence[Run], rows: int) -> dict[str, Any]:
    typical, tasks = median(run.seconds for run in runs), median(run.tasks for run in runs)
    figure: dict[str, Any] = {"seconds": [round(run.seconds, 3) for run in runs], "rows_s": round(rows / typical)}
    figure["cells_s"] = round(rows * len(NAMES) / typical)
    figure["rows_processor_s"] = round(rows / max(0.01, median(run.both for run in runs)))
    if tasks:
        figure["cells_task_processor_s"] = round(rows * len(NAMES) / tasks)
    return figure


def _pool(tasks: int) -> ProcessPoolExecutor:
    """Warm processes, as Spark's tasks are."""
    return ProcessPoolExecutor(tasks, mp_context=get_context("spawn"))


def _in_tasks(
    pool: ProcessPoolExecutor,
    tasks: int,
    part: Callable[[str, str, int, int], Done],
    where: str,
    table: str,
    rows: int,
) -> Done:
    borders = [rows * number // tasks for number in range(tasks + 1)]
    done = list(pool.map(part, [where] * tasks, [table] * tasks, borders[:-1], borders[1:]))
    return sum(found for found, _ in done), sum(used for _, used in done)


def _scan(where: str, table: str, start: int, stop: int) -> Done:
    """Every row of the part is dirty, and every cell is hashed."""
    used = time.process_time()
    with connector(Where.of_text(where))() as hbase:
        window = Window(0, NO_END, True, 0)
        batches = scan_part(hbase, table, WIDE.families, KeySpan(key_of(start), key_of(stop)), window)
        found = sum(int((np.asarray(batch["kind"]) == DIRTY).sum()) for batch in batches)
    return found, time.process_time() - used


def _read(where: str, table: str, start: int, stop: int) -> Done:
    return _read_in_threads(where, table, range(start, stop), 1)


def _read_as_loader(where: str, table: str, start: int, stop: int) -> Done:
    """In one process too, in which threads wait for HBase side by side."""
    return _read_in_threads(where, table, range(start, stop), READ_THREADS)


def _read_in_threads(where: str, table: str, numbers: range, threads: int) -> Done:
    """Decoded and placed, as a batch takes them."""
    keys = pa.array([key_of(number) for number in numbers], pa.binary())
    used = time.process_time()
    reader = ChunkedReader(HBaseRowReader(connector(Where.of_text(where)), table, WIDE), threads)
    found = len(reader.read(keys, 0).rows)
    return found, time.process_time() - used
