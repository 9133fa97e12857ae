"""Alarms: each stands exactly when its threshold says so, tells what to do, and can be switched off."""

from dataclasses import replace
from typing import Any

import pytest

from loader.config.settings import Alarms
from loader.report.alarms import NAMES, alarms_of, vital_alarms
from loader.report.health import Books, Grown, LockHolder, Vitals
from loader.report.reports import Compared, Comparing, HoldReport, Owed, Status
from loader.report.space import Space

NOW = 100_000_000
GB = 1 << 30
CALM = Status("ads.clicks", 7, NOW - 1000, NOW - 60_000, 2.0, None, 0, (), 3, 10, 1000)
WELL = Vitals(
    table="ads.clicks",
    at_ms=NOW,
    watermark_age_s=310.0,
    swap_age_s=1.0,
    newest_partition=("day=wed", 1.0),
    grown=(),
    books=Books(7, upserts=10, deletes=2, rows_before=100, rows_after=105),
    quarantine_age_s=None,
    lock=None,
    waiting=0,
    space=Space(free=500 * GB, total=1000 * GB, grace=10 * GB),
    aborted_in_a_row=0,
)


def names(status: Status = CALM, vitals: Vitals = WELL, limits: Alarms | None = None) -> set[str]:
    limits = limits or Alarms()
    return {alarm.name for alarm in (*alarms_of(status, limits, NOW), *vital_alarms(vitals, limits))}


def test_a_table_that_is_well_has_none() -> None:
    assert names() == set()


def test_drift_that_was_handed_over_is_no_alarm() -> None:
    assert names(replace(CALM, compared=Compared(3, NOW - 1, 7, True))) == set()


STATUS: list[tuple[str, dict[str, Any]]] = [
    ("nothing_published", {"batch": None}),
    ("lag", {"lag_s": 301.0}),
    ("lag", {"lag_s": None}),
    ("clock", {"lag_s": None, "ahead_s": 90.0}),
    ("hold", {"holds": (HoldReport(8, 7, NOW - 1),)}),
    ("hold", {"holds": (HoldReport(8, None, NOW - 1, ("day=mon",)),)}),
    ("unsettled", {"unsettled": ("one", "two")}),
    ("debt", {"debts": (Owed("a long absence", NOW - 1),)}),
    ("drift", {"compared": Compared(3, NOW - 1, 7, False)}),
    ("drift", {"comparing": Comparing(4, NOW - 1, 9, 9, unconfirmed=5_000)}),
    ("quarantine", {"quarantine": 1}),
]


@pytest.mark.parametrize(("name", "change"), STATUS)
def test_what_stands_in_the_way_is_an_alarm(name: str, change: dict[str, Any]) -> None:
    assert names(status=replace(CALM, **change)) == {name}


USUAL = Grown("day=mon", rows=1_000, bytes=GB, usual_rows=1_000, usual_bytes=GB)
VITALS: list[tuple[str, dict[str, Any]]] = [
    ("watermark", {"watermark_age_s": 1801.0}),
    ("size_change", {"grown": (replace(USUAL, rows=400),)}),
    ("size_change", {"grown": (replace(USUAL, rows=1_501),)}),
    ("size_change", {"grown": (replace(USUAL, bytes=3 * GB),)}),
    ("books", {"books": replace(WELL.books, rows_after=111)}),  # type: ignore[type-var]
    ("books", {"books": replace(WELL.books, rows_after=97)}),  # type: ignore[type-var]
    ("quarantine", {"quarantine_age_s": 86_401.0}),
    ("lock", {"lock": LockHolder("root@worker7 (hotswap 1)", 601.0)}),
    ("free_space", {"space": Space(free=99 * GB, total=1000 * GB, grace=0)}),
    ("free_space", {"space": Space(free=GB, total=GB, grace=0, state_free=99, state_total=1000)}),
    ("grace", {"space": Space(free=200 * GB, total=1000 * GB, grace=201 * GB)}),
    ("aborted", {"aborted_in_a_row": 3}),
]


@pytest.mark.parametrize(("name", "change"), VITALS)
def test_what_is_beyond_its_threshold_is_an_alarm(name: str, change: dict[str, Any]) -> None:
    assert names(vitals=replace(WELL, **change)) == {name}


@pytest.mark.parametrize(
    "change",
    [
        {"watermark_age_s": 1800.0},
        {"grown": (replace(USUAL, rows=501),)},
        {"grown": (Grown("day=new", rows=999, bytes=10, usual_rows=1, usual_bytes=1),)},
        {"books": replace(WELL.books, rows_after=110)},  # type: ignore[type-var]
        {"books": replace(WELL.books, rows_after=98)},  # type: ignore[type-var]
        {"books": None},
        {"lock": LockHolder("somebody", 600.0)},
        {"space": Space(free=1, total=None, grace=None)},
        {"aborted_in_a_row": 2},
    ],
)
def test_what_is_just_within_its_threshold_is_none(change: dict[str, Any]) -> None:
    assert names(vitals=replace(WELL, **change)) == set()


def test_ages_of_swaps_and_partitions_are_watched_only_where_asked_for() -> None:
    old = replace(WELL, swap_age_s=1e6, newest_partition=("day=wed", 1e6))
    assert names(vitals=old) == set()
    assert names(vitals=old, limits=Alarms(swap_age="1h", partition_age="1d")) == {"swap_age", "partition_age"}


def test_a_hold_may_be_let_be_for_a_while() -> None:
    held = replace(CALM, holds=(HoldReport(8, 7, NOW - 3_599_999),))
    assert names(status=held, limits=Alarms(hold_age="1h")) == set()
    assert names(status=held, limits=Alarms(hold_age="59m")) == {"hold"}


OFF = {name: None for name in Alarms.model_fields}


def test_every_threshold_can_be_switched_off() -> None:
    status = replace(CALM, lag_s=1e9, holds=(HoldReport(8, 7, 0),), debts=(Owed("x", 0),))
    vitals = replace(
        WELL,
        watermark_age_s=1e9,
        swap_age_s=1e9,
        newest_partition=("day=wed", 1e9),
        grown=(replace(USUAL, rows=9_999_999),),
        quarantine_age_s=1e9,
        lock=LockHolder("somebody", 1e9),
        space=Space(free=0, total=1, grace=9),
    )
    assert names(status, vitals, Alarms(**OFF)) == set()


def test_every_alarm_says_what_to_do() -> None:
    changes = [(replace(CALM, **change), WELL) for _, change in STATUS]
    changes += [(CALM, replace(WELL, **change)) for _, change in VITALS]
    limits = Alarms()
    for status, vitals in changes:
        (alarm,) = (*alarms_of(status, limits, NOW), *vital_alarms(vitals, limits))
        assert "`hotswap " in alarm.text or "correct HBase" in alarm.text or "last good image" in alarm.text


def test_every_name_is_known_to_the_metrics() -> None:
    assert {name for name, _ in (*STATUS, *VITALS)} | {"swap_age", "partition_age", "metrics"} == set(NAMES)
