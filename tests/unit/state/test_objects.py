"""The one reader of state objects, by example: what is refused, what is passed over, what a newer hotswap left."""

import json
import os
from pathlib import Path

import pytest

from loader.basics.errors import Damage, NewerFormat
from loader.ops.verify.partitions import snapshot, verify_table
from loader.state.names import check_formats, strays
from loader.state.open_table import Environment
from metastore.memory import InMemoryMetastore
from partitioner.history.manifest import FORMAT
from tests.unit.state.damage import DEEP, full_table, objects
from tests.world import Source, open_world, run_batch, visible


class Table:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "_hotswap/state"
        self.metastore: InMemoryMetastore
        self.source: Source
        self.metastore, self.source = full_table(folder)

    def env(self) -> Environment:
        return open_world(self.metastore, self.folder, "again", clock=3_000_000)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "table")


LEFTOVERS = (
    "0000000005.manifest.json.bak",
    "0000000005.intent.json~",
    "1x",
    "0000000004.json",
    "0000000009",
    "5.intent.json",
)


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_a_backup_tool_leaves_is_no_batch_and_is_told_of(table: Table, name: str) -> None:
    before = table.env().state.records()
    (table.state / "log" / name).write_bytes((table.state / "log/0000000003.manifest.json").read_bytes())
    env = table.env()
    assert env.state.records() == before
    assert env.state.latest().attempts == table.env().state.latest().attempts
    notes = [finding for finding in verify_table(env, snapshot(env)) if finding.check == "state"]
    assert [(note.grade, note.where.endswith(f"/log/{name}")) for note in notes] == [("note", True)]
    table.source.bad = set()
    table.source.put("new", "mon", 9)
    run_batch(env, table.source)
    assert "new" in visible(table.metastore)


def test_an_untouched_state_folder_has_no_strays(table: Table) -> None:
    env = table.env()
    assert list(strays(env.files, env.layout)) == []


@pytest.mark.parametrize("part", ["intent", "outcome", "manifest"])
@pytest.mark.parametrize("name", ["../../../outside", "..", "a/b", "", "."])
def test_an_attempts_id_is_never_taken_for_a_path(table: Table, part: str, name: str) -> None:
    path = table.state / f"log/0000000003.{part}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attempt": name}))
    with pytest.raises(Damage, match=rf"0000000003\.{part}\.json is not readable: .*no plain name"):
        table.env().state.records()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"format": 2, "batch": 3, "att', "Invalid JSON"),
        (b"{}", "batch: Field required"),
        (b"", "Invalid JSON"),
        (DEEP.encode(), "recursion limit"),
        (b"[]", "should be an object"),
        (b'{"batch": "3"}', "batch: Input should be a valid integer"),
    ],
)
def test_a_half_written_or_foreign_object_says_what_is_wrong_with_it(table: Table, content: bytes, why: str) -> None:
    (table.state / "log/0000000003.intent.json").write_bytes(content)
    with pytest.raises(Damage, match=r"0000000003\.intent\.json") as told:
        table.env().state.records()
    assert why in told.value.message
    assert "backup" in told.value.hint


def test_a_pipe_is_not_waited_for(table: Table) -> None:
    path = table.state / "checkpoints/0000000003.json"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Damage, match=r"0000000003.json is a pipe, not a regular file"):
        table.env().state.latest()


def test_a_batch_that_is_wholly_missing_is_damage(table: Table) -> None:
    for path in (table.state / "log").glob("0000000002.*"):
        path.unlink()
    with pytest.raises(Damage, match=r"log/0000000002.intent.json is missing"):
        table.env().state.records()


# ---- a newer hotswap


KINDS = (
    *("log", "checkpoints", "positions", "epochs", "asked", "reconciles", "evolutions", "debts", "sightings"),
    "quarantine",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_programs_object_stops_this_one_wherever_it_lies(table: Table, kind: str) -> None:
    newest = [path for path in objects(table.folder) if path.parent.name == kind][-1]
    newest.write_text(json.dumps(json.loads(newest.read_text()) | {"format": FORMAT + 1, "new": {}}))
    env = table.env()
    with pytest.raises(NewerFormat, match=rf"format {FORMAT + 1}; this one knows up to {FORMAT}") as told:
        check_formats(env.files, env.layout)
    assert "Upgrade" in told.value.hint


@pytest.mark.parametrize("name", ["log/0000000004.parts.json", "log/0000000004.manifest.v9", "positions/m5.json"])
def test_a_newer_programs_object_is_not_passed_over_for_its_name(table: Table, name: str) -> None:
    (table.state / name).write_text(json.dumps({"format": FORMAT + 1}))
    env = table.env()
    with pytest.raises(NewerFormat):
        check_formats(env.files, env.layout)


def test_a_batch_over_a_newer_programs_log_writes_and_deletes_nothing(table: Table) -> None:
    path = table.state / "log/0000000003.outcome.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": FORMAT + 1}))
    before = {path: path.read_bytes() for path in objects(table.folder)}
    table.source.put("new", "mon", 9)
    with pytest.raises(NewerFormat):
        run_batch(table.env(), table.source)
    assert {path: path.read_bytes() for path in objects(table.folder)} == before
