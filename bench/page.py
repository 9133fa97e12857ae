"""The figures of docs/performance.md, from bench/results/merge.json and nothing else."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.show import WHAT

MARKS = ("<!-- figures: written by `make bench` -->", "<!-- end of figures -->")
NONE_YET = "\nNone yet: the command above writes them here.\n"


def update(page: Path, marks: tuple[str, str], figures: str) -> None:
    """Write the page's figures again, those between these marks."""
    page.write_text(with_figures(page.read_text(), marks, figures))


def with_figures(text: str, marks: tuple[str, str], figures: str) -> str:
    """The page's text with these figures. Raises ValueError if it has lost the marks."""
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise ValueError(f"the page needs the lines {marks[0]} and {marks[1]}")
    return f"{before}{begin}\n{figures}\n{end}{after}"


def figures(report: dict[str, Any]) -> str:
    """All of them in Markdown."""
    parts = (_machine, _amended, _workload, _not_run, _goals, _profile, _small, _further, _index, _swap)
    return "\n".join(text for part in parts if (text := part(report)))


def _machine(report: dict[str, Any]) -> str:
    return machine_line(report["machine"])


def machine_line(facts: dict[str, Any]) -> str:
    """Where and when."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"\nMeasured {facts['date'][:10]} at commit {facts['commit']}: {facts['cores_used']} of {facts['cores']} cores"
        f" ({facts['processor']}), {facts['memory_gib']} GiB, load {facts['load_at_start'][0]} at the start;"
        f" {versions}.\n"
    )


def _amended(report: dict[str, Any]) -> str:
    """Parts that are of another run than the rest."""
    return "".join(
        f"\n`{name}` was measured {facts['date'][:10]} at commit {facts['commit']}, load {facts['load_at_start'][0]}.\n"
        for name, facts in report.get("amended", {}).items()
    )


def _workload(report: dict[str, Any]) -> str:
    sizes, medians = report["workload"], report["workload_m"]
    ours = medians.get("hotswap_batch")
    rows = [
        (WHAT.get(name, name), f"{seconds:.2f}", f"{seconds / ours:.2f}" if ours else "", _runs(report["runs"][name]))
        for name, seconds in medians.items()
    ]
    title = f"\nWorkload M: {sizes['rows']:,} rows, {sizes['changes']:,} changes. Median seconds, warm:\n"
    return title + _table(("who", "seconds", "× hotswap's batch", "runs"), rows)


def _not_run(report: dict[str, Any]) -> str:
    parts = {name: one["not_run"] for name, one in report.get("further", {}).items() if "not_run" in one}
    return "".join(f"\n{name} was not run here: {why}\n" for name, why in (report.get("not_run", {}) | parts).items())


def _goals(report: dict[str, Any]) -> str:
    return titled("Goals", ("goal", "wanted", "found", ""), goal_rows(report.get("goals", [])))


def goal_rows(goals: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What was wanted and found, a row a goal."""
    said = {True: "met", False: "**not met**", None: "not measured"}
    return [(goal["what"], goal["wanted"], goal["found"] or "", said[goal["met"]]) for goal in goals]


def _profile(report: dict[str, Any]) -> str:
    found = report.get("profile")
    if not found:
        return ""
    rows = [(name.replace("_", " "), f"{seconds:.2f}") for name, seconds in found["parts"].items()]
    told = (
        f"\nThe merge took {found['merge_seconds']:.2f} s on the clock. Reading, writing and syncing the same bytes and"
        f" nothing else took {found['floor_seconds']:.2f} s: the merge is {found['times_the_floor']} × that floor.\n"
    )
    return titled("What bounds the merge", ("part", "processor seconds"), rows) + told


def _small(report: dict[str, Any]) -> str:
    figure = report.get("small_batch", {})
    if "steps" not in figure:
        return ""
    rows = [(name, f"{seconds:.3f}") for name, seconds in figure["steps"].items()]
    title = f"A small batch: {figure['median_seconds']:.2f} s from start to confirmed swap"
    return titled(title, ("step", "median seconds"), rows)


def _further(report: dict[str, Any]) -> str:
    rows = [
        (
            figure["what"],
            f"{figure['rows']:,} × {figure['columns']}",
            f"{figure['changes']:,}",
            f"{figure['files_written']:,}",
            f"{figure['median_seconds']:.2f}",
            f"{figure['steps']['rewrite']:.2f}",
        )
        for figure in report.get("further", {}).values()
        if "not_run" not in figure
    ]
    heads = ("table", "rows × columns", "changes", "files written", "whole batch, s", "rewrite, s")
    beside = report.get("further_batch")
    said = f"\nThe batch of workload M in their run took {beside:.2f} s.\n" if beside else ""
    return titled("Further tables", heads, rows) + said


def _index(report: dict[str, Any]) -> str:
    """The key index: what it weighs, costs a batch, and how both grow."""
    rows = [
        (
            f"{figure['keys']:,}",
            f"{figure['bytes_per_key']}",
            f"{figure['lookups_per_second']:,}",
            f"{figure['seconds_a_batch']:.3f}",
            f"{share:.1%}" if (share := figure.get("share_of_a_batch")) else "",
            f"{figure['compaction_seconds_a_batch']:.3f}",
            f"{figure['longest_compaction_seconds']:.2f}",
        )
        for figure in report.get("key_index", [])
    ]
    heads = (
        "keys",
        "bytes a key",
        "look-ups a second",
        "s a batch",
        "of a batch",
        "merging, s a batch",
        "longest merge, s",
    )
    told = "\nMerges of segments run beside the batches; none waits for one.\n" if rows else ""
    return titled("The key index after a base and 40 batches of 50,000 changes", heads, rows) + told


def _swap(report: dict[str, Any]) -> str:
    ways = ("one_call", "bare_call", "one_by_one", "spark_sql")
    rows = [
        (count, *(_or_dash(figure.get(f"{way}_median")) for way in ways), *_overheads(figure))
        for count, figure in report.get("swap", {}).items()
        if "overhead" in figure
    ]
    clock, processor = "overhead by the clock", "overhead in processor time"
    heads = ("partitions", "one call", "bare call", "one by one", "Spark SQL `SET LOCATION`", clock, processor)
    title = "The swap alone, median seconds (metastore 2.3.10 on Derby)"
    return titled(title, heads, rows) + _protocol(report.get("swap", {}))


def _overheads(figure: dict[str, Any]) -> tuple[str, str]:
    processor = figure.get("processor_overhead")
    return f"{figure['overhead']:.1%}", "–" if processor is None else f"{processor:.1%}"


def _protocol(swap: dict[str, Any]) -> str:
    """What a batch asks of the metastore beside its one call: no overhead of the client, but not free either."""
    measured = {count: figure["protocol"] for count, figure in swap.items() if "protocol" in figure}
    names = list(next(iter(measured.values()), {}))
    rows = [(name, *(f"{found[name]:.4f}" for found in measured.values())) for name in names]
    rows += [("together", *(f"{sum(found.values()):.4f}" for found in measured.values()))] if rows else []
    title = "What the protocol asks of the metastore beside that call, median seconds"
    return titled(title, ("partitions", *measured), rows)


def _or_dash(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.3f}"


def _runs(seconds: Iterable[float]) -> str:
    return " ".join(f"{run:.2f}" for run in seconds)


def titled(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; nothing where it has no rows."""
    return f"\n{title}:\n{_table(heads, rows)}" if rows else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["-"] * len(heads), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
