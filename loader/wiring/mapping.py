"""From the configuration of a table to its mapping and its transform."""

from typing import TYPE_CHECKING

from loader.mapping import Mapping
from loader.mapping.build import build_mapping
from loader.mapping.codecs import DECODER
from loader.mapping.transform import Columned, Transform

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def mapping_of(table: "TableSettings", decoder: int = DECODER) -> Mapping:
    """By this version of the decoder; what a table's rows are read by is for wiring/definition.py to say.

    Raises MappingError.
    """
    computed = tuple(table.transform.select or ())
    return build_mapping(
        table.columns, table.mapping, table.partition_by, table.time_zone, table.row_key, computed, decoder
    )


def transform_of(table: "TableSettings", mapping: Columned) -> Transform | None:
    """The configured select and where; None if there is neither. Raises MappingError."""
    select, where = table.transform.select, table.transform.where
    if not select and not where:
        return None
    from loader.mapping.sql.transform import SqlTransform  # noqa: PLC0415 - two libraries that few tables need

    return SqlTransform(select or {}, where, mapping)
