"""python -m bench: measure, print, write bench/results/merge.json, docs/merge.svg, the figures of docs/performance.md.

Each part runs in a process of its own; one that cannot is named with its reason, and the others go on.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from bench import amend, further, goals, index, machine, own_spark, page, profile, show, swap
from bench.contest import CONTESTANTS, Contest, Contestant
from bench.workload import ROWS, Workload
from devservers.paths import cache_folder

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "merge.json"
PLOT = ROOT / "docs" / "merge.svg"
PAGE = ROOT / "docs" / "performance.md"
CORES = 2
SWAPS = (10, 100, 1_000, 10_000)
FURTHER_RUNS = 3
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
    if chosen.amend:
        report = amend.amended(json.loads(RESULTS.read_text()), report)
    if chosen.rows == ROWS and (chosen.amend or not chosen.only):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        show.plot(report, PLOT)
        page.update(PAGE, page.MARKS, page.figures(report))
        console.print(f"written: {', '.join(str(path.relative_to(ROOT)) for path in (RESULTS, PLOT, PAGE))}")
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
    for name, part in _parts(chosen, workload, report["workload_m"].get("hotswap_batch"), console).items():
        if isinstance(part, dict) and "not_run" in part:
            report["not_run"][name] = part["not_run"]
        else:
            report[name] = part
    report["goals"] = goals.plain(report)
    report["machine"]["load_at_end"] = [round(value, 2) for value in os.getloadavg()]
    return report


def _parts(
    chosen: argparse.Namespace, workload: Workload, batch_seconds: float | None, console: Console
) -> dict[str, Any]:
    """What is measured besides the contest."""
    cache = cache_folder() / "bench"
    found: dict[str, Any] = {}
    wanted = [shape for shape in _shapes(chosen) if not chosen.only or {shape.name, "further"} & set(chosen.only)]
    with tempfile.TemporaryDirectory(dir=cache, prefix="run-") as name:
        folder = Path(name)
        if _is_wanted("swap", chosen):
            found["swap"] = _alone("swap", console, swap.measure, folder, tuple(chosen.swaps), chosen.runs)
        if _is_wanted("index", chosen):
            sizes = (workload.rows // 10, workload.rows)
            figures = _alone("index", console, index.of_sizes, folder, sizes, chosen.runs, batch_seconds)
            found["key_index"] = figures.get("figures", figures)
        if _is_wanted("profile", chosen):
            (folder / "profile").mkdir()
            base = workload.base(cache)
            found["profile"] = _alone(
                "profile", console, profile.measure, workload, base, folder / "profile", chosen.runs, CORES
            )
        if wanted:
            runs = min(chosen.runs, FURTHER_RUNS)
            found["further"] = {
                shape.name: _alone(shape.name, console, further.measure, shape, folder, runs, CORES) for shape in wanted
            }
    return found


def _shapes(chosen: argparse.Namespace) -> tuple[further.Shape, ...]:
    return further.shapes(chosen.rows, chosen.times, chosen.tiny)


def _is_wanted(part: str, chosen: argparse.Namespace) -> bool:
    return not chosen.only or part in chosen.only


def _alone(name: str, console: Console, measure: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What `measure` finds in a process of its own, or `not_run` with the reason."""
    console.print(f"{name} …", end=" ")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        done = pool.submit(measure, *arguments)
        failure = done.exception()
    if failure is not None:
        console.print(f"not run: {failure}", markup=False)
        return {"not_run": f"{type(failure).__name__}: {failure}"[:600]}
    found = done.result()
    console.print(found.get("median_seconds", "done"))
    return found


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
    if name not in ("hotswap", "hotswap_int64", "hotswap_spark"):
        return {name: figure["seconds"]}
    return {f"{name}_batch": figure["seconds"], f"{name}_merge": figure["merge_seconds"]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a smaller table, to try the program")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each")
    parser.add_argument("--only", nargs="*", help="some contestants by name, `swap`, `index`, `profile`, `further`")
    parser.add_argument("--times", type=int, default=4, help="how much larger than M the large table is")
    parser.add_argument("--swaps", type=int, nargs="*", default=SWAPS, help="partitions of the swaps measured alone")
    parser.add_argument("--tiny", type=int, default=4_000, help="number of tiny partitions")
    parser.add_argument(
        "--amend",
        action="store_true",
        help="put `swap`, `index`, `profile`, or `further` with `hotswap`, into the last whole report",
    )
    parser.add_argument("--lock", action="store_true", help="renew the checksums of bench/jars.lock")
    return parser


if __name__ == "__main__":
    main()
