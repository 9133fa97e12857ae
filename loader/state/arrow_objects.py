"""State objects that are Arrow files: read as `loader.state.objects` reads the others."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from loader.state.objects import RESTORE, damaged, size_of
from loader.storage.files import Files

LARGEST = 1 << 40
"""Bytes: none is refused for its size, for it grows with what one batch changes, or with the table's keys."""


def read_arrow(
    files: Files, path: str, needs: pa.Schema, hint: str = RESTORE, renamed: Mapping[str, str] = MappingProxyType({})
) -> pa.Table:
    """The whole table, every offset in it proved; mapped into memory where that can be. `needs`: columns.

    `renamed`: old name → new name of its first columns, of objects that do not know the new ones. Raises
    FileNotFoundError, Damage.
    """
    if not size_of(files, path, hint, LARGEST):  # nothing cannot be mapped
        raise damaged(path, "is empty", hint)
    try:
        table = pa.ipc.open_file(files.open_mapped(path)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, f"is not readable: {error}", hint) from error
    if not set(renamed.values()) & set(table.column_names):
        first = [renamed.get(name, name) for name in table.column_names[: len(renamed)]]
        named = table.rename_columns([*first, *table.column_names[len(renamed) :]])
        table = named.replace_schema_metadata(table.schema.metadata)
    for field in needs:
        at = table.schema.get_field_index(field.name)
        if at < 0 or table.schema.field(at).type != field.type:
            raise damaged(path, f"has no column {field.name} of type {field.type}", hint)
    return table


def arrow_bytes(table: pa.Table, compression: str | None = None) -> bytes:
    """A table as such an object."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
