"""What the source wants to reach, whether a report shows it, and the report as tables for a terminal."""

from collections.abc import Iterator
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import page_source
from bench.goals import Goal

OF_JAVA = 0.5
RPC_OF_JAVA = 1.0
OF_SPARK = 1.0
POLL_SECONDS = 1.0
POLL_RATIO = 1.5
"""A poll of a table ten times as large: independent of its size, but for the unrest of milliseconds."""


def goals(report: dict[str, Any]) -> Iterator[Goal]:
    """Every goal of the source."""
    for what, name in (("dirty keys", "dirty_keys_1_task"), ("re-read", "reread_1_task")):
        share = report["scan"][name]["of_java"]
        yield Goal(f"{what}, one task against the Java client's scan", f"≥ {OF_JAVA} ×", f"{share} ×", share >= OF_JAVA)
    yield from _own_rpc(report)
    small, large = (median(figure["whole_flushed"]) for figure in report["polls"].values())
    rows = [int(size) for size in report["polls"]]
    yield Goal(
        f"200 changed of {rows[1]:,} rows found and read again, after a flush",
        f"< {POLL_SECONDS:g} s",
        f"{large:.3f} s",
        large < POLL_SECONDS,
    )
    yield Goal(
        f"the same against a table of {rows[0]:,} rows",
        f"≤ {POLL_RATIO:g} ×",
        f"{large / small:.2f} ×",
        large / small <= POLL_RATIO,
    )
    loader, spark = (report["triggers"][who]["mean_ms"] for who in ("loader", "spark"))
    yield Goal(
        "a trigger over a still table against Spark's own, means",
        f"≤ {OF_SPARK:g} ×",
        f"{loader / spark:.2f} ×",
        loader <= OF_SPARK * spark,
    )


def _own_rpc(report: dict[str, Any]) -> Iterator[Goal]:
    """Of what is read without a Thrift server; a report of before has none of it."""
    scan = report["scan"]
    if "rpc_dirty_keys_1_task" not in scan:
        return
    share = scan["rpc_dirty_keys_1_task"]["of_java"]
    yield Goal("the same by HBase's own RPC: dirty keys", f"≥ {RPC_OF_JAVA:g} ×", f"{share} ×", share >= RPC_OF_JAVA)
    filtered = round(scan["rpc_reread_1_task"]["rows_s"] / scan["java_filtered"]["rows_s"], 2)
    what = "re-read, against the Java client's scan with the same filter"
    yield Goal(what, f"≥ {RPC_OF_JAVA:g} ×", f"{filtered} ×", filtered >= RPC_OF_JAVA)
    bounds = (("an idle check", "rpc_look", 1), ("200 changed rows found and read again", "rpc_whole_flushed", 15))
    for what, name, most in bounds:
        found = max(1000 * median(figure[name]) for figure in report["polls"].values())
        yield Goal(f"{what}, by HBase's own RPC", f"≤ {most} ms", f"{found:.1f} ms", found <= most)


def plain(report: dict[str, Any]) -> list[dict[str, Any]]:
    """As they are stored."""
    return [asdict(goal) for goal in goals(report)]


def print_all(report: dict[str, Any], console: Console) -> None:
    for title, heads, rows in page_source.tables(report):
        table = Table(*heads, title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)
