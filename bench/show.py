"""The figures as a table for a terminal, and as a plot for the docs."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WHAT = {
    "hotswap_batch": "hotswap, whole batch: decoded changes to confirmed swap",
    "hotswap_merge": "hotswap, merge alone",
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
    for heading in ("partitions", "one call", "one by one", "×"):
        table.add_column(heading, justify="right")
    for count, figure in swap.items():
        one, each = figure["one_call_median"], figure["one_by_one_median"]
        table.add_row(count, f"{one:.3f}", f"{each:.3f}", f"{each / one:.1f}")
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
