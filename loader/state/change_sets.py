"""Change sets on files: one Arrow IPC file an attempt, its partition values in the schema's metadata."""

import json

from loader.state.arrow_objects import arrow_bytes, read_arrow
from loader.state.layout import Layout
from loader.state.objects import parse_object
from loader.storage.files import Files
from partitioner.changes.change_set import META, ChangeSet
from partitioner.values import AttemptId

_OF_OLD = {f"__{name.removeprefix(':')}": name for name in META.names}
"""How releases before format 2 called the META columns; they came first."""


def part_of(attempt: AttemptId) -> str:
    """The object of a change set that one process wrote whole, below <state>/changes/."""
    return f"{attempt}.arrow"


def store_change_set(files: Files, layout: Layout, attempt: AttemptId, changes: ChangeSet) -> None:
    """FileExistsError if the attempt has one."""
    files.create(layout.changes(attempt), bytes_of(changes))


def load_change_set(files: Files, layout: Layout, attempt: AttemptId) -> ChangeSet:
    """FileNotFoundError if retention has removed it. Raises Damage."""
    return change_set_at(files, layout.changes(attempt))


def bytes_of(changes: ChangeSet) -> bytes:
    """As it is stored."""
    metadata = {"partitions": json.dumps(changes.partitions)}
    return arrow_bytes(changes.rows.replace_schema_metadata(metadata), compression="lz4")


def change_set_at(files: Files, path: str) -> ChangeSet:
    """FileNotFoundError, Damage."""
    rows = read_arrow(files, path, META, renamed=_OF_OLD)
    told = (rows.schema.metadata or {}).get(b"partitions", b"")
    partitions = parse_object(path, told, tuple[tuple[str, ...], ...])
    return ChangeSet(rows.replace_schema_metadata(None), partitions)
