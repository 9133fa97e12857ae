"""`clean`: nothing goes without --yes."""

import json
from pathlib import Path

import pytest

from tests.cli.stage import Stage, hotswap
from tests.world import TABLE as WORLD
from tests.world import visible

TABLE = "ads.clicks"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A table after two batches, whose old version nobody can want: its times lie in 1970."""
    stage = Stage(tmp_path)
    for clicks in (1, 2):
        stage.batch(("a", "mon", clicks))
    stage.pass_days(30)
    return stage


def versions(stage: Stage) -> int:
    return len(list((stage.folder / "table" / "_hotswap" / "versions" / "day=mon").iterdir()))


def test_a_clean_without_yes_deletes_nothing(stage: Stage) -> None:
    before = versions(stage)
    done = hotswap(stage, "clean", TABLE)
    assert (done.code, versions(stage)) == (0, before)


def test_a_clean_without_yes_lists_what_would_go(stage: Stage) -> None:
    listed = json.loads(hotswap(stage, "clean", TABLE, "--json").out)
    assert [(item["batch"], item["why"]) for item in listed["directories"]] == [
        (1, "superseded"),
        (1, "empty, before its swap"),
    ]


def test_a_clean_with_yes_leaves_what_is_live(stage: Stage) -> None:
    done = hotswap(stage, "clean", TABLE, "--yes")
    assert (done.code, versions(stage), visible(stage.metastore)) == (0, 1, {"a": ("mon", 2)})


def test_a_rollback_to_what_was_cleaned_is_refused(stage: Stage) -> None:
    hotswap(stage, "clean", TABLE, "--yes")
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert (done.code, "is gone" in done.err) == (1, True)


def test_empty_partitions_are_shown_and_dropped_only_when_asked_for(stage: Stage) -> None:
    stage.source.delete("a")
    stage.batch(("b", "tue", 1))
    assert json.loads(hotswap(stage, "clean", TABLE, "--yes", "--json").out)["empty"] == []
    shown = hotswap(stage, "clean", TABLE, "--empty-partitions")
    assert "day=mon holds no row\n" in shown.out
    done = hotswap(stage, "clean", TABLE, "--empty-partitions", "--yes", "--json")
    assert (done.code, json.loads(done.out)["empty"]) == (0, ["day=mon"])
    assert ("mon",) not in stage.metastore.partition_names(WORLD)
