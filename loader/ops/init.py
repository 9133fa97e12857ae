"""`hotswap init`: check HBase, create or validate the Hive table, claim its location."""

from collections.abc import Mapping as Dict
from typing import TYPE_CHECKING

from loader.basics.errors import ConfigError, UnsuitableTable
from loader.publish.preconditions import check_configured, specs
from loader.publish.suitable import check_format, check_suitable
from loader.report import reports
from loader.state.claim import check_unclaimed, claim_of, make_claim
from loader.state.names import check_formats
from loader.storage.choose import files_of
from loader.storage.files import join
from loader.wiring.table import FORMATS, check_places, identity, layout_of, open_metastore
from metastore.api import Column, Metastore, Table
from metastore.errors import NoSuchTable
from metastore.fence import fence_values

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.mapping import Mapping

FOLDER_PROPERTY = "hotswap.folder"
HBASE_PROPERTY = "hotswap.hbase.table"


def initialise(settings: "Settings", table: "TableSettings", sample: int | None) -> reports.InitReport:
    """Raises what HBase and the metastore raise, UnsuitableTable, ForeignClaim, NewerFormat."""
    from loader.ops.sample import sample_rows  # noqa: PLC0415 - brings pyarrow
    from loader.wiring.mapping import mapping_of  # noqa: PLC0415 - brings pyarrow
    from loader.wiring.source import inspect_source  # noqa: PLC0415 - brings pyarrow

    mapping = mapping_of(table)
    regions = inspect_source(settings, table, mapping)
    metastore = open_metastore(settings)
    hive, created = _table(metastore, table, mapping)
    files, layout = files_of(hive.location, table.state), layout_of(table, hive.location)
    check_places(settings, table, hive.location)
    check_formats(files, layout)
    make_claim(files, layout, claim_of(metastore, hive))
    metastore.alter_table_parameters(hive.name, properties_of(table, hive.location))
    return reports.InitReport(
        table=str(hive.name),
        location=hive.location,
        created=created,
        columns=mapping.columns,
        partition_keys=mapping.partition_keys,
        hbase_table=table.hbase_table,
        regions=regions,
        warnings=_warnings(table, hive),
        sample=sample_rows(settings, table, mapping, sample) if sample else (),
    )


def _table(metastore: Metastore, table: "TableSettings", mapping: "Mapping") -> tuple[Table, bool]:
    try:
        found = metastore.table(table.hive_table)
    except NoSuchTable:
        return _create(metastore, table, mapping), True
    _check(metastore, found, table, mapping)
    return found, False


def _create(metastore: Metastore, table: "TableSettings", mapping: "Mapping") -> Table:
    database = table.hive_table.database
    if not metastore.database_exists(database):
        raise ConfigError(
            f"the Hive database {database} does not exist", f"CREATE DATABASE {database}, or correct hive_table."
        )
    if table.location is None:
        raise ConfigError(
            f"{table.hive_table} does not exist yet, and no location says where its files shall lie",
            "Set `location:` of this table in the configuration, or create the external table yourself.",
        )
    check_unclaimed(files_of(table.location), layout_of(table, table.location), str(table.hive_table))
    who = identity()
    files_of(table.location).make_dirs(table.location)
    metastore.create_table(
        Table(
            name=table.hive_table,
            columns=tuple(Column(name, kind) for name, kind in mapping.columns),
            partition_keys=tuple(Column(name, kind) for name, kind in mapping.partition_keys),
            location=table.location,
            format=FORMATS[table.format],
            kind="EXTERNAL_TABLE",
            parameters={"EXTERNAL": "TRUE"},
            owner=who.user,
        )
    )
    return metastore.table(table.hive_table)


def properties_of(table: "TableSettings", location: str) -> Dict[str, str]:
    return {FOLDER_PROPERTY: join(location, "_hotswap"), HBASE_PROPERTY: table.hbase_table}


def check_fits(found: Table, table: "TableSettings", mapping: "Mapping") -> None:
    """The Hive table is of a kind that can be kept, and is what the configuration says. Raises UnsuitableTable."""
    check_suitable(found)
    if not found.partition_keys:
        raise UnsuitableTable(f"{found.name} is not partitioned", "hotswap repoints partitions: partition the table.")
    check_configured(found.name, "columns", specs(found.columns), mapping.columns)
    check_configured(found.name, "partition keys", specs(found.partition_keys), mapping.partition_keys)
    check_format(found, FORMATS[table.format])


def _check(metastore: Metastore, found: Table, table: "TableSettings", mapping: "Mapping") -> None:
    check_fits(found, table, mapping)
    strangers = metastore.partition_names(found.name)
    if strangers and not files_of(found.location).exists(layout_of(table, found.location).claim):
        raise UnsuitableTable(
            f"{found.name} has {len(strangers)} partition(s) that hotswap did not write",
            f"`hotswap adopt {found.name}` takes them over; or start with a table that has no partitions.",
        )


def _warnings(table: "TableSettings", hive: Table) -> tuple[str, ...]:
    warnings = []
    if not table.fence:
        warnings.append("fence: false - a swap whose reply is lost cannot be settled without a person")
    elif fence_values(hive.partition_keys, 1) is None:
        warnings.append("the partition keys have no spare value for a fence: lost replies need a person to settle")
    return tuple(warnings)
