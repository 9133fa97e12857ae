"""Columns that come to a table: shown, confirmed, and named until old rows have them."""

import json
from pathlib import Path

import pytest

from metastore.api import Column
from tests.cli.stage import Stage, hotswap
from tests.unit.reconcile.build import PlainMapping
from tests.world import COLUMNS, TABLE

WIDER = (*COLUMNS, ("cost", "double"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    made.batch(("a", "mon", 1))
    made.mapping = PlainMapping(columns=WIDER, digest="m2")
    return made


def columns(stage: Stage) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type) for column in stage.metastore.table(TABLE).columns)


def behind(stage: Stage) -> list[str]:
    (status,) = json.loads(hotswap(stage, "status", "--json").out)["tables"]
    found: list[str] = status["behind"]
    return found


def test_without_a_yes_nothing_is_added(stage: Stage) -> None:
    result = hotswap(stage, "evolve", "ads.clicks")
    assert (result.code, columns(stage)) == (3, COLUMNS)
    assert "cost  double" in result.out


def test_new_columns_come_behind_the_others_and_are_named_until_they_are_equal(stage: Stage) -> None:
    assert hotswap(stage, "evolve", "ads.clicks", "--yes").code == 0
    assert columns(stage) == WIDER
    assert behind(stage) == ["cost"]
    assert "not equal yet" in hotswap(stage, "status").out


def test_partitions_keep_their_columns(stage: Stage) -> None:
    before = stage.metastore.all_partitions(TABLE)
    hotswap(stage, "evolve", "ads.clicks", "--yes")
    assert stage.metastore.all_partitions(TABLE) == before


def test_twice_adds_nothing(stage: Stage) -> None:
    hotswap(stage, "evolve", "ads.clicks", "--yes")
    again = hotswap(stage, "evolve", "ads.clicks", "--yes")
    assert "has all columns of the configuration" in again.out
    assert columns(stage) == WIDER


def test_it_leaves_a_debt_that_status_tells(stage: Stage) -> None:
    hotswap(stage, "evolve", "ads.clicks", "--yes")
    (status,) = json.loads(hotswap(stage, "status", "--json").out)["tables"]
    assert [debt["reason"] for debt in status["debts"]] == ["cost came to the table"]


@pytest.mark.parametrize(
    ("wants", "what"),
    [
        ((("id", "string"),), "column clicks of ads.clicks is gone"),
        ((("id", "string"), ("clicks", "int")), "column clicks of ads.clicks is bigint, and int in"),
        (
            (("id", "string"), ("cost", "double"), ("clicks", "bigint")),
            "column clicks of ads.clicks is not at its place",
        ),
    ],
)
def test_anything_but_an_addition_is_refused(stage: Stage, wants: tuple[tuple[str, str], ...], what: str) -> None:
    stage.mapping = PlainMapping(columns=wants)
    result = hotswap(stage, "evolve", "ads.clicks", "--yes")
    assert result.code == 3
    assert what in result.err
    assert columns(stage) == COLUMNS


def test_somebody_elses_column_is_no_addition_of_ours(stage: Stage) -> None:
    stage.metastore.add_columns(TABLE, [Column("theirs", "int")])
    assert "column theirs of ads.clicks is gone" in hotswap(stage, "evolve", "ads.clicks", "--yes").err
