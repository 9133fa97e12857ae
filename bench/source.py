"""python -m bench.source: how fast the HBase source scans, re-reads and polls, and how fresh the Hive table is.

On the one-JVM HBase of devservers (with Java's optimising compiler switched on). Scans stand beside the HBase Java
client's own scan of the same table in the same run, driven through py4j, which costs it one call a thousand rows.
Client and server share the machine's cores, Java's client even the process. A run of the full size writes
bench/results/source.json and the figures of docs/performance.md.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import freshness, machine, page, page_source, polls, reread, scans, source_goals, triggers
from bench.__main__ import BUSY, PAGE, ROOT
from bench.source_tables import NAMES, FastHBase, make, wide_cells

RESULTS = ROOT / "bench" / "results" / "source.json"
ROWS, LONG_ROWS, RUNS, SECONDS = 100_000, 1_000_000, 5, 20.0
RATES = (100, 1_000)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = _parser().parse_args(arguments)
    console = Console()
    report: dict[str, Any] = {"machine": machine.facts(os.cpu_count() or 1)}
    if report["machine"]["load_at_start"][0] > BUSY:
        console.print(f"[yellow]the machine is busy (load {report['machine']['load_at_start'][0]}): do not quote this")
    with tempfile.TemporaryDirectory() as folder, FastHBase.start(Path(folder)) as hbase:
        report["machine"]["versions"]["hbase"] = hbase.version
        report |= measure(hbase, chosen, console)
    report["goals"] = source_goals.plain(report)
    report["machine"]["load_at_end"] = [round(value, 2) for value in os.getloadavg()]
    source_goals.print_all(report, console)
    if (chosen.rows, chosen.long_rows, chosen.runs, chosen.seconds) == (ROWS, LONG_ROWS, RUNS, SECONDS):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        page.update(PAGE, page_source.MARKS, page_source.figures(report))
        console.print(f"written: {RESULTS.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
    else:
        console.print("a trial: nothing is written")


def measure(hbase: FastHBase, chosen: argparse.Namespace, console: Console) -> dict[str, Any]:
    """One part after the other, each on a table of its own."""
    console.print(f"loading {chosen.rows} rows of {len(NAMES)} cells …")
    make(hbase, "wide", chosen.rows, 2, wide_cells)
    report: dict[str, Any] = {"rows": chosen.rows, "cells": chosen.rows * len(NAMES)}
    report["scan"] = scans.measure(hbase, "wide", chosen.rows, chosen.runs, console)
    report["limit"] = reread.measure(hbase, "regions", chosen.rows // 2, console)
    report["polls"] = {
        str(rows): polls.measure(hbase, f"long{rows}", rows, console)
        for rows in (chosen.long_rows // 10, chosen.long_rows)
    }
    console.print("polls of a still table …")
    report["triggers"] = triggers.measure(hbase, _folder(hbase, "triggers"))
    console.print(f"changes at {RATES} a second …")
    report["freshness"] = freshness.measure(hbase, hbase.base, chosen.rows // 2, RATES, chosen.seconds)
    return report


def _folder(hbase: FastHBase, name: str) -> Path:
    folder = hbase.base / name
    folder.mkdir()
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.source", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a smaller table, to try the program")
    parser.add_argument("--long-rows", type=int, default=LONG_ROWS, help="rows of the table that is polled")
    parser.add_argument("--runs", type=int, default=RUNS, help="warm runs of each scan")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of steady changes, at each rate")
    return parser


if __name__ == "__main__":
    main()
