"""`show TABLE --key`: where a row lives, which batch wrote it, what HBase says now, and why they differ."""

import json
from pathlib import Path
from typing import Any

import pytest

from loader.sources.hbase.raw_row import RawTimes
from tests.cli.stage import Stage, hotswap


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "mon", 1))
    stage.batch(("b", "tue", 2))
    return stage


def asked(stage: Stage, *arguments: str) -> dict[str, Any]:
    done = hotswap(stage, "show", "ads.clicks", *arguments, "--json")
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def causes(told: dict[str, Any]) -> list[str]:
    return [reason["cause"] for reason in told["reasons"]]


def test_a_key_is_found_where_it_lives_with_its_row(stage: Stage) -> None:
    home = asked(stage, "--key", "b")["home"]
    assert (home["partition"], home["row"]) == ("day=tue", {"id": "b", "clicks": 2})
    assert (Path(home["location"].removeprefix("file://")) / home["file"]).exists()


def test_the_batch_that_last_wrote_a_key_is_named(stage: Stage) -> None:
    assert [asked(stage, "--key", key)["batch"] for key in "ab"] == [1, 2]


def test_a_batch_that_was_taken_back_did_not_write_what_is_there(stage: Stage) -> None:
    stage.batch(("a", "mon", 9))
    hotswap(stage, "rollback", "ads.clicks", "--to", "2", "--yes")
    told = asked(stage, "--key", "a")
    assert (told["batch"], told["home"]["row"]["clicks"]) == (1, 1)


def test_a_key_may_be_given_in_hex_or_with_escaped_bytes(stage: Stage) -> None:
    for arguments in (("--key", "62", "--hex"), ("--key", r"\x62")):
        assert asked(stage, *arguments)["key"] == "b"


@pytest.mark.parametrize("arguments", [("--key", "6", "--hex"), ("--key", r"a\n"), (), ("1", "--key", "a")])
def test_a_key_that_cannot_be_meant_is_refused(stage: Stage, arguments: tuple[str, ...]) -> None:
    assert hotswap(stage, "show", "ads.clicks", *arguments).code == 2


def test_a_row_that_agrees_needs_no_reason(stage: Stage) -> None:
    told = asked(stage, "--key", "a")
    assert (told["same"], told["differences"], told["reasons"]) == (True, [], [])
    assert "Hive and HBase agree." in hotswap(stage, "show", "ads.clicks", "--key", "a").out


def test_a_change_that_no_window_has_seen_is_told_as_such(stage: Stage) -> None:
    stage.source.put("a", "wed", 5)
    stage.times = RawTimes(put=1_000, marker=None)
    told = asked(stage, "--key", "a")
    assert causes(told) == ["not yet seen"]
    assert told["differences"] == ["partition: day=mon in Hive, day=wed by HBase", "clicks: 1 in Hive, 5 in HBase"]


def test_a_row_that_vanished_without_a_marker_is_told_as_drift_that_only_a_comparison_finds(stage: Stage) -> None:
    del stage.source.rows[b"a"]
    told = asked(stage, "--key", "a")
    assert (told["now"], causes(told)) == ("gone", ["vanished"])


def test_a_row_that_outlived_its_time_to_live_is_told_as_expired(stage: Stage) -> None:
    del stage.source.rows[b"a"]
    stage.times = RawTimes(put=0, marker=None)
    assert causes(asked(stage, "--key", "a")) == ["expired"]


def test_while_the_table_is_held_the_hold_is_told(stage: Stage) -> None:
    stage.batch(("a", "mon", 9))
    hotswap(stage, "rollback", "ads.clicks", "--to", "2", "--yes")
    stage.times = RawTimes(put=1, marker=None)
    assert causes(asked(stage, "--key", "a"))[0] == "held"


def test_between_resume_and_the_next_batch_a_row_is_told_to_be_read_by_it(stage: Stage) -> None:
    stage.batch(("a", "mon", 9))
    hotswap(stage, "rollback", "ads.clicks", "--to", "2", "--yes")
    hotswap(stage, "resume", "ads.clicks", "--yes")
    stage.times = RawTimes(put=0, marker=None)
    assert causes(asked(stage, "--key", "a")) == ["read by the next batch"]


def test_a_row_in_quarantine_is_not_told_as_missed(stage: Stage) -> None:
    stage.source.bad.add(b"a")
    stage.batch(("a", "mon", 9))
    stage.times = RawTimes(put=0, marker=None)
    assert causes(asked(stage, "--key", "a")) == ["quarantined"]


def test_a_hold_of_another_partition_keeps_nothing_of_this_row_back(stage: Stage) -> None:
    hotswap(stage, "hold", "ads.clicks", "--partition", "day=tue", "--yes")
    stage.source.put("a", "mon", 9)
    stage.times = RawTimes(put=1_000, marker=None)
    assert causes(asked(stage, "--key", "a")) == ["not yet seen"]


def test_while_hbase_is_away_hive_is_still_told(stage: Stage) -> None:
    stage.hbase_away = True
    told = asked(stage, "--key", "a")
    assert (told["home"]["partition"], told["now"], causes(told)) == ("day=mon", "unreachable", ["unreachable"])


def test_a_key_that_lives_nowhere_is_told_as_such(stage: Stage) -> None:
    told = asked(stage, "--key", "nobody")
    assert (told["home"], told["same"], told["batch"]) == (None, True, None)


def test_a_file_that_lost_a_row_is_told_as_index_drift(stage: Stage) -> None:
    home = asked(stage, "--key", "a")["home"]
    other = asked(stage, "--key", "b")["home"]
    target = Path(home["location"].removeprefix("file://")) / home["file"]
    target.unlink()
    target.write_bytes((Path(other["location"].removeprefix("file://")) / other["file"]).read_bytes())
    assert causes(asked(stage, "--key", "a"))[0] == "index drift"


def test_a_person_sees_both_sides_with_times(stage: Stage) -> None:
    shown = hotswap(stage, "show", "ads.clicks", "--key", "b").out
    assert "day=tue" in shown
    assert "batch 2, 1970-01-01" in shown
    assert "clicks = 2" in shown
