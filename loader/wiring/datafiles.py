"""From the configuration to what writes data files."""

from typing import TYPE_CHECKING

from loader.datafiles.split_file import Tools
from loader.datafiles.write_settings import write_settings
from loader.mapping import Mapping
from loader.state.open_table import Environment

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def tools_of(table: "TableSettings", env: Environment, mapping: Mapping) -> Tools:
    return Tools(
        files=env.files,
        raw_keys=mapping.raw_keys,
        columns=env.columns,
        format=env.format,
        key_columns=mapping.key_columns,
        settings=write_settings(table),
    )
