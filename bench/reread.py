"""Gets or a filtered scan: which reads so many keys of a region sooner, and so where the reader should change over.

`loader.sources.reader.Few` holds the answer: `keys` for one region, `a_region` for keys scattered over many.
"""

import time
from collections.abc import Sequence
from statistics import mean, median
from typing import Any

from rich.console import Console

from bench.source_tables import WIDE, FastHBase, key_of, make, ways, wide_cells
from loader.sources.hbase.connect import connector
from loader.sources.hbase.reread import Few, HBaseRowReader

REGIONS = 40
A_REGION = (1, 2, 5, 10, 20, 40, 80)
IN_ONE = (10, 25, 50, 100, 200, 400)
WAYS = {"gets": Few(keys=1 << 30), "scan": Few(keys=0, a_region=0)}
RUNS = 7


def measure(hbase: FastHBase, table: str, rows: int, console: Console) -> dict[str, Any]:
    """Ms of both ways by keys a region, over all regions of a table and within one; and the first that favours
    the scan from there on.
    """
    make(hbase, table, rows, REGIONS, wide_cells)
    size = rows // REGIONS
    scattered = {keys: _spread(0, REGIONS, size, keys) for keys in A_REGION if keys <= size}
    single = {keys: _spread(REGIONS // 2, 1, size, keys) for keys in IN_ONE if keys <= size}
    over_regions = {str(keys): _both(hbase, table, numbers) for keys, numbers in scattered.items()}
    in_one = {str(keys): _both(hbase, table, numbers) for keys, numbers in single.items()}
    found = {
        "rows": rows,
        "regions": REGIONS,
        "runs": RUNS,
        "scattered_ms": over_regions,
        "one_region_ms": in_one,
        "scan_from": {"keys": crossing(in_one), "a_region": crossing(over_regions)},
        "set": {"keys": Few().keys, "a_region": Few().a_region},
    }
    console.print(found)
    return found


def crossing(figures: dict[str, dict[str, float]]) -> int | None:
    """The fewest keys from which on the scan is never slower. None: it always is at the end."""
    first = None
    for keys, figure in reversed(figures.items()):
        if figure["scan"] > figure["gets"]:
            break
        first = int(keys)
    return first


def _spread(region: int, regions: int, size: int, keys: int) -> list[int]:
    """Row numbers: so many in each of the regions, evenly."""
    starts = range(region * size, (region + regions) * size, size)
    return [start + size * number // keys for start in starts for number in range(keys)]


def _both(hbase: FastHBase, table: str, numbers: Sequence[int]) -> dict[str, float]:
    """Median ms of each way on the clock, and mean ms of processors, those of client and server together."""
    keys = [key_of(number) for number in numbers]
    readers = {way: HBaseRowReader(connector(ways(hbase)["thrift"]), table, WIDE, few=few) for way, few in WAYS.items()}
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(RUNS + 1):
        for way, reader in readers.items():
            started, used = time.perf_counter(), hbase.processor_seconds + time.process_time()
            if len(reader.read(keys, 0).rows) != len(keys):
                raise AssertionError(f"{way} did not find {len(keys)} rows")
            used = hbase.processor_seconds + time.process_time() - used
            runs[way].append((1000 * (time.perf_counter() - started), 1000 * used))
    clock = {way: round(median(taken for taken, _ in done[1:]), 1) for way, done in runs.items()}
    processor = {f"{way}_processor": round(mean(used for _, used in done[1:]), 1) for way, done in runs.items()}
    return clock | processor
