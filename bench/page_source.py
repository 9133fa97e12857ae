"""The source's figures as tables, for docs/performance.md and the terminal: from bench/results/source.json alone."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from bench.page import goal_rows, machine_line, titled

MARKS = ("<!-- source: written by `make bench-source` -->", "<!-- end of source -->")
SHOWN = {
    "java": "HBase's Java client, a scan",
    "java_raw": "HBase's Java client, a raw scan",
    "java_filtered": "HBase's Java client, a scan with the filter and columns of hotswap's re-read",
    "dirty_keys_1_task": "hotswap's search of dirty keys, 1 task",
    "dirty_keys_2_tasks": "the same, 2 tasks",
    "reread_1_task": "hotswap's re-read, decoded into columns, 1 task",
    "reread_2_tasks": "the same, 2 tasks",
    "reread_loader": "the same, 1 process of 4 threads, as the loader reads",
    "rpc_dirty_keys_1_task": "by HBase's own RPC: the search of dirty keys, 1 task",
    "rpc_dirty_keys_2_tasks": "the same, 2 tasks",
    "rpc_reread_1_task": "by HBase's own RPC: the re-read, 1 task",
    "rpc_reread_2_tasks": "the same, 2 tasks",
    "rpc_reread_loader": "the same, 1 process of 4 threads",
}
PLACES = {"in_memory": "in memory", "flushed": "after a flush", "compacted": "after a major compaction"}
Shown = tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]
"""Title, heads, rows."""


def figures(report: dict[str, Any]) -> str:
    """All of them in Markdown."""
    return machine_line(report["machine"]) + "".join(titled(*table) for table in tables(report))


def tables(report: dict[str, Any]) -> Iterator[Shown]:
    heads = ("goal", "wanted", "found", "")
    yield "Goals of the source", heads, goal_rows(report["goals"])
    yield _scans(report)
    yield _polls(report["polls"])
    yield _triggers(report["triggers"])
    yield from _limits(report["limit"])
    yield from _freshness(report["freshness"])


def _scans(report: dict[str, Any]) -> Shown:
    heads = (
        "who",
        "cells a second",
        "rows a second",
        "× Java",
        "× Java a core",
        "cells a processor second of the tasks",
        "of all processor time, the server's",
        "runs, s",
    )
    rows = [
        (
            SHOWN[name],
            f"{figure['cells_s']:,}",
            f"{figure['rows_s']:,}",
            f"{figure['of_java']:.2f}",
            f"{figure['of_java_a_core']:.2f}",
            f"{figure['cells_task_processor_s']:,}" if "cells_task_processor_s" in figure else "",
            f"{servers_share(figure):.0%}" if "cells_task_processor_s" in figure else "",
            _listed(figure["seconds"], ".2f"),
        )
        for name, figure in report["scan"].items()
    ]
    return f"All {report['rows']:,} rows of {report['cells'] // report['rows']} cells", heads, rows


def servers_share(figure: dict[str, Any]) -> float:
    """What of the processor seconds of a row, the server's and the tasks', is the server's."""
    row_s = 1 / figure["rows_processor_s"]
    task_s = figure["cells_s"] / figure["rows_s"] / figure["cells_task_processor_s"]
    return 1 - float(task_s / row_s)


def _polls(polls: dict[str, Any]) -> Shown:
    rows = []
    for size, figure in polls.items():
        parts = {"idle": "nothing changed", "look": "the idle check"}
        for place, said in PLACES.items():
            changed = f"{figure['changed']} changed rows {said}"
            parts |= {f"changed_{place}": f"{changed}: found", f"reread_{place}": f"{changed}: read again"}
            parts[f"whole_{place}"] = f"{changed}: both"
        parts |= {f"rpc_{name}": f"{said}, by HBase's own RPC" for name, said in parts.items()}
        rows += [
            (
                f"{int(size):,}",
                said,
                f"{1000 * median(figure[name]):.{decimals(name)}f}",
                _listed([1000 * s for s in figure[name]], f".{decimals(name)}f"),
            )
            for name, said in parts.items()
            if name in figure
        ]
    return "A poll", ("rows", "what", "median ms", "runs, ms"), rows


def decimals(name: str) -> int:
    """A look takes less than a millisecond or a few."""
    return 1 if name.endswith("look") or name.startswith("rpc_") else 0


def _triggers(triggers: dict[str, Any]) -> Shown:
    said = {"loader": "the loader's stream over a still table", "spark": "a Python source with nothing to do"}
    rows = [
        (said[who], f"{one['median_ms']:.0f}", f"{one['mean_ms']}", _listed(one["ms"], "d"))
        for who, one in triggers.items()
    ]
    return (
        "A trigger of Spark's that finds nothing, polling once a second",
        ("whose", "median, ms", "mean, ms", "runs, ms"),
        rows,
    )


def _limits(limit: dict[str, Any]) -> Iterator[Shown]:
    ways = ("gets", "scan", "gets_processor", "scan_processor")
    for name, where, title in (
        ("scattered_ms", "a_region", f"Gets or a filtered scan, keys scattered over {limit['regions']} regions"),
        ("one_region_ms", "keys", "Gets or a filtered scan, keys in one region"),
    ):
        rows = [(keys, *(f"{ms[way]:.1f}" for way in ways)) for keys, ms in limit[name].items()]
        said = f"{title}; the reader scans from {limit['set'][where]} on"
        yield said, ("keys a region", "Gets, ms", "scan, ms", "Gets, ms of processors", "scan, the same"), rows


def _freshness(fresh: dict[str, Any]) -> Iterator[Shown]:
    rates = fresh["rates"]
    rows = [
        (f"{int(rate):,}", f"{one['changes']:,}", f"{one['batches']}", f"{one['p50_ms']:,}", f"{one['p99_ms']:,}")
        for rate, one in rates.items()
    ]
    heads = ("changes a second", "changes", "batches", "p50, ms", "p99, ms")
    yield f"From a put to the confirmed swap, {fresh['rows']:,} rows in {fresh['days']} partitions", heads, rows
    steps = dict.fromkeys(step for one in rates.values() for step in one["step_ms"])
    by_step = [
        (step.replace("_", " "), *(f"{one['step_ms'].get(step, 0)}" for one in rates.values())) for step in steps
    ]
    yield "The same by step, median ms", ("step", *(f"at {int(rate):,} a second" for rate in rates)), by_step


def _listed(numbers: Iterable[float], form: str) -> str:
    return " ".join(format(number, form) for number in numbers)
