"""Change sets on files: one Arrow IPC file an attempt, its partition values in the schema's metadata."""

import json

import pyarrow as pa

from loader.state.layout import Layout
from loader.storage.files import Files
from partitioner.changes.change_set import ChangeSet
from partitioner.values import AttemptId


def part_of(attempt: AttemptId) -> str:
    """The object of a change set that one process wrote whole, below <state>/changes/."""
    return f"{attempt}.arrow"


def store_change_set(files: Files, layout: Layout, attempt: AttemptId, changes: ChangeSet) -> None:
    """FileExistsError if the attempt has one."""
    metadata = {"partitions": json.dumps(changes.partitions)}
    rows = changes.rows.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(rows)
    files.create(layout.changes(attempt), sink.getvalue().to_pybytes())


def load_change_set(files: Files, layout: Layout, attempt: AttemptId) -> ChangeSet:
    """FileNotFoundError if retention has removed it."""
    rows = pa.ipc.open_file(pa.BufferReader(files.read(layout.changes(attempt)))).read_all()
    partitions = json.loads(rows.schema.metadata[b"partitions"])
    return ChangeSet(rows.replace_schema_metadata(None), tuple(tuple(values) for values in partitions))
