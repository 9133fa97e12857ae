"""How the configuration says that data files are written; proved at the start against the table's columns."""

from typing import TYPE_CHECKING

import pyarrow as pa

from loader.datafiles.orc_file import OrcSettings
from loader.datafiles.parquet_file import ParquetSettings
from loader.datafiles.split_file import WriteSettings
from loader.mapping.errors import MappingError, did_you_mean
from partitioner.merge.sorting import is_sortable

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def write_settings(table: "TableSettings") -> WriteSettings:
    return WriteSettings(
        parquet=ParquetSettings(compression=table.compression, timestamps=table.timestamps),
        orc=OrcSettings(compression=table.compression, stripe_bytes=table.row_group_bytes),
        row_group_bytes=table.row_group_bytes,
        sort_by=table.sort_by,
    )


def check_files(table: "TableSettings", schema: pa.Schema) -> None:
    """`schema`: the data columns. Raises MappingError for what no file can hold, or be sorted by."""
    for name in table.sort_by:
        if name not in schema.names:
            raise MappingError(
                f"{name!r} is no column of the data files", did_you_mean(name, schema.names), ("sort_by",)
            )
        if not is_sortable(schema.field(name).type):
            raise MappingError(f"rows cannot be sorted by {name}, which is nested", path=("sort_by",))
    for field in schema if table.format == "orc" else ():
        if pa.types.is_nested(field.type) and "timestamp" in str(field.type):
            raise MappingError(
                f"column {field.name} has timestamps inside of {field.type}, which ORC may not give back",
                "Use format: parquet, or another type for the column.",
                ("format",),
            )
