"""A comparison finds what stands, nothing that passes, survives a kill, and hands over keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import Conflict, NeedsConfirmation
from loader.ops.reconcile.bad_rows import listed_keys
from loader.ops.reconcile.report import report_of
from loader.ops.reconcile.run import Rules
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.tally import Progress
from loader.ops.table import TableService
from loader.state import gaps, rereads
from tests.unit.publish.stage import Stage
from tests.unit.reconcile.build import DictRanges, PlainMapping, comparison, found
from tests.world import run_batch


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    for number in range(9, 30):
        made.source.put(f"k{number}", ("mon", "tue", "wed")[number % 3], number)
    made.run()
    return made


def drifted(stage: Stage) -> None:
    """What no window tells of."""
    stage.source.put("k1", "tue", -1)
    stage.source.put("k2", "fri", 2)
    stage.source.put("unseen", "mon", 5)
    stage.source.delete("k5")
    stage.source.dirty.clear()


DRIFT = {"different": ["k1", "k2"], "missing": ["unseen"], "extra": ["k5"]}


def waiting(stage: Stage) -> list[int]:
    env = stage.open("looks")
    return [item.keys for item in rereads.open_asks(env.files, env.layout, env.state.records().state.answered)]


def test_equal_tables_have_no_drift(stage: Stage) -> None:
    outcome = comparison(stage.open("r"), DictRanges(stage.source)).run()
    assert (found(outcome), outcome.done.hbase_rows, outcome.done.hive_rows) == ({}, 30, 30)


@pytest.mark.parametrize("splits", [(), (b"k2",), (b"a", b"k15", b"k5", b"z")])
def test_missing_extra_and_different_rows_are_found_whatever_the_regions_are(
    stage: Stage, splits: tuple[bytes, ...]
) -> None:
    drifted(stage)
    assert found(comparison(stage.open("r"), DictRanges(stage.source, splits)).run()) == DRIFT


def test_an_emptied_source_makes_every_row_extra(stage: Stage) -> None:
    stage.source.rows.clear()
    outcome = comparison(stage.open("r"), DictRanges(stage.source)).run()
    assert outcome.done.drift == {"extra": 30}


def test_drift_is_told_by_partition(stage: Stage) -> None:
    drifted(stage)
    told = comparison(stage.open("r"), DictRanges(stage.source)).run().by_partition
    assert told == {"day=tue": {"different": 1}, "day=wed": {"different": 1, "extra": 1}, "day=mon": {"missing": 1}}


def test_what_a_coming_window_will_see_is_no_drift(stage: Stage) -> None:
    """The batch that brings it comes between two looks."""
    drifted(stage)
    young = DictRanges(stage.source, stamps=dict.fromkeys((b"k1", b"k2", b"unseen", b"k5"), 10**9))
    env = stage.open("r")

    def catch_up(progress: Progress) -> None:
        if progress.phase == "settling":
            stage.source.dirty |= {b"k1", b"k2", b"unseen", b"k5"}
            stage.run()

    outcome = comparison(env, young, Rules(wait_s=10), told=catch_up).run()
    assert (found(outcome), outcome.done.unsettled) == ({}, 0)


def test_what_stays_young_is_told_apart_and_not_counted(stage: Stage) -> None:
    drifted(stage)
    young = DictRanges(stage.source, stamps=dict.fromkeys((b"k1", b"unseen"), 10**9))
    outcome = comparison(stage.open("r"), young).run()
    assert (found(outcome), outcome.done.unsettled) == ({"different": ["k2"], "extra": ["k5"]}, 2)


def test_rows_that_change_while_they_are_compared_are_no_drift(stage: Stage) -> None:
    """A batch is published in the middle: Hive was read before it, HBase after."""
    ranges = DictRanges(stage.source)
    changed: list[bytes] = []

    def change(keys: list[bytes]) -> None:
        if not changed and keys[-1] > b"k2":
            changed.extend([b"k3", b"k4"])
            stage.source.put("k3", "mon", -3)
            stage.source.delete("k4")
            ranges.stamps.update(dict.fromkeys(changed, 10**9))
            stage.run()

    ranges.on_block = change
    outcome = comparison(stage.open("r"), ranges).run()
    assert (found(outcome), outcome.done.unsettled) == ({}, 0)


BAD = frozenset({b"k1", b"k25"})


def spoiled(stage: Stage) -> None:
    """Two rows come to be in quarantine, as a window tells of them."""
    stage.source.put("k1", "tue", -1)
    stage.source.put("k25", "tue", -1)
    stage.source.bad |= BAD
    stage.run()


def test_rows_in_quarantine_are_left_out_on_both_sides(stage: Stage) -> None:
    spoiled(stage)
    outcome = comparison(stage.open("r"), DictRanges(stage.source, bad=BAD)).run()
    assert (found(outcome), outcome.done.rejected) == ({}, 2)


@pytest.mark.parametrize("splits", [(), (b"k2",)])
def test_rows_that_became_bad_unseen_are_found(stage: Stage, splits: tuple[bytes, ...]) -> None:
    outcome = comparison(stage.open("r"), DictRanges(stage.source, splits, bad=BAD)).run()
    assert (found(outcome), outcome.done.rejected) == ({"unnoticed": ["k1", "k25"]}, 2)


def test_a_quarantined_row_that_became_again_what_was_published_is_found(stage: Stage) -> None:
    spoiled(stage)
    stage.source.put("k1", "tue", 1)
    outcome = comparison(stage.open("r"), DictRanges(stage.source, bad=BAD - {b"k1"})).run()
    assert found(outcome) == {"unnoticed": ["k1"]}


def test_a_row_that_became_bad_lately_is_left_to_the_loader(stage: Stage) -> None:
    young = DictRanges(stage.source, bad=BAD, stamps=dict.fromkeys(BAD, 10**9))
    outcome = comparison(stage.open("r"), young).run()
    assert (found(outcome), outcome.done.unsettled) == ({}, 2)


def test_a_repair_puts_in_quarantine_what_became_bad_unseen(stage: Stage) -> None:
    stage.source.bad |= BAD
    comparison(stage.open("r"), DictRanges(stage.source, bad=BAD), Rules(wait_s=0, repair=True)).run()
    stage.run()
    assert listed_keys(stage.open("r")) == BAD


class Killed(BaseException):
    pass


def test_a_killed_comparison_goes_on_where_it_was(stage: Stage) -> None:
    drifted(stage)
    seen: list[bytes] = []

    def die(keys: list[bytes]) -> None:
        seen.extend(keys)
        if len(seen) > 20:
            raise Killed

    ranges = DictRanges(stage.source, on_block=die)
    with pytest.raises(Killed):
        comparison(stage.open("r1"), ranges).run()
    again: list[bytes] = []
    ranges.on_block = again.extend
    outcome = comparison(stage.open("r2"), ranges).run()
    assert found(outcome) == DRIFT
    assert outcome.done.hbase_rows == 30
    assert len(again) < 20


@pytest.mark.parametrize("theirs", [1, 9, 100])
def test_two_that_run_at_once_miss_nothing_between_their_pieces(stage: Stage, tmp_path: Path, theirs: int) -> None:
    """That of a loader that was killed goes on beside its successor's on another machine, and cuts otherwise."""
    drifted(stage)
    again = DictRanges(stage.source, size=3, on_block=lambda keys: kill_at(keys, b"k7"))
    other = comparison(stage.open("r2"), again, piece_rows=theirs)
    other.scratch = lambda table: tmp_path / "the other's"
    begun: list[bytes] = []

    def run_other(keys: list[bytes]) -> None:
        if keys[-1] > b"k15" and not begun:
            begun.extend(keys)
            with pytest.raises(Killed):
                other.run()

    outcome = comparison(stage.open("r1"), DictRanges(stage.source, on_block=run_other)).run()
    assert (found(outcome), outcome.done.hbase_rows) == (DRIFT, 30)


def test_a_fresh_one_compares_all_again(stage: Stage) -> None:
    drifted(stage)
    ranges = DictRanges(stage.source, on_block=lambda keys: kill_at(keys, b"k25"))
    with pytest.raises(Killed):
        comparison(stage.open("r1"), ranges).run()
    stage.source.dirty |= {b"k1", b"k2", b"unseen", b"k5"}
    stage.run()
    ranges.on_block = lambda keys: None
    assert comparison(stage.open("r2"), ranges, Rules(wait_s=0, fresh=True)).run().done.drift == {}


def kill_at(keys: list[bytes], key: bytes) -> None:
    if key in keys:
        raise Killed


def test_nothing_of_a_finished_comparison_stays_but_its_end(stage: Stage) -> None:
    env = stage.open("r")
    comparison(env, DictRanges(stage.source)).run()
    comparison(env, DictRanges(stage.source)).run()
    assert [entry.name for entry in env.files.list(env.layout.reconciles)] == [
        "0000000002.begun.json",
        "0000000002.done.json",
    ]


def test_a_repair_hands_the_keys_to_the_next_batch(stage: Stage) -> None:
    drifted(stage)
    comparison(stage.open("r"), DictRanges(stage.source), Rules(wait_s=0, repair=True)).run()
    assert waiting(stage) == [4]
    stage.run()
    assert stage.visible() == stage.expected()
    assert waiting(stage) == []


def test_a_repair_overwrites_nothing_newer_than_what_was_compared(stage: Stage) -> None:
    drifted(stage)
    comparison(stage.open("r"), DictRanges(stage.source), Rules(wait_s=0, repair=True)).run()
    stage.source.put("k1", "mon", 1_000)
    stage.source.dirty.clear()
    stage.run()
    assert stage.visible() == stage.expected()


def no(extra: int, rows: int) -> None:
    raise NeedsConfirmation(f"{extra} of {rows}")


@pytest.fixture
def emptied(stage: Stage) -> Stage:
    for number in range(1_200):
        stage.source.put(f"m{number}", "mon", number)
    run_batch(stage.open("many"), stage.source, rows_per_file=5_000)
    stage.source.rows = {key: row for key, row in stage.source.rows.items() if not key.startswith(b"m")}
    return stage


def test_a_repair_that_would_delete_many_rows_needs_a_yes(emptied: Stage) -> None:
    rules = Rules(wait_s=0, repair=True)
    with pytest.raises(NeedsConfirmation, match="1200 of 1230"):
        comparison(emptied.open("r"), DictRanges(emptied.source), rules, no).run()
    assert waiting(emptied) == []
    comparing = TableService(emptied.open("looks")).status().comparing
    assert comparing is not None
    assert comparing.unconfirmed == 1_200


def test_the_yes_need_not_wait_for_another_comparison(emptied: Stage) -> None:
    with pytest.raises(NeedsConfirmation):
        comparison(emptied.open("r"), DictRanges(emptied.source), Rules(wait_s=0, repair=True), no).run()
    read: list[bytes] = []
    again = DictRanges(emptied.source, on_block=read.extend)
    agreed = comparison(emptied.open("r"), again, Rules(wait_s=0, repair=True), lambda extra, rows: None).run()
    assert (agreed.done.repaired, agreed.done.number, read) == (True, 1, [])
    status = TableService(emptied.open("looks")).status()
    assert (status.comparing, status.asked) == (None, 1_200)


def test_after_the_yes_the_batch_deletes_them_unasked(emptied: Stage) -> None:
    rules, agreed = Rules(wait_s=0, repair=True), lambda extra, rows: None
    comparison(emptied.open("r"), DictRanges(emptied.source), rules, agreed).run()
    run_batch(emptied.open("loader"), emptied.source, rows_per_file=5_000, max_delete_share=0.5)
    assert emptied.visible() == emptied.expected()


def owes(stage: Stage, since_ms: int) -> tuple[gaps.Debt, ...]:
    env = stage.open("owes")
    gaps.owe(env.files, env.layout, gaps.Debt(f"away {since_ms}", "away", "dict", since_ms, 0, 1))
    return gaps.debts(env.files, env.layout)


def unpaid(stage: Stage) -> int:
    env = stage.open("looks")
    return len(gaps.debts(env.files, env.layout))


def test_a_comparison_pays_what_was_owed_before_it_began(stage: Stage) -> None:
    owes(stage, since_ms=5)
    owes(stage, since_ms=10**15)
    comparison(stage.open("r"), DictRanges(stage.source)).run()
    assert unpaid(stage) == 1


def test_drift_that_is_not_repaired_pays_nothing(stage: Stage) -> None:
    owes(stage, since_ms=5)
    drifted(stage)
    comparison(stage.open("r"), DictRanges(stage.source)).run()
    assert unpaid(stage) == 1
    comparison(stage.open("r"), DictRanges(stage.source), Rules(wait_s=0, repair=True)).run()
    assert unpaid(stage) == 0


def test_a_table_that_was_never_loaded_is_not_compared(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    env = stage.open("r")
    env.files.delete_tree(env.layout.log)
    with pytest.raises(Conflict):
        comparison(stage.open("r"), DictRanges(stage.source)).run()


def test_the_last_comparison_is_on_record(stage: Stage) -> None:
    drifted(stage)
    env = stage.open("r")
    done = comparison(env, DictRanges(stage.source)).run().done
    assert Store(env.files, env.layout).last() == done
    assert done.drift == {"different": 2, "missing": 1, "extra": 1}


@pytest.mark.parametrize("day", ["aaa", "mon", "tue", "zzz"])
def test_a_row_that_just_changed_and_stands_twice_is_not_taken_for_equal(stage: Stage, day: str) -> None:
    """Looked at again only where HBase has it, it would be: the other place is one that the key does not tell."""
    stage.source.put("k2", day, 7)
    run_batch(replace(stage.open("w"), keystore=None), stage.source)  # as if no row ever moved
    young = DictRanges(stage.source, stamps={b"k2": 10**9})
    outcome = replace(comparison(stage.open("r"), young), mapping=PlainMapping(partition_from_key=True)).run()
    assert outcome.done.hive_rows == outcome.done.hbase_rows + 1
    assert outcome.done.drift.get("doubled", 0) + outcome.done.unsettled == 1


def test_rows_that_come_while_they_are_counted_need_no_other_explanation(stage: Stage) -> None:
    """Or every comparison of a busy table would end in an alarm."""
    stage.source.put("late", "mon", 5)
    young = DictRanges(stage.source, stamps={b"late": 10**9})

    def catch_up(progress: Progress) -> None:
        if progress.phase == "hbase":
            stage.run()

    report = report_of("t", comparison(stage.open("r"), young, Rules(wait_s=0), told=catch_up).run())
    assert (report.drift, report.unsettled, report.late) == (0, 0, 1)
    assert (report.hbase_rows - report.hive_rows, report.unexplained, report.equal) == (1, 0, False)
