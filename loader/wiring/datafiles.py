"""From the configuration to what writes data files."""

from typing import TYPE_CHECKING

import pyarrow as pa

from loader.datafiles.split_file import RawKeys, Tools
from loader.datafiles.write_settings import write_settings
from loader.mapping import Mapping
from loader.state.open_table import Environment
from partitioner.values import PartitionValues

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def tools_of(table: "TableSettings", env: Environment, mapping: Mapping) -> Tools:
    return _tools(table, env, mapping.raw_keys, mapping.key_columns)


def event_tools_of(table: "TableSettings", env: Environment) -> Tools:
    """Events have no keys."""
    return _tools(table, env, _no_keys, ())


def _tools(table: "TableSettings", env: Environment, raw_keys: RawKeys, key_columns: tuple[str, ...]) -> Tools:
    return Tools(
        files=env.files,
        raw_keys=raw_keys,
        columns=env.columns,
        format=env.format,
        key_columns=key_columns,
        rule=env.rule,
        settings=write_settings(table),
    )


def _no_keys(batch: pa.RecordBatch, partition: PartitionValues) -> pa.Array:
    raise RuntimeError("a table of events has no keys")
