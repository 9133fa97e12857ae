"""`reconcile` as a person and as a program meets it."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from loader.cli.output import Output
from loader.cli.reconcile import show
from loader.ops.reconcile.report import ReconcileReport
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.values import Range
from tests.cli.stage import Stage, hotswap


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    made.batch(("a", "mon", 1), ("b", "mon", 2), ("c", "tue", 3))
    return made


def drifted(stage: Stage) -> Stage:
    stage.source.put("a", "mon", -1)
    stage.source.put("new\x01", "wed", 4)
    stage.source.delete("c")
    stage.source.dirty.clear()
    return stage


def test_equal_tables_are_said_to_be_equal(stage: Stage) -> None:
    result = hotswap(stage, "reconcile", "ads.clicks", "--check", "--wait", "0s")
    assert result.code == 0
    assert "ads.clicks equals HBase." in result.out


def test_what_differs_is_shown_by_partition_and_key(stage: Stage) -> None:
    out = hotswap(drifted(stage), "reconcile", "--wait", "0s").out
    lines = [line.split() for line in out.splitlines()]
    assert ["day=mon", "0", "0", "1", "0"] in lines
    assert ["missing", "new\\x01", "day=wed"] in lines
    assert "--repair` puts them right" in out


def test_of_many_keys_some_of_each_kind_are_shown(stage: Stage) -> None:
    stage.batch(*((f"m{number:03d}", "mon", number) for number in range(40)))
    drifted(stage)
    for number in range(40):
        stage.source.put(f"m{number:03d}", "mon", -number - 1)
    stage.source.dirty.clear()
    out = hotswap(stage, "reconcile", "--wait", "0s").out
    shown = [line.split()[0] for line in out.splitlines() if line.endswith(("day=mon", "day=tue", "day=wed"))]
    assert {kind: shown.count(kind) for kind in shown} == {"different": 6, "missing": 1, "extra": 1}


def test_json_has_every_count_and_sample_keys(stage: Stage) -> None:
    report = json.loads(hotswap(drifted(stage), "reconcile", "--json", "--wait", "0s").out)
    assert [report[kind] for kind in ("missing", "extra", "different", "repaired")] == [1, 1, 1, False]
    assert {sample["key"] for sample in report["samples"]} == {"a", "c", "new\\x01"}


def test_check_exits_with_6_if_anything_differs(stage: Stage) -> None:
    assert hotswap(drifted(stage), "reconcile", "--check", "--wait", "0s").code == 6


def test_a_repair_needs_no_more_than_the_next_batch(stage: Stage) -> None:
    result = hotswap(drifted(stage), "reconcile", "--repair", "--wait", "0s")
    assert "3 keys handed to the next batches" in result.out
    assert "3 keys, by the next batches" in hotswap(stage, "status").out
    stage.batch()
    assert "equals HBase" in hotswap(stage, "reconcile", "--wait", "0s").out


def test_status_tells_of_a_comparison_that_has_not_ended(stage: Stage) -> None:
    settings = stage.load(str(stage.config))
    env = stage.open_table(settings, settings.table()).env
    Store(env.files, env.layout).begin(1_000, "m", (Range(b"", b"b"), Range(b"b", b"")))
    (told,) = json.loads(hotswap(stage, "status", "--json").out)["tables"]
    assert told["comparing"] == {"number": 1, "begun_ms": 1_000, "done": 0, "ranges": 2, "unconfirmed": None}
    assert "in region 1 of 2" in hotswap(stage, "status").out
    hotswap(stage, "reconcile", "--fresh", "--wait", "0s")
    assert "in region" not in hotswap(stage, "status").out


def test_every_key_that_differs_is_exported(stage: Stage) -> None:
    export = stage.folder / "drift.jsonl"
    hotswap(drifted(stage), "reconcile", "--export", str(export), "--wait", "0s")
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    assert {(line["hex"], line["kind"]) for line in lines} == {
        (b"a".hex(), "different"),
        (b"c".hex(), "extra"),
        (b"new\x01".hex(), "missing"),
    }


@pytest.fixture
def emptied(stage: Stage) -> Stage:
    stage.batch(*((f"m{number}", "mon", number) for number in range(1_001)))
    stage.source.rows.clear()
    return stage


def test_a_repair_with_many_deletes_asks_a_person(emptied: Stage) -> None:
    refused = hotswap(emptied, "reconcile", "--repair", "--wait", "0s", answer="n\n")
    assert refused.code == 3
    assert "Delete them? [y/N]" in refused.out
    agreed = hotswap(emptied, "reconcile", "--repair", "--wait", "0s", answer="y\n")
    assert "handed to the next batches" in agreed.out


def test_without_a_person_it_needs_yes_and_says_to_what(emptied: Stage) -> None:
    refused = hotswap(emptied, "reconcile", "--repair", "--wait", "0s", "--json")
    error = json.loads(refused.err)["error"]
    assert refused.code == 3
    assert "delete 1,004 of the 1,004 rows of ads.clicks" in error["message"]
    assert "--yes" in error["hint"]
    assert hotswap(emptied, "reconcile", "--repair", "--wait", "0s", "--yes").code == 0


def test_totals_that_differ_are_never_told_as_equal() -> None:
    """As when each of Hive's keys was found in the partition that a changed configuration names."""
    told = StringIO()
    counts = dict.fromkeys(("missing", "extra", "different", "doubled", "unnoticed", "unsettled", "rejected"), 0)
    report = ReconcileReport("ads.clicks", 1, 0, 1, 3, 4, **counts, repaired=True, asks=0, partitions=(), samples=())
    show(Output(told, {}), report)
    assert "equals" not in told.getvalue()
    assert (
        "the totals differ by 1 row that no key accounts for: run `hotswap verify ads.clicks --deep`" in told.getvalue()
    )
    told.truncate(0)
    show(Output(told, {}), replace(report, hive_rows=3))
    assert "ads.clicks equals HBase." in told.getvalue()


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({}, "ads.clicks equals HBase."),
        ({"hive_rows": 4, "late": 1}, "the totals tell two moments"),
        ({"hive_rows": 4, "late": 1, "unsettled": 1}, "1 key of ads.clicks cannot be told yet"),
        ({"late": 1, "unsettled": 1}, "1 key of ads.clicks cannot be told yet"),
        ({"hive_rows": 4, "doubled": 1, "repaired": False}, "1 key differ"),
        ({"hive_rows": 5, "late": 1}, "the totals differ by 1 row that no key accounts for"),
    ],
)
def test_only_what_is_equal_is_said_to_be(numbers: dict[str, int], told: str) -> None:
    stream = StringIO()
    show(Output(stream, {}), replace(EQUAL, **numbers))  # type: ignore[arg-type]
    assert told in stream.getvalue()
    assert ("equals HBase" in stream.getvalue()) == (not numbers)


EQUAL = ReconcileReport("ads.clicks", 1, 0, 1_000, 3, 3, 0, 0, 0, 0, 0, 0, 0, True, 0, (), ())
