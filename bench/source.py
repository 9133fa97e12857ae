"""python -m bench.source: how fast the HBase source scans and re-reads, beside the HBase Java client in the same run.

One table of ROWS rows and ten columns on the one-JVM HBase of devservers (with Java's optimising compiler switched on).
Java's figure is its own scan of that table, driven through py4j, which costs it one call a thousand rows. Client and
server share the machine's cores, Java's client even the process. Writes bench/results/source.json.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from bench import freshness, machine
from devservers import fetch
from devservers.hbase import HBase
from devservers.hbase_conf import JAVA_OPTIONS, PROPERTIES, site
from devservers.jvm import Jvm
from devservers.site import write_conf
from loader.mapping import Mapping
from loader.sources.reader import RowReader
from loader.sources.scan import scan_window
from loader.sources.thrift2 import Endpoint, TColumnValue, Thrift2, TPut
from loader.sources.windows import Window

RESULTS = Path(__file__).resolve().parent / "results" / "source.json"
ROWS, LONG_ROWS, CHANGED = 100_000, 1_000_000, 200
NAMES = [f"c{number}" for number in range(10)]
KINDS = ["string", "bigint", "string", "int", "string", "bigint", "double", "string", "string", "string"]
BINARY = {"bigint": 8, "int": 4, "double": 8}
MAPPING = Mapping.build(
    {"id": "string", **dict(zip(NAMES, KINDS, strict=True))},
    ":key," + ",".join(f"d:{name}{'#b' if kind in BINARY else ''}" for name, kind in zip(NAMES, KINDS, strict=True)),
)
LONG = Mapping.build({"id": "string", "c0": "string"}, ":key,d:c0")
BATCH = 2_000
NO_END = 1 << 62
RATES = (100, 1_000)


class FastHBase(HBase):
    """As in the tests, but compiled for speed, and with room for a million rows."""

    def _launch(self) -> Jvm:
        conf = write_conf(self.base / "conf", "hbase-site", site(self.base, self.ports) | self.settings)
        slow = ("-Xmx512m", "-XX:TieredStopAtLevel=1")
        options = [option for option in JAVA_OPTIONS if option not in slow] + ["-Xmx2g"]
        properties = PROPERTIES | {"java.io.tmpdir": str(conf)}
        return Jvm.launch("HBase", [str(conf), f"{fetch.fetch_all()}/*"], self.base / "hbase.log", options, properties)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m bench.source", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a smaller table, to try the program")
    parser.add_argument("--long-rows", type=int, default=LONG_ROWS, help="rows of the table that is polled")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args(arguments)
    console = Console()
    facts = machine.facts(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder, FastHBase.start(Path(folder)) as hbase:
        report = {"machine": facts} | measure(hbase, chosen, console)
    report["machine"]["load_at_end"] = [round(value, 2) for value in os.getloadavg()]
    console.print_json(json.dumps({name: value for name, value in report.items() if name != "machine"}))
    if (chosen.rows, chosen.long_rows) == (ROWS, LONG_ROWS):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        console.print(f"written: {RESULTS.name}")


def measure(hbase: HBase, chosen: argparse.Namespace, console: Console) -> dict[str, Any]:
    hbase.create_table("wide", ["d"], splits=[_key(chosen.rows // 2)])
    console.print(f"loading {chosen.rows} rows of {len(NAMES)} cells …")
    load(hbase, "wide", chosen.rows, _wide)
    hbase.flush("wide")
    report = {"rows": chosen.rows, "cells": chosen.rows * len(NAMES)}
    report["scan"] = scans(hbase, chosen.rows, chosen.runs, console)
    report["polls"] = polls(hbase, chosen.long_rows, console)
    console.print(f"changes at {RATES} a second …")
    report["freshness"] = freshness.measure(hbase, hbase.base, chosen.rows // 2, RATES, seconds=12.0)
    return report


# Scan and re-read


def scans(hbase: HBase, rows: int, runs: int, console: Console) -> dict[str, Any]:
    """Seconds of the best run, cells and rows a second, and each as a share of the Java client's."""
    contestants: dict[str, Callable[[], int]] = {
        "java": lambda: java_scan(hbase, "wide", raw=False),
        "java_raw": lambda: java_scan(hbase, "wide", raw=True),
        "dirty_keys_1_task": lambda: in_tasks(_scan_part, hbase, rows, 1),
        "dirty_keys_2_tasks": lambda: in_tasks(_scan_part, hbase, rows, 2),
        "reread_1_task": lambda: in_tasks(_read_part, hbase, rows, 1),
        "reread_2_tasks": lambda: in_tasks(_read_part, hbase, rows, 2),
    }
    found: dict[str, Any] = {}
    for name, contestant in contestants.items():
        seconds = []
        for _ in range(runs + 1):
            started = time.perf_counter()
            if contestant() != rows:
                raise AssertionError(f"{name} did not find {rows} rows")
            seconds.append(time.perf_counter() - started)
        best = median(seconds[1:])
        found[name] = {"seconds": [round(each, 3) for each in seconds[1:]], "rows_s": round(rows / best)}
        found[name]["cells_s"] = round(rows * len(NAMES) / best)
        console.print(name, found[name])
    for name, figure in found.items():
        against = found["java_raw" if name.startswith("dirty") else "java"]
        figure["of_java"] = round(figure["rows_s"] / against["rows_s"], 2)
    return found


def java_scan(hbase: HBase, table: str, raw: bool) -> int:
    """Rows that the Java client's scanner hands out, a thousand a call."""
    client = hbase._inside.hadoop.hbase.client
    scan = client.Scan().setCaching(1000).setCacheBlocks(False)
    scan.setRaw(raw)
    opened = hbase._inside.connection.getTable(hbase._name(table))
    scanner = opened.getScanner(scan)
    rows = 0
    while got := len(scanner.next(1000)):
        rows += got
    scanner.close()
    opened.close()
    return rows


_pools: dict[int, ProcessPoolExecutor] = {}


def in_tasks(part: Callable[[str, int, int], int], hbase: HBase, rows: int, tasks: int) -> int:
    """In so many warm processes, as Spark's tasks are."""
    pool = _pools.setdefault(tasks, ProcessPoolExecutor(tasks))
    borders = [rows * number // tasks for number in range(tasks + 1)]
    return sum(pool.map(part, [hbase.thrift] * tasks, borders[:-1], borders[1:]))


def _scan_part(thrift: str, start: int, stop: int) -> int:
    from loader.sources.dirty import DIRTY  # noqa: PLC0415
    from loader.sources.scan import Part, scan_part  # noqa: PLC0415

    with Thrift2(Endpoint.parse(thrift)) as client:
        window = Window(0, NO_END, True, 0)
        batches = scan_part(client, "wide", MAPPING.families, Part(_key(start), _key(stop)), window)
        return sum(int((np.asarray(batch["kind"]) == DIRTY).sum()) for batch in batches)


def _read_part(thrift: str, start: int, stop: int) -> int:
    reader = RowReader(lambda: Thrift2(Endpoint.parse(thrift)), "wide", MAPPING)
    keys = [_key(number) for number in range(start, stop)]
    return sum(len(read.rows) for read in reader.read_chunks(keys, 0, chunk=50_000))


# Polls


def polls(hbase: HBase, rows: int, console: Console) -> dict[str, Any]:
    """Seconds of a poll: nothing changed, CHANGED rows changed (in memory, flushed, compacted), and their re-read."""
    console.print(f"loading {rows} rows of one cell …")
    hbase.create_table("long", ["d"], splits=[_key(rows // 2)])
    load(hbase, "long", rows, lambda number: {b"c0": b"value %d" % number})
    hbase.flush("long")
    since = _now()
    found: dict[str, Any] = {"rows": rows, "changed": CHANGED, "idle": _times(lambda: _poll(hbase, since)[0] == 0)}
    load(hbase, "long", CHANGED, lambda number: {b"c0": b"new"}, key=lambda number: _key(number * (rows // CHANGED)))
    reread = RowReader(lambda: Thrift2(Endpoint.parse(hbase.thrift)), "long", LONG)
    found["changed_in_memory"] = _times(lambda: _poll(hbase, since)[0] == CHANGED)
    keys = _poll(hbase, since)[1]
    found["reread"] = _times(lambda: len(reread.read(keys, 0).rows) == CHANGED)
    hbase.flush("long")
    found["changed_flushed"] = _times(lambda: _poll(hbase, since)[0] == CHANGED)
    found["reread_flushed"] = _times(lambda: len(reread.read(keys, 0).rows) == CHANGED)
    hbase.major_compact("long")
    found["changed_compacted"] = _times(lambda: _poll(hbase, since)[0] == CHANGED)
    return found


def _poll(hbase: HBase, since: int) -> tuple[int, list[bytes]]:
    found = scan_window(
        lambda: Thrift2(Endpoint.parse(hbase.thrift)), "long", LONG.families, Window(since, _now(), False, since)
    )
    keys: list[bytes] = found.keys.to_pylist()
    return len(keys), keys


def _times(action: Callable[[], bool], runs: int = 5) -> list[float]:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        if not action():
            raise AssertionError("a poll found something else than was changed")
        seconds.append(round(time.perf_counter() - started, 4))
    return seconds


# Loading


def load(
    hbase: HBase,
    table: str,
    rows: int,
    cells: Callable[[int], dict[bytes, bytes]],
    key: Callable[[int], bytes] = lambda number: b"row%09d" % number,
) -> None:
    with Thrift2(Endpoint.parse(hbase.thrift)) as client:
        for start in range(0, rows, BATCH):
            puts = [_put(key(number), cells(number)) for number in range(start, min(start + BATCH, rows))]
            client.put_multiple(table, puts)


def _put(key: bytes, cells: dict[bytes, bytes]) -> Any:
    values = [TColumnValue(family=b"d", qualifier=name, value=value) for name, value in cells.items()]
    return TPut(row=key, columnValues=values)


def _wide(number: int) -> dict[bytes, bytes]:
    return {
        name.encode(): number.to_bytes(BINARY[kind], "big") if kind in BINARY else b"value %d" % number
        for name, kind in zip(NAMES, KINDS, strict=True)
    }


def _key(number: int) -> bytes:
    return b"row%09d" % number


def _now() -> int:
    return time.time_ns() // 1_000_000 + 1


if __name__ == "__main__":
    main()
