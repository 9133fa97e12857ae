"""`rollback --partition`, `hold` and `resume`: what they show, ask and do."""

import json
from pathlib import Path

import pytest

from loader.cli.main import main
from loader.cli.session import Session
from tests.cli.stage import Stage, Terminal, hotswap
from tests.world import visible

TABLE = "ads.clicks"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """`a` on mon and `b` on tue; then `a` changes, `b` moves to wed, and `c` comes to thu."""
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    stage.batch(("a", "mon", 2), ("b", "wed", 2), ("c", "thu", 2))
    return stage


def status(stage: Stage) -> dict[str, object]:
    found: dict[str, object] = json.loads(hotswap(stage, "status", "--json").out)["tables"][0]
    return found


def test_only_the_named_partition_goes_back(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--partition", "day=mon", "--yes")
    assert (done.code, visible(stage.metastore)) == (0, {"a": ("mon", 1), "b": ("wed", 2), "c": ("thu", 2)})


def test_the_preview_names_what_goes_back_with_it_and_why(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--partition", "day=tue")
    assert "Rows have moved between what you named and day=wed: these go back with it." in done.out


def test_the_closure_stands_in_the_json(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "-p", "day=tue", "-p", "day=mon", "--json")
    plan = json.loads(done.out)["plan"]
    assert (plan["asked"], plan["held"]) == (["day=mon", "day=tue"], ["day=mon", "day=tue", "day=wed"])


def test_a_partition_that_is_not_there_is_a_usage_error(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--partition", "day=sun", "--yes")
    assert (done.code, "has no partition day=sun" in done.err) == (2, True)


def test_a_hold_asks_first(stage: Stage) -> None:
    assert hotswap(stage, "hold", TABLE).code == 3
    assert status(stage)["holds"] == []


def test_a_hold_shows_what_it_would_keep_before_it_asks(stage: Stage) -> None:
    shown = hotswap(stage, "hold", TABLE, "-p", "day=mon", "-p", "day=never").out
    assert "day=mon, day=never would stay as batch" in shown
    assert "2 partitions" in shown
    assert "! day=never is not there now" in shown
    assert status(stage)["holds"] == []


def test_a_hold_of_what_is_no_partition_is_refused_before_it_asks(stage: Stage) -> None:
    done = hotswap(stage, "hold", TABLE, "-p", "hour=1")
    assert (done.code, "a partition of ads.clicks is day=…" in done.err) == (2, True)


def test_a_hold_of_the_table_is_told_with_its_end(stage: Stage) -> None:
    done = hotswap(stage, "hold", TABLE, "--yes")
    assert (done.code, f"until `hotswap resume {TABLE}`" in done.out) == (0, True)
    assert status(stage)["hold"] is not None


def test_a_hold_of_partitions_is_told_by_status(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "--partition", "day=mon", "--yes")
    stage.batch(("a", "mon", 3))
    shown = hotswap(stage, "status").out
    assert "of day=mon" in shown
    assert "1 key for a hold to end" in shown


def test_a_held_table_is_something_to_do(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "--partition", "day=mon", "--yes")
    assert hotswap(stage, "status", "--check").code == 6


def test_a_hold_in_json_is_one_document(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "hold", TABLE, "-p", "day=mon", "--yes", "--json").out)
    assert told["hold"]["partitions"] == ["day=mon"]


def test_history_tells_of_a_hold(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "--yes")
    assert json.loads(hotswap(stage, "history", TABLE, "--json").out)["attempts"][0]["kind"] == "hold"


def test_a_rollback_of_a_partition_takes_no_batch_back(stage: Stage) -> None:
    hotswap(stage, "rollback", TABLE, "--to", "1", "--partition", "day=mon", "--yes")
    entries = json.loads(hotswap(stage, "history", TABLE, "--json").out)["attempts"]
    assert all(entry["live"] for entry in entries)


def test_a_resume_shows_what_waited(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "--partition", "day=mon", "--yes")
    stage.batch(("a", "mon", 3))
    done = hotswap(stage, "resume", TABLE, "--yes")
    assert "1 key that had to wait" in done.out
    stage.batch()
    assert visible(stage.metastore)["a"] == ("mon", 3)


def test_a_resume_of_one_partition_leaves_the_other_held(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "-p", "day=mon", "-p", "day=thu", "--yes")
    assert hotswap(stage, "resume", TABLE, "--partition", "day=mon", "--yes").code == 0
    assert [hold["partitions"] for hold in status(stage)["holds"]] == [["day=thu"]]  # type: ignore[attr-defined]


class SlowReader(Terminal):
    """A person who says yes each time, while the loader publishes before the first yes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage, self.asked = stage, 0

    def readline(self, size: int | None = -1, /) -> str:
        self.asked += 1
        if self.asked == 1:
            self.stage.batch(("a", "mon", 9))
        return "y\n"


def test_a_plan_that_has_changed_meanwhile_is_shown_and_asked_again(stage: Stage) -> None:
    person, out = SlowReader(stage), Terminal()
    session = Session(stage, person, out, Terminal(), {})
    code = main(["rollback", TABLE, "--to", "1", "--config", str(stage.config)], session)
    assert (code, person.asked, visible(stage.metastore)["a"]) == (0, 2, ("mon", 1))
    assert "The table has changed while you were reading" in out.getvalue()


def test_the_next_batch_is_planned_without_what_is_held(stage: Stage) -> None:
    hotswap(stage, "hold", TABLE, "--partition", "day=mon", "--yes")
    stage.source.put("a", "mon", 9)
    stage.source.put("c", "thu", 9)
    told = json.loads(hotswap(stage, "plan", TABLE, "--json").out)
    assert [item["partition"] for item in told["partitions"]] == ["day=thu"]
    assert any("day=mon" in note for note in told["notes"])
    assert told["obstacles"] == []  # the batch of the others is published
