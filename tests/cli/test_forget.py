"""`forget`: what goes, what stays, and when it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loader.ops.forget import PROPERTIES
from loader.ops.init import properties_of
from loader.state.claim import claim_of, make_claim
from loader.state.layout import Layout
from loader.storage.local import LocalFiles
from tests.cli.stage import Stage, hotswap
from tests.world import TABLE, visible

ROWS = {"a": ("mon", 1), "b": ("tue", 2)}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A claimed table with two batches and a fence."""
    made = Stage(tmp_path)
    location = f"file://{tmp_path}/table"
    config = made.config.read_text()
    made.config.write_text(config.replace("hbase_table:", f"location: {location}\n    lock_wait: 0s\n    hbase_table:"))
    claim(made)
    made.batch(("a", "mon", 1))
    made.batch(("b", "tue", 2))
    return made


def claim(stage: Stage) -> None:
    settings = stage.load(str(stage.config)).table()
    hive = stage.metastore.table(TABLE)
    make_claim(LocalFiles(), Layout.of(hive.location), claim_of(stage.metastore, hive))
    stage.metastore.alter_table_parameters(TABLE, properties_of(settings, hive.location))


def below(stage: Stage, folder: str) -> list[str]:
    root = stage.folder / "table" / "_hotswap" / folder
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()) if root.exists() else []


def test_without_yes_it_shows_what_would_go_and_changes_nothing(stage: Stage) -> None:
    before = (below(stage, ""), stage.metastore.table(TABLE))
    done = hotswap(stage, "forget", "ads.clicks")
    assert done.code == 0
    assert "claim.json" in done.out
    assert "/state/log" in done.out
    assert "The Hive table stays with 2 partitions" in done.out
    assert "nothing was changed (--yes forgets it)" in done.out
    assert (below(stage, ""), stage.metastore.table(TABLE)) == before


def test_with_yes_the_rows_stay_and_all_else_goes(stage: Stage) -> None:
    versions = below(stage, "versions")
    report = json.loads(hotswap(stage, "forget", "ads.clicks", "--yes", "--json").out)
    assert report["done"] is True
    assert visible(stage.metastore) == ROWS
    assert below(stage, "versions") == versions
    assert below(stage, "") == [f"versions/{name}" for name in versions]
    assert not set(PROPERTIES) & set(stage.metastore.table(TABLE).parameters)
    assert len(stage.metastore.partition_names(TABLE)) == 2
    assert not stage.metastore.locks(TABLE)


def test_twice_is_harmless(stage: Stage) -> None:
    hotswap(stage, "forget", "ads.clicks", "--yes")
    again = hotswap(stage, "forget", "ads.clicks", "--yes")
    assert (again.code, "nothing of hotswap's" in again.out) == (0, True)


def test_a_loader_that_holds_the_lock_keeps_its_table(stage: Stage) -> None:
    before = below(stage, "")
    stage.metastore.lock(TABLE, "loader", "elsewhere", "hotswap other")
    done = hotswap(stage, "forget", "ads.clicks", "--yes")
    assert (done.code, below(stage, "")) == (3, before)


def test_an_open_attempt_keeps_its_table(stage: Stage) -> None:
    outcome = max((stage.folder / "table" / "_hotswap" / "state" / "log").glob("*.outcome.json"))
    outcome.unlink()
    done = hotswap(stage, "forget", "ads.clicks", "--yes")
    assert done.code == 3
    assert "hotswap recover" in done.err


def test_a_claim_of_another_table_is_left_alone(stage: Stage) -> None:
    path = stage.folder / "table" / "_hotswap" / "claim.json"
    path.write_text(path.read_text().replace("ads.clicks", "ads.other"))
    before = below(stage, "")
    done = hotswap(stage, "forget", "ads.clicks", "--yes")
    assert (done.code, below(stage, "")) == (3, before)
    assert "belongs to ads.other" in done.err


@pytest.mark.parametrize("again", [True, False], ids=["created again", "dropped"])
def test_a_dropped_table_is_forgotten_where_it_lay(stage: Stage, again: bool) -> None:
    table = stage.metastore.table(TABLE)
    stage.metastore.drop_table(TABLE)
    if again:
        stage.metastore.create_table(replace(table, create_time=table.create_time + 7))
    assert hotswap(stage, "forget", "ads.clicks", "--yes").code == 0
    assert all(name.startswith("versions/") for name in below(stage, ""))


def test_what_others_put_into_the_state_folder_stays(stage: Stage) -> None:
    strange = stage.folder / "table" / "_hotswap" / "state" / "notes.txt"
    strange.write_text("mine")
    hotswap(stage, "forget", "ads.clicks", "--yes")
    assert strange.read_text() == "mine"
