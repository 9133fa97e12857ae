"""Working off the quarantine: list, show, retry."""

import json
from pathlib import Path

import pytest

from loader.ops.clean.clean import clean
from partitioner.history.retention import Keep, RetentionRules
from tests.cli.stage import Stage, hotswap


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Row b cannot be decoded any more, row c never could."""
    made = Stage(tmp_path)
    made.batch(("a", "mon", 1), ("b", "mon", 2))
    made.source.bad |= {b"b", b"c"}
    made.batch(("b", "tue", 3), ("c", "tue", 4))
    return made


def rows(stage: Stage) -> dict[str, bool]:
    """Key → whether it is tried again."""
    listed = json.loads(hotswap(stage, "quarantine", "list", "--json").out)["rows"]
    return {row["key"]: row["is_asked"] for row in listed}


def test_list_tells_key_column_reason_and_age(stage: Stage) -> None:
    out = hotswap(stage, "quarantine", "list").out.splitlines()
    assert [line.split()[:2] for line in out[1:]] == [["b", "clicks"], ["c", "clicks"]]
    assert "1970-01-01" in out[1]


def test_the_age_counts_from_the_first_batch_that_rejected_it(stage: Stage) -> None:
    (first, _) = json.loads(hotswap(stage, "quarantine", "list", "--json").out)["rows"]
    stage.batch(("b", "tue", 5))
    (again,) = [
        row for row in json.loads(hotswap(stage, "quarantine", "list", "--json").out)["rows"] if row["key"] == "b"
    ]
    assert again["batch"] > first["batch"]
    assert again["since_ms"] == first["since_ms"]


def test_show_tells_every_cell_with_its_bytes(stage: Stage) -> None:
    shown = json.loads(hotswap(stage, "quarantine", "show", "ads.clicks", "b", "--json").out)
    assert [(cell["cell"], cell["hex"]) for cell in shown["cells"]] == [("d:clicks", b"what".hex())]
    assert "d:clicks" in hotswap(stage, "quarantine", "show", "ads.clicks", "62", "--hex").out


def test_a_row_that_is_not_there_is_named(stage: Stage) -> None:
    result = hotswap(stage, "quarantine", "show", "ads.clicks", "a")
    assert result.code == 2
    assert "row a of ads.clicks is not in quarantine" in result.err


def test_retry_reads_the_named_row_again_and_no_other(stage: Stage) -> None:
    stage.source.bad.clear()
    stage.source.dirty.clear()
    assert hotswap(stage, "quarantine", "retry", "ads.clicks", "b").code == 0
    assert rows(stage) == {"b": True, "c": False}
    stage.batch()
    assert rows(stage) == {"c": False}


def test_retry_all_heals_whatever_can_be_decoded_now(stage: Stage) -> None:
    stage.source.bad.discard(b"c")
    hotswap(stage, "quarantine", "retry", "ads.clicks", "--all")
    stage.batch()
    assert rows(stage) == {"b": False}


def test_retry_wants_keys_or_all(stage: Stage) -> None:
    assert hotswap(stage, "quarantine", "retry", "ads.clicks").code == 2


def test_an_empty_quarantine_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1))
    assert "no row is in quarantine" in hotswap(stage, "quarantine", "list").out


def test_a_folded_history_still_tells_of_every_row(stage: Stage) -> None:
    for number in range(3):
        stage.source.low = stage.source.clock
        stage.batch((f"x{number}", "wed", number))
    stage.pass_days(1)
    env = stage._env()
    clean(env, RetentionRules(1, (Keep(0, 1),)), fold_at_least=1)
    clean(env, RetentionRules(1, (Keep(0, 1),)), fold_at_least=1)
    kinds = [entry["kind"] for entry in json.loads(hotswap(stage, "history", "--json").out)["attempts"]]
    assert kinds[-1] == "folded"
    assert rows(stage) == {"b": False, "c": False}
    assert "d:clicks" in hotswap(stage, "quarantine", "show", "ads.clicks", "b").out
