"""`hotswap init`: check HBase, create or validate the Hive table, claim its location."""

from collections.abc import Mapping as Dict
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

from loader.basics.errors import ConfigError, HotswapError, UnsuitableTable
from loader.publish.preconditions import check_configured, specs
from loader.publish.suitable import check_format, check_suitable
from loader.report import reports
from loader.state.claim import Claim, check_unclaimed, claim_of, make_claim, read_claim
from loader.state.deleting import delete_object, remove_made
from loader.state.layout import Layout
from loader.state.names import check_formats
from loader.storage.choose import files_of
from loader.storage.files import Files, join
from loader.storage.places import HOTSWAP_FOLDER
from loader.wiring.source_name import source_name
from loader.wiring.table import FORMATS, check_places, environment, identity, layout_of, open_metastore
from metastore.api import Column, Metastore, Table, TableName
from metastore.errors import MetastoreError, NoSuchTable
from metastore.fence import fence_values

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.mapping.of_table import OfTable
    from loader.wiring.definition import Rows

FOLDER_PROPERTY = "hotswap.folder"
HBASE_PROPERTY, SOURCE_PROPERTY = "hotswap.hbase.table", "hotswap.source"


INIT_PROPERTY = "hotswap.init"
"""Which run of `init` makes the table, until it is done: so it drops what it made, and nothing else."""


def initialise(settings: "Settings", table: "TableSettings") -> reports.InitReport:
    """Everything is checked before anything is made, and what was made is undone if the rest fails.

    Raises what HBase and the metastore raise, UnsuitableTable, ForeignClaim, NewerFormat.
    """
    from loader.wiring.definition import configured_mapping, record_definition, rows_mapping  # noqa: PLC0415 - brings pyarrow

    mapping = configured_mapping(table)
    regions = _ask_source(settings, table, mapping)
    metastore = open_metastore(settings)
    hive, created = claimed_table(metastore, settings, table, mapping)
    env = environment(metastore, files_of(hive.location, table.state), hive, table, identity())
    record_definition(env, table, rows_mapping(table, env))
    return reports.InitReport(
        table=str(hive.name),
        location=hive.location,
        created=created,
        columns=mapping.columns,
        partition_keys=mapping.partition_keys,
        hbase_table=table.hbase_table,
        regions=regions,
        source=source_name(table),
        warnings=_warnings(table, hive),
    )


def _ask_source(settings: "Settings", table: "TableSettings", mapping: "Rows") -> int:
    """How many regions the HBase table has; a log has none. Raises what HBase, or the log, raises."""
    from loader.mapping.events.event_mapping import EventMapping  # noqa: PLC0415 - brings pyarrow
    from loader.wiring.events import log_of  # noqa: PLC0415 - likewise
    from loader.wiring.source import inspect_source  # noqa: PLC0415 - likewise

    if not isinstance(mapping, EventMapping):
        return inspect_source(settings, table, mapping)
    with closing(log_of(table)) as log:
        log.poll(None, 1)
    return 0


def claimed_table(
    metastore: Metastore, settings: "Settings", table: "TableSettings", mapping: "OfTable"
) -> tuple[Table, bool]:
    """The Hive table with its location claimed, and whether it was created. If that fails, nothing of it is left."""
    found = _checked(metastore, table, mapping)
    location = found.location if found else table.location or ""
    check_places(settings, table, location)
    check_formats(files_of(location, table.state), layout_of(table, location))
    with ExitStack() as undo:
        hive = found or _create(metastore, table, mapping, undo)
        check_fits(hive, table, mapping)  # what a server makes of a table that it creates is its own business
        _claim(metastore, table, hive, undo)
        _note(metastore, hive.name, properties_of(table, hive.location))
        undo.pop_all()
    return hive, found is None


def _checked(metastore: Metastore, table: "TableSettings", mapping: "OfTable") -> Table | None:
    """The table that is there; None: it can be created."""
    try:
        found = metastore.table(table.hive_table)
    except NoSuchTable:
        _check_creatable(metastore, table)
        return None
    _check(metastore, found, table, mapping)
    return found


def _check_creatable(metastore: Metastore, table: "TableSettings") -> None:
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


def _create(metastore: Metastore, table: "TableSettings", mapping: "OfTable", undo: ExitStack) -> Table:
    who, location = identity(), table.location or ""
    files = files_of(location)
    if not files.exists(location):
        undo.callback(remove_made, files, location)
    files.make_dirs(location)
    undo.callback(_drop_own, metastore, table.hive_table, who.run)
    metastore.create_table(
        Table(
            name=table.hive_table,
            columns=tuple(Column(name, kind) for name, kind in mapping.columns),
            partition_keys=tuple(Column(name, kind) for name, kind in mapping.partition_keys),
            location=location,
            format=FORMATS[table.format],
            kind="EXTERNAL_TABLE",
            parameters={"EXTERNAL": "TRUE", INIT_PROPERTY: who.run},
            owner=who.user,
        )
    )
    return metastore.table(table.hive_table)


def _claim(metastore: Metastore, table: "TableSettings", hive: Table, undo: ExitStack) -> None:
    files, layout = files_of(hive.location, table.state), layout_of(table, hive.location)
    claim = claim_of(metastore, hive)
    undo.callback(remove_made, files, join(layout.table, HOTSWAP_FOLDER))
    undo.callback(remove_made, files, layout.state)
    for path in (layout.claim, layout.state_claim):
        if not files.exists(path):
            undo.callback(_unclaim, files, layout, path, claim)
    make_claim(files, layout, claim)


def _note(metastore: Metastore, name: TableName, properties: Dict[str, str]) -> None:
    try:
        metastore.alter_table_parameters(name, properties, [INIT_PROPERTY])
    except MetastoreError:
        if not properties.items() <= metastore.table(name).parameters.items():
            raise


# What is undone: each of these may fail for the reason for which the rest did


def _drop_own(metastore: Metastore, name: TableName, run: str) -> None:
    """The table, if this run of `init` made it: its call may have landed though it failed."""
    with suppress(MetastoreError):
        if metastore.table(name).parameters.get(INIT_PROPERTY) == run:
            metastore.drop_table(name)


def _unclaim(files: Files, layout: Layout, path: str, claim: Claim) -> None:
    with suppress(OSError, HotswapError):
        if read_claim(files, path) == claim:
            delete_object(files, layout, path)


def properties_of(table: "TableSettings", location: str) -> Dict[str, str]:
    of = {HBASE_PROPERTY: table.hbase_table} if table.source is None else {SOURCE_PROPERTY: source_name(table)}
    return {FOLDER_PROPERTY: join(location, HOTSWAP_FOLDER), **of}


def check_fits(found: Table, table: "TableSettings", mapping: "OfTable") -> None:
    """The Hive table is of a kind that can be kept, and is what the configuration says. Raises UnsuitableTable."""
    check_suitable(found)
    if not found.partition_keys:
        raise UnsuitableTable(f"{found.name} is not partitioned", "hotswap repoints partitions: partition the table.")
    check_configured(found.name, "columns", specs(found.columns), mapping.columns)
    check_configured(found.name, "partition keys", specs(found.partition_keys), mapping.partition_keys)
    check_format(found, FORMATS[table.format])


def _check(metastore: Metastore, found: Table, table: "TableSettings", mapping: "OfTable") -> None:
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
