"""`status` and `history`: what they tell, and when `--check` calls for a person."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.stage import Stage, hotswap

CALM = ("--check", "--max-lag", "2h")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    return stage


def test_status_tells_what_is_live(stage: Stage) -> None:
    (told,) = json.loads(hotswap(stage, "status", "--json").out)["tables"]
    assert (told["table"], told["batch"], told["partitions"], told["rows"]) == ("ads.clicks", 1, 2, 2)


def test_status_for_a_person_is_plain_text_in_a_pipe(stage: Stage) -> None:
    done = hotswap(stage, "status", "ads.clicks")
    assert "2 partitions, 2 rows" in done.out
    assert "\x1b" not in done.out


def test_a_terminal_shows_colour(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    assert re.search(r"\x1b\[[0-9;]*3\dm", hotswap(stage, "status", answer="").out)


def test_no_color_is_respected(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    shown = hotswap(stage, "status", answer="", environment={"NO_COLOR": "1"}).out
    assert not re.search(r"\x1b\[[0-9;]*3\dm", shown)


def test_check_is_content_with_a_table_that_keeps_up(stage: Stage) -> None:
    assert hotswap(stage, "status", *CALM).code == 0


def test_check_calls_for_a_person_when_the_table_lags(stage: Stage) -> None:
    assert hotswap(stage, "status", "--check", "--max-lag", "1s").code == 6


def test_without_check_a_lag_is_told_but_is_no_failure(stage: Stage) -> None:
    done = hotswap(stage, "status", "--max-lag", "1s")
    assert (done.code, "is `hotswap run` up?" in done.out) == (0, True)


def test_check_calls_for_a_person_while_a_hold_stands(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    done = hotswap(stage, "status", *CALM)
    assert (done.code, "`hotswap resume ads.clicks` ends it" in done.out) == (6, True)


def test_check_calls_for_a_person_before_the_first_batch(tmp_path: Path) -> None:
    assert hotswap(Stage(tmp_path), "status", *CALM).code == 6


def test_a_lag_without_a_unit_is_refused(stage: Stage) -> None:
    done = hotswap(stage, "status", "--check", "--max-lag", "60")
    assert (done.code, "is not a duration" in done.err) == (2, True)


def test_an_unknown_table_is_answered_with_the_nearest(stage: Stage) -> None:
    done = hotswap(stage, "status", "ads.click")
    assert (done.code, "hint: Did you mean ads.clicks?" in done.err) == (2, True)


def test_history_tells_the_newest_first(stage: Stage) -> None:
    stage.batch(("c", "mon", 1))
    told = json.loads(hotswap(stage, "history", "--json").out)["attempts"]
    assert [(entry["batch"], entry["outcome"], entry["upserts"]) for entry in told] == [
        (2, "committed", 1),
        (1, "committed", 2),
    ]


def test_history_can_be_limited(stage: Stage) -> None:
    stage.batch(("c", "mon", 1))
    assert len(json.loads(hotswap(stage, "history", "--json", "-n", "1").out)["attempts"]) == 1


def test_history_marks_what_a_rollback_took_back(stage: Stage) -> None:
    stage.batch(("c", "mon", 1))
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    told = json.loads(hotswap(stage, "history", "--json").out)["attempts"]
    assert [(entry["batch"], entry["kind"], entry["live"]) for entry in told] == [
        (3, "rollback", True),
        (2, "batch", False),
        (1, "batch", True),
    ]


def test_history_for_a_person_has_a_line_for_each_attempt(stage: Stage) -> None:
    header, line = hotswap(stage, "history").out.splitlines()
    assert header.split()[:3] == ["batch", "what", "outcome"]
    assert line.split()[:3] == ["1", "batch", "committed"]


def test_history_of_a_new_table_says_that_there_is_none(tmp_path: Path) -> None:
    assert hotswap(Stage(tmp_path), "history").out == "ads.clicks has no attempts yet.\n"


LOOK = """
import os, sys
from loader.cli.main import main
from loader.cli.session import Loader, Session
from loader.storage.local import LocalFiles
from loader.ops.table import TableService
from loader.wiring.table import environment, identity
import metastore.client
from metastore.memory import InMemoryMetastore
from metastore.api import PARQUET, Column, Table, TableName

class Backend(Loader):
    def open_table(self, settings, table):
        store, columns = InMemoryMetastore(), (Column("id", "string"), Column("clicks", "bigint"))
        store.create_database("ads")
        store.create_table(Table(table.hive_table, columns, (Column("day", "string"),), sys.argv[1], PARQUET))
        hive = store.table(table.hive_table)
        return TableService(environment(store, LocalFiles(), hive, table, identity()))

for verb in ("status", "history"):
    code = main([verb, "-c", sys.argv[2]], Session(Backend(), sys.stdin, sys.stderr, sys.stderr, os.environ))
    assert code == 0, verb
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"pyspark", "py4j", "pyarrow", "numpy", "pandas"}))
"""


def test_status_and_history_load_neither_spark_nor_arrow(stage: Stage) -> None:
    command = [sys.executable, "-c", LOOK, f"file://{stage.folder}/table", str(stage.config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "2 partitions, 2 rows" in done.stderr
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
