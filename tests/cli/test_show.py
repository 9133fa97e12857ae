"""`show` and `diff`: one batch looked at closely, and two compared."""

import json
from pathlib import Path

import pytest

from tests.cli.stage import Stage, hotswap


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    stage.batch(("b", "wed", 2), ("c", "wed", 3))
    return stage


def test_show_tells_what_a_batch_did_to_each_partition(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "show", "ads.clicks", "2", "--json").out)
    assert (told["kind"], told["outcome"], told["upserts"], told["moves"]) == ("batch", "committed", 2, 1)
    rows = {item["partition"]: (item["rows_before"], item["rows_after"]) for item in told["partitions"]}
    assert rows == {"day=tue": (1, 0), "day=wed": (0, 2)}


def test_show_of_a_rollback_says_where_it_went(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    assert "batch 1, taking back 2" in hotswap(stage, "show", "ads.clicks", "3").out


def test_show_echoes_times_in_utc(stage: Stage) -> None:
    assert "UTC" in hotswap(stage, "show", "ads.clicks", "1").out


def test_a_batch_that_is_not_there_is_a_usage_error_that_names_the_last(stage: Stage) -> None:
    done = hotswap(stage, "show", "ads.clicks", "9")
    assert (done.code, "Its last is 2" in done.err) == (2, True)


def test_diff_tells_what_differs_and_leaves_out_what_does_not(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "diff", "ads.clicks", "1", "2", "--json").out)
    assert [item["partition"] for item in told["partitions"]] == ["day=tue", "day=wed"]
    assert (told["rows_before"], told["rows_after"], told["unchanged"]) == (2, 3, 1)


def test_diff_backwards_takes_the_rows_away(stage: Stage) -> None:
    assert "3 → 2 (-1)" in hotswap(stage, "diff", "ads.clicks", "2", "1").out


def test_diff_over_a_rollback_finds_no_difference(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    told = json.loads(hotswap(stage, "diff", "ads.clicks", "1", "3", "--json").out)
    assert {(item["rows_before"], item["rows_after"]) for item in told["partitions"]} <= {(0, 0)}


def test_diff_with_a_number_that_was_not_committed_lists_those_that_were(stage: Stage) -> None:
    done = hotswap(stage, "diff", "ads.clicks", "1", "9")
    assert (done.code, "Committed batches: 1, 2." in done.err) == (2, True)
