"""The figures as a table for a terminal, and as a plot for the docs."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WHAT = {
    "hotswap_batch": "hotswap, whole batch: decoded changes to confirmed swap",
    "hotswap_merge": "hotswap, merge alone",
    "hotswap_int64_batch": "hotswap, whole batch, timestamps as DuckDB writes them",
    "hotswap_int64_merge": "hotswap, merge alone, timestamps as DuckDB writes them",
    "hotswap_spark_batch": "hotswap, whole batch, merge in Spark",
    "hotswap_spark_merge": "hotswap, merge alone, in Spark",
    "duckdb": "DuckDB anti join and partitioned copy",
    "delta_rs": "delta-rs MERGE",
    "spark_rewrite": "Spark anti join and partitioned rewrite",
    "iceberg": "Iceberg copy-on-write MERGE",
    "delta": "Delta MERGE",
    "hudi": "Hudi upsert",
}
OURS, PEERS = "#0b7a75", "#9aa5b1"


def print_all(report: dict[str, Any], console: Console) -> None:
    console.print(_workload(report))
    for name, figure in report.get("not_run", {}).items():
        console.print(f"[yellow]{name} was not run: {figure}")
    if "small_batch" in report:
        console.print(_steps(report["small_batch"]))
    if "swap" in report:
        console.print(_swaps(report["swap"]))
    if "key_index" in report:
        console.print(_index(report["key_index"]))
    if "profile" in report:
        console.print(_profile(report["profile"]))
    if "further" in report:
        console.print(_further(report["further"]))
    if "goals" in report:
        console.print(_goals(report["goals"]))


def _workload(report: dict[str, Any]) -> Table:
    sizes = report["workload"]
    table = Table(title=f"{sizes['rows']:,} rows, {sizes['changes']:,} changes; median seconds, warm")
    for heading, side in (("who", "left"), ("seconds", "right"), ("× hotswap batch", "right"), ("runs", "left")):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    ours = report["workload_m"].get("hotswap_batch")
    for name, seconds in report["workload_m"].items():
        if seconds is not None:
            ratio = f"{seconds / ours:.2f}" if ours else ""
            runs = " ".join(f"{run:.2f}" for run in report["runs"][name])
            table.add_row(WHAT.get(name, name), f"{seconds:.2f}", ratio, runs)
    return table


def _steps(figure: dict[str, Any]) -> Table:
    table = Table(title=f"A small batch, {figure.get('median_seconds', '?')} s from start to confirmed swap")
    table.add_column("step")
    table.add_column("median seconds", justify="right")
    for name, seconds in figure.get("steps", {}).items():
        table.add_row(name, f"{seconds:.3f}")
    return table


def _swaps(swap: dict[str, Any]) -> Table:
    table = Table(title="The swap alone, median seconds (metastore 2.3.10 on Derby)")
    for heading in ("partitions", "one call", "bare call", "overhead", "one by one", "Spark SQL"):
        table.add_column(heading, justify="right")
    for count, figure in swap.items():
        ways = [figure.get(f"{way}_median") for way in ("one_call", "bare_call", "one_by_one", "spark_sql")]
        one, bare, each, spark = ["" if seconds is None else f"{seconds:.3f}" for seconds in ways]
        table.add_row(count, one, bare, f"{figure['overhead']:.1%}", each, spark)
    return table


def _profile(found: dict[str, Any]) -> Table:
    table = Table(title="What bounds the merge of workload M")
    table.add_column("part")
    table.add_column("seconds", justify="right")
    for name, seconds in found["parts"].items():
        table.add_row(f"{name.replace('_', ' ')}, processor seconds", f"{seconds:.2f}")
    table.add_row("merge, on the clock", f"{found['merge_seconds']:.2f}")
    table.add_row("only reading, writing and syncing the bytes", f"{found['floor_seconds']:.2f}")
    return table


def _further(figures: dict[str, Any]) -> Table:
    table = Table(title="Further tables, median seconds of a whole batch")
    for heading in ("table", "rows", "changes", "files written", "batch", "rewrite"):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    for name, figure in figures.items():
        if "not_run" in figure:
            table.add_row(f"{name} was not run: {figure['not_run']}")
            continue
        table.add_row(
            figure["what"],
            f"{figure['rows']:,}",
            f"{figure['changes']:,}",
            f"{figure['files_written']:,}",
            f"{figure['median_seconds']:.2f}",
            f"{figure['steps']['rewrite']:.2f}",
        )
    return table


def _goals(goals: list[dict[str, Any]]) -> Table:
    table = Table(title="Goals")
    for heading in ("goal", "wanted", "found", ""):
        table.add_column(heading)
    said = {True: "[green]met", False: "[red]not met", None: "[dim]not measured"}
    for goal in goals:
        table.add_row(goal["what"], goal["wanted"], goal["found"] or "", said[goal["met"]])
    return table


def _index(figures: list[dict[str, Any]]) -> Table:
    table = Table(title="The key index, after a base and 40 batches of 50,000 changes")
    for heading in ("keys", "bytes a key", "look-ups a second", "seconds a batch", "of a batch", "compaction a batch"):
        table.add_column(heading, justify="right")
    for figure in figures:
        share = figure.get("share_of_a_batch")
        table.add_row(
            f"{figure['keys']:,}",
            f"{figure['bytes_per_key']}",
            f"{figure['lookups_per_second']:,}",
            f"{figure['seconds_a_batch']:.3f}",
            f"{share:.0%}" if share else "",
            f"{figure['compaction_seconds_a_batch']:.3f}",
        )
    return table


def plot(report: dict[str, Any], file: Path) -> None:
    """Bars of the medians of workload M, ours in another colour."""
    import matplotlib as mpl  # noqa: PLC0415 - of the optional extra `bench`

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "hotswap"
    from matplotlib import pyplot  # noqa: PLC0415

    bars = [(WHAT.get(name, name), seconds) for name, seconds in report["workload_m"].items() if seconds is not None]
    bars.reverse()
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(bars) + 1.2))
    colours = [OURS if label.startswith("hotswap") else PEERS for label, _ in bars]
    drawn = axes.barh([label for label, _ in bars], [seconds for _, seconds in bars], color=colours)
    axes.bar_label(drawn, fmt="%.2f s", padding=4)
    sizes = report["workload"]
    axes.set_title(f"{sizes['changes']:,} changes to {sizes['rows']:,} rows in 50 files: median seconds, 2 cores")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    axes.margins(x=0.12)
    figure.tight_layout()
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
