"""`verify --rebuild-index`: shows, asks, rebuilds, and then verifies."""

import json
from pathlib import Path

import pytest

from tests.cli.stage import Stage, hotswap


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    stage.batch(("b", "mon", 2))
    return stage


def lose_index(stage: Stage) -> None:
    for path in (stage.folder / "table/_hotswap/state/index").iterdir():
        path.unlink()


def test_a_lost_index_is_damage_until_it_is_rebuilt(stage: Stage) -> None:
    lose_index(stage)
    assert hotswap(stage, "verify", "ads.clicks").code == 5
    assert hotswap(stage, "verify", "ads.clicks", "--rebuild-index", "--yes", "--deep").code == 0


def test_nothing_is_rebuilt_without_a_yes(stage: Stage) -> None:
    done = hotswap(stage, "verify", "ads.clicks", "--rebuild-index")
    assert (done.code, "2 rows" in done.out) == (3, True)
    assert len(json.loads(hotswap(stage, "history", "--json").out)["attempts"]) == 2


def test_a_person_is_asked_and_told_what_was_wrong(stage: Stage) -> None:
    done = hotswap(stage, "verify", "ads.clicks", "--rebuild-index", answer="y\n")
    assert "Rebuild the key index? [y/N]" in done.out
    assert "Rebuilt as batch 3: 2 keys" in done.out
    assert "The old index was right about every key." in done.out


def test_a_program_gets_both_reports_in_one_document(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "verify", "ads.clicks", "--rebuild-index", "--yes", "--json").out)
    assert (told["rebuilt"]["batch"], told["rebuilt"]["keys"], told["verified"]["findings"]) == (3, 2, [])


def test_the_next_batch_goes_by_the_rebuilt_index(stage: Stage) -> None:
    lose_index(stage)
    hotswap(stage, "verify", "ads.clicks", "--rebuild-index", "--yes")
    stage.batch(("a", "wed", 9))
    told = json.loads(hotswap(stage, "show", "ads.clicks", "--key", "a", "--json").out)
    assert (told["home"]["partition"], told["same"]) == ("day=wed", True)
