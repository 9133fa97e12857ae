"""The columns that the loader itself adds have names that no column of a Hive table can have."""

import ast
from pathlib import Path

import pyarrow as pa

import loader
import partitioner
from loader.state.change_sets import load_change_set, store_change_set
from loader.state.layout import Layout
from loader.storage.local import LocalFiles
from partitioner.changes.change_set import META, ChangeSet
from partitioner.values import AttemptId
from tests.unit.partitioner.build import Change, change_set

ROOMS = [Path(room.__file__ or "").parent for room in (loader, partitioner)]
OF_OLD = {f"__{name.removeprefix(':')}" for name in META.names} | {"__until", "__partition", "__kind", "__split"}
ATTEMPT = AttemptId("b0000000001-x")


def test_every_column_of_a_change_set_that_is_not_the_users_begins_with_a_colon() -> None:
    assert all(name.startswith(":") for name in META.names)


def test_no_source_file_spells_one_of_the_names_of_old() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for room in ROOMS
        for path in room.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in OF_OLD
    ]
    assert not found


def as_stored_of_old(changes: ChangeSet) -> ChangeSet:
    names = [f"__{name.removeprefix(':')}" if name in META.names else name for name in changes.rows.column_names]
    return ChangeSet(changes.rows.rename_columns(names), changes.partitions)


def test_a_change_set_of_an_older_release_is_read_as_one_of_today(tmp_path: Path) -> None:
    files, layout = LocalFiles(), Layout.of(f"file://{tmp_path}")
    changes = change_set([Change("a", "1", "p", None), Change("b", None, None, "q")])
    store_change_set(files, layout, ATTEMPT, as_stored_of_old(changes))
    assert load_change_set(files, layout, ATTEMPT) == changes


def test_users_columns_keep_their_names_whatever_they_are(tmp_path: Path) -> None:
    """`__op` and `__deleted` are what a well-known source of change events calls two columns of its own."""
    files, layout = LocalFiles(), Layout.of(f"file://{tmp_path}")
    changes = change_set([Change("a", "1", "p", None)])
    theirs = [f"__{name.removeprefix(':')}" for name in META.names]
    rows = changes.rows
    for name in theirs:
        rows = rows.append_column(name, pa.array(["theirs"]))
    store_change_set(files, layout, ATTEMPT, ChangeSet(rows, changes.partitions))
    assert load_change_set(files, layout, ATTEMPT).rows.column_names == rows.column_names
