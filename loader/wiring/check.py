"""Prove what the configuration says of a table before anything is opened: its mapping, transform and files."""

from loader.basics.errors import ConfigError
from loader.config.settings import Settings, TableSettings
from loader.datafiles.write_settings import check_files
from loader.wiring.definition import configured_mapping
from loader.wiring.mapping import transform_of


def check_settings(settings: Settings, only: TableSettings | None = None) -> None:
    """Prove each table's mapping, or that of `only`. Raises ConfigError with file, line and key."""
    for name, table in settings.tables.items():
        if only is None or table is only:
            _check_table(settings, name, table)


def _check_table(settings: Settings, name: str, table: TableSettings) -> None:
    try:
        mapping = configured_mapping(table)
        transform_of(table, mapping)
        check_files(table, mapping.schema)
    except ConfigError as error:
        path = ("tables", name, *getattr(error, "path", ("mapping",)))
        raise ConfigError(settings.placed(path, error.message), error.hint) from error
