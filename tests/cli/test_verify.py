"""`verify`: what is wrong is found, named, and told with what to do; what is right is left in peace."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from loader.storage.local import local_path
from tests.cli.stage import Stage, hotswap
from tests.cli.tamper import alter, files, partition, rewrite
from tests.world import TABLE


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    stage.batch(("c", "mon", 1), ("b", "wed", 2))
    return stage


def verified(stage: Stage, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the findings."""
    done = hotswap(stage, "verify", "--json", *options)
    assert done.out, done.err
    return done.code, json.loads(done.out)["findings"]


def test_a_table_that_nobody_touched_agrees(stage: Stage) -> None:
    assert verified(stage) == (0, [])


def test_a_table_that_nobody_touched_agrees_row_by_row(stage: Stage) -> None:
    assert verified(stage, "--deep") == (0, [])


def test_a_rolled_back_table_agrees_row_by_row(stage: Stage) -> None:
    hotswap(stage, "rollback", "ads.clicks", "--to", "1", "--yes")
    assert verified(stage, "--deep") == (0, [])


def test_a_table_without_batches_agrees(tmp_path: Path) -> None:
    assert verified(Stage(tmp_path), "--deep") == (0, [])


def test_it_says_what_it_compared(stage: Stage) -> None:
    assert "batch 2: 3 partitions, 3 files, 3 rows" in hotswap(stage, "verify").out


def lose_a_file(stage: Stage) -> None:
    files(stage, "mon")[0].unlink()


def lose_a_directory(stage: Stage) -> None:
    shutil.rmtree(local_path(partition(stage, "mon").location))


def cut_a_file(stage: Stage) -> None:
    path = files(stage, "mon")[0]
    path.write_bytes(path.read_bytes()[:-1])


def spoil_a_footer(stage: Stage) -> None:
    path = files(stage, "mon")[0]
    data = bytearray(path.read_bytes())
    data[-9:] = b"\xff" * 9
    path.write_bytes(bytes(data))


def lose_an_index_segment(stage: Stage) -> None:
    next((stage.folder / "table/_hotswap/state/index").iterdir()).unlink()


def say_more_rows(stage: Stage) -> None:
    """The manifest claims a row that its file does not hold."""
    (manifest,) = (stage.folder / "table/_hotswap/state/log").glob("*2.manifest.json")
    manifest.write_text(manifest.read_text().replace('"rows":2', '"rows":3'))


@pytest.mark.parametrize(
    ("break_it", "check"),
    [
        (lose_a_file, "files"),
        (lose_a_directory, "files"),
        (cut_a_file, "files"),
        (spoil_a_footer, "files"),
        (lose_an_index_segment, "key index"),
        (say_more_rows, "row counts"),
    ],
)
def test_what_is_lost_is_damage(stage: Stage, break_it: Callable[[Stage], None], check: str) -> None:
    break_it(stage)
    code, found = verified(stage)
    assert code == 5
    assert check in {finding["check"] for finding in found if finding["grade"] == "damage"}
    assert all(finding["do"] for finding in found)


def double_in_a_file(stage: Stage) -> None:
    rewrite(stage, "mon", ("a", 1), ("a", 2))


def double_in_the_table(stage: Stage) -> None:
    rewrite(stage, "mon", ("a", 1), ("b", 1))


def foreign_key(stage: Stage) -> None:
    rewrite(stage, "mon", ("a", 1), ("stranger", 1))


def forgotten_key(stage: Stage) -> None:
    rewrite(stage, "mon", ("a", 1))


@pytest.mark.parametrize("break_it", [double_in_a_file, double_in_the_table, foreign_key, forgotten_key])
def test_a_deep_look_finds_keys_that_are_not_where_they_should_be_once(
    stage: Stage, break_it: Callable[[Stage], None]
) -> None:
    break_it(stage)
    assert verified(stage)[0] == 0, "only a deep look can tell"
    code, found = verified(stage, "--deep")
    assert (code, {finding["grade"] for finding in found}) == (5, {"damage"})


def test_a_key_in_the_wrong_file_of_its_partition_is_damage(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.batch(*((f"k{number}", "mon", number) for number in range(40)))
    _, second, *_ = files(stage, "mon")
    keys = pq.read_table(second).column("id").to_pylist()
    rewrite(stage, "mon", *((key, 0) for key in keys))
    code, found = verified(stage, "--deep")
    assert (code, any("belong to another file" in finding["what"] for finding in found)) == (5, True)


def move_it(stage: Stage) -> str:
    alter(stage, "mon", location="file:///elsewhere")
    return "SET LOCATION"


def put_it_back(stage: Stage) -> str:
    """ANALYZE TABLE: the whole partition as it was read before a swap."""
    before = partition(stage, "mon")
    stage.batch(("a", "mon", 5))
    alter(stage, "mon", location=before.location, parameters=before.parameters)
    return "hotswap recover ads.clicks"


def drop_it(stage: Stage) -> str:
    stage.metastore.drop_partition(TABLE, ("mon",))
    return "ADD PARTITION (day='mon') LOCATION"


def add_one(stage: Stage) -> str:
    alike = partition(stage, "mon")
    added = type(alike)(("theirs",), "file:///theirs", alike.columns, alike.format, {})
    stage.metastore.add_partitions(TABLE, [added])
    return "Drop it"


def insert(stage: Stage) -> str:
    (local_path(partition(stage, "mon").location) / "000000_0").write_bytes(b"PAR1")
    return "mv "


def change_columns(stage: Stage) -> str:
    alter(stage, "mon", columns=partition(stage, "mon").columns[:1])
    return "ALTER TABLE"


def miscount(stage: Stage) -> str:
    alter(stage, "mon", parameters={**partition(stage, "mon").parameters, "numRows": "17"})
    return "hotswap recover"


def lose_the_placeholder(stage: Stage) -> str:
    (stage.folder / "table/day=mon").rmdir()
    return "mkdir -p"


def let_the_server_run_msck(stage: Stage) -> str:
    stage.metastore.alter_table_parameters(TABLE, {"discover.partitions": "true"})
    return "UNSET TBLPROPERTIES"


HANDS = [
    move_it,
    put_it_back,
    drop_it,
    add_one,
    insert,
    change_columns,
    miscount,
    lose_the_placeholder,
    let_the_server_run_msck,
]


@pytest.mark.parametrize("hand", HANDS)
def test_what_somebody_changed_is_told_with_what_to_do(stage: Stage, hand: Callable[[Stage], str]) -> None:
    do = hand(stage)
    code, found = verified(stage)
    assert (code, {finding["grade"] for finding in found}) == (6, {"to do"})
    assert do in found[0]["do"]


def test_findings_for_a_person_stand_above_what_to_do(stage: Stage) -> None:
    insert(stage)
    lines = hotswap(stage, "verify").out.splitlines()
    assert "000000_0 is not ours" in lines[0]
    assert lines[1].strip().startswith("→ Move it away")


def test_verify_changes_nothing(stage: Stage) -> None:
    put_it_back(stage)
    before = (sorted(stage.folder.rglob("*")), stage.metastore.all_partitions(TABLE))
    verified(stage, "--deep")
    assert (sorted(stage.folder.rglob("*")), stage.metastore.all_partitions(TABLE)) == before
