"""`rollback`, `resume`, `recover`: shown first, done only after a yes."""

import json
from pathlib import Path

import pytest

from loader.basics.errors import Conflict, OutcomeUnknown
from loader.config.settings import Settings, TableSettings
from metastore.memory import Fault
from tests.cli.stage import Stage, Terminal, hotswap
from tests.world import TABLE as WORLD_TABLE
from tests.world import Row, visible

TABLE = "ads.clicks"
BEFORE: dict[str, Row] = {"a": ("mon", 1), "b": ("tue", 1)}
AFTER: dict[str, Row] = {"a": ("mon", 2), "b": ("tue", 1), "c": ("wed", 2)}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A table after two batches."""
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    stage.batch(("a", "mon", 2), ("c", "wed", 2))
    return stage


def test_a_rollback_with_yes_brings_the_old_rows_back(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert (done.code, done.err, visible(stage.metastore)) == (0, "", BEFORE)


def test_a_rollback_shows_the_rows_of_each_partition_now_and_then(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    lines = [line.split() for line in done.out.splitlines()]
    assert ["day=mon", "1", "1", "+0"] in lines
    assert ["day=wed", "1", "0", "-1"] in lines


def test_a_rollback_larger_than_one_call_says_how_many_swaps_it_takes_and_what_readers_see(stage: Stage) -> None:
    stage.config.write_text(f"{stage.config.read_text()}    partitions_per_swap: 2\n")
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert (done.code, visible(stage.metastore)) == (0, BEFORE)
    assert "does not take 2 partitions in one call: 2 swaps move them" in done.out
    assert "The table is held before the first" in done.out
    plan = json.loads(hotswap(stage, "rollback", TABLE, "--to", "1", "--json", "--yes").out)["plan"]
    assert plan["calls"] == 1  # nothing is left to be moved


def test_what_cannot_be_cut_is_refused_with_what_to_set(stage: Stage) -> None:
    stage.batch(("a", "tue", 3))
    stage.config.write_text(f"{stage.config.read_text()}    partitions_per_swap: 2\n")
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert (done.code, len(visible(stage.metastore))) == (1, 3)
    assert "rows move between them; one call takes 1" in done.err
    assert "hint: Nothing was written. Raise partitions_per_swap" in done.err


def test_a_rollback_says_how_to_end_its_hold(stage: Stage) -> None:
    assert "`hotswap resume ads.clicks`" in hotswap(stage, "rollback", TABLE, "--to", "1", "--yes").out


def test_a_rollback_is_refused_without_a_terminal_and_without_yes(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1")
    assert (done.code, visible(stage.metastore)) == (3, AFTER)


def test_a_refused_rollback_has_shown_what_it_would_do(stage: Stage) -> None:
    assert "to batch 1" in hotswap(stage, "rollback", TABLE, "--to", "1").out


def test_a_refused_rollback_names_the_flag_that_confirms(stage: Stage) -> None:
    assert "hint: Add --yes" in hotswap(stage, "rollback", TABLE, "--to", "1").err


def test_a_person_is_asked_and_may_agree(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", answer="y\n")
    assert (done.code, visible(stage.metastore)) == (0, BEFORE)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yep\n"])
def test_any_answer_but_yes_changes_nothing(stage: Stage, answer: str) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", answer=answer)
    assert (done.code, visible(stage.metastore)) == (3, AFTER)


def test_a_rollback_in_json_never_asks(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--json", answer="y\n")
    assert (done.code, visible(stage.metastore)) == (3, AFTER)


def test_a_refused_rollback_in_json_prints_the_plan_and_an_error_object(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", "--json")
    assert json.loads(done.out)["plan"]["batches_undone"] == [2]
    assert json.loads(done.err)["error"]["exit_code"] == 3


def test_a_rollback_in_json_prints_one_document_with_plan_and_result(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "rollback", TABLE, "--to", "1", "--json", "--yes").out)
    assert (told["plan"]["target_batch"], told["published"]["partitions"]) == (1, len(told["plan"]["partitions"]))


def test_a_rollback_to_a_time_goes_to_what_was_live_then(stage: Stage) -> None:
    first = json.loads(hotswap(stage, "history", "--json").out)["attempts"][-1]
    moment = f"1970-01-01T00:16:{first['ended_ms'] // 1000 - 960:02d}.{first['ended_ms'] % 1000:03d}+00:00"
    hotswap(stage, "rollback", TABLE, "--as-of", moment, "--yes")
    assert visible(stage.metastore) == BEFORE


def test_a_time_that_was_asked_for_is_echoed_in_utc(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--as-of", "2026-07-01T14:00:00+02:00")
    assert "2026-07-01 12:00:00 UTC" in done.out


def test_a_time_without_a_zone_is_refused(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--as-of", "2026-07-01T12:00:00", "--yes")
    assert (done.code, "has no zone" in done.err, visible(stage.metastore)) == (2, True, AFTER)


@pytest.mark.parametrize("goal", [(), ("--to", "1", "--as-of", "2026-07-01T12:00:00Z")])
def test_a_rollback_wants_exactly_one_goal(stage: Stage, goal: tuple[str, ...]) -> None:
    assert hotswap(stage, "rollback", TABLE, *goal).code == 2


def test_a_batch_that_is_not_there_is_answered_with_those_that_are(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "7", "--yes")
    assert (done.code, "Committed batches: 1, 2." in done.err) == (2, True)


def test_a_resume_ends_the_hold(stage: Stage) -> None:
    hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert hotswap(stage, "resume", TABLE, "--yes").code == 0
    assert json.loads(hotswap(stage, "status", "--json").out)["tables"][0]["hold"] is None


def test_a_resume_shows_what_it_reads_again(stage: Stage) -> None:
    hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert "up to 2 keys, changed by batch 2" in hotswap(stage, "resume", TABLE).out


def test_a_resume_is_refused_without_a_terminal_and_without_yes(stage: Stage) -> None:
    hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    assert hotswap(stage, "resume", TABLE).code == 3
    assert json.loads(hotswap(stage, "status", "--json").out)["tables"][0]["hold"]["target"] == 1


def test_there_is_nothing_to_resume_without_a_hold(stage: Stage) -> None:
    done = hotswap(stage, "resume", TABLE, "--yes")
    assert (done.code, "nothing to resume" in done.err) == (3, True)


def test_recover_says_when_there_is_nothing_to_settle(stage: Stage) -> None:
    done = hotswap(stage, "recover", TABLE)
    assert (done.code, done.out) == (0, "ads.clicks: nothing to settle.\n")


@pytest.fixture
def unknown(tmp_path: Path) -> Stage:
    """A table without fence, whose last swap was not answered by a metastore that then forgot all locks."""
    stage = Stage(tmp_path, fence=False)
    stage.batch(("a", "mon", 1))
    stage.metastore.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(OutcomeUnknown):
        stage.batch(("a", "mon", 2))
    for lock in stage.metastore.locks(WORLD_TABLE):
        stage.metastore.unlock(lock.id)
    return stage


def test_an_unknown_outcome_says_how_it_ends(unknown: Stage) -> None:
    done = hotswap(unknown, "recover", TABLE)
    assert (done.code, f"hotswap recover {TABLE} --believe-old" in done.err) == (4, True)


def test_an_unknown_outcome_is_not_ended_without_a_yes(unknown: Stage) -> None:
    assert hotswap(unknown, "recover", TABLE, "--believe-old").code == 3
    assert hotswap(unknown, "recover", TABLE).code == 4


def test_a_yes_ends_an_unknown_outcome(unknown: Stage) -> None:
    done = hotswap(unknown, "recover", TABLE, "--believe-old", "--yes")
    assert (done.code, "aborted" in done.out) == (0, True)
    assert "nothing to settle" in hotswap(unknown, "recover", TABLE).out


def test_a_person_who_can_only_read_is_not_asked(stage: Stage) -> None:
    done = hotswap(stage, "rollback", TABLE, "--to", "1", stdout=Terminal())
    assert (done.code, "[y/N]" in done.out) == (3, False)


def test_a_rollback_that_would_move_more_than_was_shown_is_refused(stage: Stage) -> None:
    service = stage.open_table(*_settings(stage))
    shown = service.preview_rollback(1, None)
    stage.batch(("b", "tue", 9))
    with pytest.raises(Conflict, match="changed since"):
        service.rollback(shown)


def test_history_shows_batches_as_live_again_after_a_rollback_forward(stage: Stage) -> None:
    hotswap(stage, "rollback", TABLE, "--to", "1", "--yes")
    hotswap(stage, "rollback", TABLE, "--to", "2", "--yes")
    entries = json.loads(hotswap(stage, "history", TABLE, "--json").out)["attempts"]
    assert {entry["batch"]: entry["live"] for entry in entries} == {1: True, 2: True, 3: False, 4: True}


def _settings(stage: Stage) -> tuple[Settings, TableSettings]:
    settings = stage.load(str(stage.config))
    return settings, settings.table(TABLE)
