"""python -m bench: measure, print, write bench/results/merge.json and docs/merge.svg."""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from bench import index, machine, own_spark, show, swap
from bench.contest import CONTESTANTS, Contest, Contestant
from bench.workload import ROWS, Workload
from devservers.paths import cache_folder

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "merge.json"
PLOT = ROOT / "docs" / "merge.svg"
CORES = 2
SWAPS = (10, 100, 1_000)
BUSY = 0.5  # of a minute's load: above, the figures are not to be quoted


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = _parser().parse_args(arguments)
    if chosen.lock:
        own_spark.lock(cache_folder() / "bench")
        return
    console = Console()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    report = measure(chosen, console)
    show.print_all(report, console)
    if chosen.rows == ROWS and not chosen.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        show.plot(report, PLOT)
        console.print(f"written: {RESULTS.relative_to(ROOT)}, {PLOT.relative_to(ROOT)}")
    else:
        console.print("a trial of a part: nothing is written")


def measure(chosen: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything, in one run."""
    facts = machine.facts(CORES)
    if facts["load_at_start"][0] > BUSY:
        console.print(f"[yellow]the machine is busy (load {facts['load_at_start'][0]}): do not quote these figures")
    workload = Workload(chosen.rows, chosen.rows // 100)
    contest = Contest(workload, cache_folder() / "bench", chosen.runs, CORES)
    wanted = [c for c in CONTESTANTS if not chosen.only or c.name in chosen.only]
    figures = {contestant.name: _held(contest, contestant, console) for contestant in wanted}
    report = {"machine": facts, "workload": {"rows": workload.rows, "changes": workload.changes}} | of_contest(figures)
    with tempfile.TemporaryDirectory(dir=contest.cache, prefix="run-") as folder:
        if not chosen.only or "swap" in chosen.only:
            console.print("the swap alone")
            report["swap"] = _with_medians(swap.measure(Path(folder), SWAPS, chosen.runs))
        if not chosen.only or "index" in chosen.only:
            console.print("the key index")
            sizes = (workload.rows // 10, workload.rows)
            whole = report["workload_m"].get("hotswap_batch")
            report["key_index"] = [
                index.with_share(
                    index.measure(Path(folder), keys, chosen.runs), whole if keys == workload.rows else None
                )
                for keys in sizes
            ]
    report["machine"]["load_at_end"] = [round(value, 2) for value in os.getloadavg()]
    return report


def _held(contest: Contest, contestant: Contestant, console: Console) -> dict[str, Any]:
    console.print(f"{contestant.name} …", end=" ")
    figure = contest.hold(contestant)
    console.print(figure.get("median_seconds", figure.get("not_run")))
    return figure


def of_contest(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Medians and runs of workload M by name, the small batch, and who could not be run."""
    runs: dict[str, list[float]] = {}
    for name, figure in figures.items():
        if "not_run" not in figure and name != "hotswap_small":
            runs |= _runs(name, figure)
    report: dict[str, Any] = {
        "workload_m": {name: round(median(seconds), 4) for name, seconds in runs.items()},
        "runs": runs,
        "details": figures,
        "not_run": {name: figure["not_run"] for name, figure in figures.items() if "not_run" in figure},
    }
    if "not_run" not in figures.get("hotswap_small", {"not_run": ""}):
        report["small_batch"] = figures["hotswap_small"]
    return report


def _runs(name: str, figure: dict[str, Any]) -> dict[str, list[float]]:
    if name not in ("hotswap", "hotswap_spark"):
        return {name: figure["seconds"]}
    return {f"{name}_batch": figure["seconds"], f"{name}_merge": figure["merge_seconds"]}


def _with_medians(measured: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, Any]]:
    return {
        count: {**runs, **{f"{name}_median": median(seconds) for name, seconds in runs.items()}}
        for count, runs in measured.items()
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a smaller table, to try the program")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each")
    parser.add_argument("--only", nargs="*", help="some contestants by name, `swap`, `index`")
    parser.add_argument("--lock", action="store_true", help="renew the checksums of bench/jars.lock")
    return parser


if __name__ == "__main__":
    main()
