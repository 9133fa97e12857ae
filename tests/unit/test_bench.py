"""The measured workload is what it says, and a wrong result is never given a time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from bench import amend, goals, page, page_source, reread, source, source_goals, swap
from bench.__main__ import PAGE, RESULTS, of_contest
from bench.freshness import Sent, Turn, Wait, waits
from bench.further import shapes
from bench.truth import Wrong, check
from bench.workload import DAYS, Workload
from loader.report.reports import BatchReport

SMALL = Workload(rows=5_000, changes=100)


def written(rows: pa.Table, folder: Path) -> list[str]:
    pq.write_to_dataset(rows, folder, partition_cols=["day"])
    return [f"{folder}/*/*.parquet"]


def test_batches_are_eighty_ten_ten_and_touch_no_row_twice() -> None:
    batches = [SMALL.batch(number) for number in range(10)]
    assert {(len(b.updates), len(b.inserts), len(b.deletes)) for b in batches} == {(80, 10, 10)}
    touched = np.concatenate([np.concatenate([b.updates, b.inserts, b.deletes]) for b in batches])
    assert len(np.unique(touched)) == 1_000


def test_a_small_batch_stays_in_its_partitions() -> None:
    batch = SMALL.batch(3, 50, days=5)
    assert set(np.concatenate([batch.updates, batch.inserts, batch.deletes]) % len(DAYS)) == set(range(5))


def test_the_base_is_the_expected_table_before_any_batch(tmp_path: Path) -> None:
    assert check(SMALL.expected([]), [f"{SMALL.base(tmp_path)}/*/*.parquet"]) == 5_000


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.slice(1),
        lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]),
        lambda rows: rows.set_column(8, "cost", pa.array(np.append(rows["cost"].to_numpy()[:-1], -1.0))),
        lambda rows: pa.concat_tables([rows.slice(1), rows.slice(1, 1)]),
    ],
    ids=["a row less", "a row twice", "a changed value", "a row in another's place"],
)
def test_a_wrong_result_is_refused(spoil, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    right = SMALL.expected([SMALL.batch(0)])
    with pytest.raises(Wrong):
        check(right, written(spoil(right), tmp_path))


def test_a_peer_that_could_not_run_is_named_with_its_reason_and_gets_no_time() -> None:
    report = of_contest({"hudi": {"not_run": "no network"}, "duckdb": {"seconds": [2.0, 1.0, 4.0]}})
    assert report["not_run"] == {"hudi": "no network"}
    assert report["workload_m"] == {"duckdb": 2.0}


def test_orc_is_compared_as_parquet_is(tmp_path: Path) -> None:
    rows = SMALL.expected([])
    for day in DAYS:
        (tmp_path / f"day={day}").mkdir()
        orc.write_table(
            rows.filter(pc.equal(rows["day"], day)).drop_columns(["day"]), tmp_path / f"day={day}" / "0.orc"
        )
    assert check(rows, [f"{tmp_path}/*/*.orc"]) == 5_000
    with pytest.raises(Wrong):
        check(rows.slice(1), [f"{tmp_path}/*/*.orc"])


def test_a_part_of_the_partitions_is_expected_as_the_whole_is(tmp_path: Path) -> None:
    batches = [SMALL.batch(0), SMALL.batch(1)]
    parts = [SMALL.expected(batches, np.arange(first, first + 5)) for first in range(0, 25, 5)]
    assert check(pa.concat_tables(parts), written(SMALL.expected(batches), tmp_path)) == len(SMALL.expected(batches))


@pytest.mark.parametrize("shape", shapes(rows=25_000, times=2, tiny=100), ids=lambda shape: shape.name)
def test_batches_of_further_tables_stay_in_their_partitions_and_touch_no_row_twice(shape: Any) -> None:
    batches = [shape.workload.batch(number, shape.changes, shape.days) for number in range(4)]
    rows = np.concatenate([np.concatenate([batch.updates, batch.inserts, batch.deletes]) for batch in batches])
    assert len(np.unique(rows)) == len(rows)
    assert (rows % shape.workload.partitions).max() < shape.days


def test_two_hundred_columns_are_two_hundred_columns_of_several_kinds() -> None:
    rows = Workload(rows=250, more_columns=189).rows_of(np.arange(10), 0)
    assert len(rows.column_names) == 200 + len(["day"])
    assert len({str(kind) for kind in rows.schema.types}) > 5


REPORT: dict[str, Any] = {"workload_m": {"hotswap_batch": 1.0, "hotswap_merge": 0.8, "duckdb": 1.5, "delta": 9.0}}


def test_a_goal_is_met_missed_or_not_measured() -> None:
    found = {goal.what: goal.met for goal in goals.goals(REPORT)}
    assert found["whole batch against DuckDB's bare rewrite"] is True
    assert found["merge alone against DuckDB's bare rewrite"] is False
    assert found["whole batch against Delta's MERGE"] is False
    assert found["whole batch against Iceberg's MERGE"] is None


@pytest.mark.parametrize(("results", "part"), [(RESULTS, page), (source.RESULTS, page_source)], ids=["merge", "source"])
def test_the_page_tells_what_was_measured_and_nothing_else(results: Path, part: Any) -> None:
    told = part.figures(json.loads(results.read_text())) if results.exists() else page.NONE_YET
    assert PAGE.read_text() == page.with_figures(PAGE.read_text(), part.MARKS, told)


INDEX = {
    "keys": 5,
    "bytes_per_key": 13.75,
    "lookups_per_second": 1,
    "seconds_a_batch": 0.25,
    "compaction_seconds_a_batch": 0.1,
    "longest_compaction_seconds": 0.2,
}


def test_every_part_of_a_report_is_on_the_page() -> None:
    machine = {"date": "2026-01-01T00:00", "commit": "c0ffee", "cores_used": 2, "cores": 4, "processor": "p"}
    step = {"median_seconds": 0.123, "steps": {"rewrite": 0.987}}
    table = {"what": "a wide one", "rows": 10, "columns": 200, "changes": 1, "files_written": 3} | step
    report = REPORT | {
        "machine": machine | {"memory_gib": 1, "load_at_start": [0.1], "versions": {"duckdb": "9.9"}},
        "workload": {"rows": 5, "changes": 1},
        "runs": {name: [1.0] for name in REPORT["workload_m"]},
        "not_run": {"hudi": "no network"},
        "goals": goals.plain(REPORT),
        "profile": {"merge_seconds": 1.11, "floor_seconds": 0.22, "times_the_floor": 5, "parts": {"decode": 0.44}},
        "small_batch": step,
        "further": {"wide": table, "large": {"not_run": "no memory"}},
        "swap": {
            "10": {"one_call_median": 0.0555, "bare_call_median": 0.05, "overhead": 0.11, "processor_overhead": 0.0123}
            | {"protocol": {"lock": 0.0077, "unlock": 0.0011}}
        },
        "key_index": [INDEX],
    }
    report = amend.amended(report, report | {"swap": report["swap"]})
    text = page.figures(report)
    for told in (
        "c0ffee",
        "9.9",
        "no network",
        "no memory",
        "**not met**",
        "0.44",
        "0.987",
        "a wide one",
        "0.056",
        "11.0%",
        "1.2%",
        "0.0077",
        "0.0088",
        "13.75",
        "25.0%",
        "`swap` was measured 2026-01-01",
    ):
        assert told in text


def test_what_is_measured_anew_takes_the_place_of_what_could_not_be() -> None:
    whole = REPORT | {"workload": {"rows": 5}, "not_run": {"swap": "no server", "hudi": "no network"}}
    machine = {"date": "2026-02-02", "commit": "beef", "load_at_start": [0.3], "cores": 2}
    found = amend.amended(whole, {"swap": {}, "machine": machine, "workload_m": {}})
    assert found["not_run"] == {"hudi": "no network"}
    assert found["workload_m"] == REPORT["workload_m"]
    assert found["amended"] == {"swap": {"date": "2026-02-02", "commit": "beef", "load_at_start": [0.3]}}


def test_contestants_are_not_put_beside_those_of_another_run() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        amend.amended(REPORT, {"workload_m": {"duckdb": 1.0}, "machine": {}})


def test_further_tables_bring_the_batch_of_their_own_run_along() -> None:
    machine = {"date": "2026-02-02", "commit": "beef", "load_at_start": [0.3]}
    found = {"further": {"large": {"median_seconds": 3.0}}, "machine": machine}
    with pytest.raises(ValueError, match="--only hotswap further"):
        amend.amended(REPORT, found | {"workload_m": {}})
    amended = amend.amended(REPORT, found | {"workload_m": {goals.BATCH: 2.0}})
    (large,) = [goal for goal in goals.goals(amended) if goal.what.startswith("many times the rows")]
    assert (large.found, large.met) == ("1.50 ×", False)
    assert amended["workload_m"] == REPORT["workload_m"]


def test_an_overhead_is_the_median_of_what_pairs_differ_by() -> None:
    pairs = [(swap.Call(1.1, 0.03), swap.Call(1.0, 0.01)), (swap.Call(9.0, 0.03), swap.Call(1.0, 0.01))]
    pairs.append((swap.Call(1.1, 0.02), swap.Call(1.0, 0.01)))
    found = swap.overhead(pairs)
    assert (found["overhead"], found["processor_overhead"]) == (0.1, 0.02)


def test_few_partitions_are_measured_more_often() -> None:
    assert [swap.pairs_of(count) for count in (10, 100, 1_000, 10_000)] == [30, 15, 4, 2]


def test_the_scan_is_favoured_from_where_it_is_never_slower_again() -> None:
    figures = {"1": (1.0, 0.9), "5": (2.0, 3.0), "10": (4.0, 4.0), "20": (8.0, 5.0)}
    assert reread.crossing({keys: {"gets": gets, "scan": scan} for keys, (gets, scan) in figures.items()}) == 10


def batch(began: int, window: tuple[int, int], confirmed: int) -> Turn:
    counts = dict.fromkeys(("upserts", "deletes", "moves", "rejected", "partitions", "splits"), 1)
    sizes = dict.fromkeys(("files_linked", "rows", "bytes_written", "bytes_linked"), 1)
    report = BatchReport("t", 1, "a", "committed", window, **counts, **sizes, confirmed_ms=confirmed)
    return Turn(began, report)


def test_a_change_waits_for_the_first_batch_whose_window_surely_held_it() -> None:
    sent = [Sent(100, 110), Sent(150, 205), Sent(210, 215)]
    turns = [batch(205, (0, 200), 300), batch(305, (200, 299), 400)]
    assert waits(sent, turns) == [Wait(105, 200), Wait(155, 250), Wait(95, 190)]


def test_a_source_that_is_too_slow_does_not_meet_its_goals() -> None:
    polls = {"100": {"whole_flushed": [0.1]}, "1000": {"whole_flushed": [1.2, 1.1, 1.3]}}
    shares = {"dirty_keys_1_task": {"of_java": 0.6}, "reread_1_task": {"of_java": 0.4}}
    triggers = {"loader": {"mean_ms": 90}, "spark": {"mean_ms": 100}}
    found = [goal.met for goal in source_goals.goals({"scan": shares, "polls": polls, "triggers": triggers})]
    assert found == [True, False, False, False, True]


def test_every_part_of_the_source_is_on_the_page() -> None:
    scan = {"cells_s": 777_000, "rows_s": 77_700, "of_java": 0.66, "of_java_a_core": 0.55, "seconds": [1.25]}
    scan |= {"rows_processor_s": 22_200}
    places = [f"{what}_{place}" for what in ("changed", "reread", "whole") for place in page_source.PLACES]
    poll = {"changed": 200, "idle": [0.003]} | {name: [0.0456] for name in places}
    ways = {"gets": 11.5, "scan": 12.5, "gets_processor": 13.5, "scan_processor": 14.5}
    limit = {"regions": 40, "set": {"keys": 100, "a_region": 10}, "scattered_ms": {"5": ways}, "one_region_ms": {}}
    rate = {"changes": 2_345, "batches": 6, "p50_ms": 432, "p99_ms": 987, "step_ms": {"read_live": 21}}
    machine = {"date": "2026-01-01T00:00", "commit": "c0ffee", "cores_used": 2, "cores": 4, "processor": "p"}
    report = {
        "machine": machine | {"memory_gib": 1, "load_at_start": [0.1], "versions": {"hbase": "9.9"}},
        "goals": [{"what": "a scan", "wanted": "much", "found": "little", "met": False}],
        "rows": 10,
        "cells": 100,
        "scan": {"java_raw": scan, "dirty_keys_1_task": scan | {"cells_task_processor_s": 888_000}},
        "polls": {"100": poll, "1000": poll},
        "triggers": {"loader": {"median_ms": 17, "mean_ms": 91, "ms": [17, 333]}},
        "limit": limit,
        "freshness": {"rows": 50, "days": 10, "rates": {"100": rate}},
    }
    text = page_source.figures(report)
    told = (
        "c0ffee",
        "hbase 9.9",
        "**not met**",
        "777,000",
        "888,000",
        "0.55",
        "75%",
        "1.25",
        "46",
        "17 333",
        "from 10 on",
        "13.5",
        "2,345",
    )
    for one in (*told, "432", "987", "read live | 21"):
        assert one in text
