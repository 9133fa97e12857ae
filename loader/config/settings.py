"""The configuration: one YAML file as frozen, typed values. `load` reads it; wiring/check.py proves what costs more.

Durations are float seconds, sizes int bytes. What every setting means stands in conf/hotswap.example.yaml.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from loader.basics.errors import ConfigError
from loader.basics.quantities import parse_share
from loader.config.document import Document, KeyPath, dotted, nearest, read_document
from loader.config.model import Model
from loader.config.places import clashes, state_problem
from loader.config.problems import config_error
from loader.config.setting_types import (
    Bytes,
    Columns,
    Grace,
    HiveTable,
    Location,
    MetastoreUris,
    Seconds,
    Secret,
    Share,
    TimeZone,
    at_key,
    listen_address,
)
from loader.config.source_settings import EventField, HBaseSettings, SourceSettings, TlsSettings
from metastore.api import TableName
from metastore.auth import Auth, Mechanism, Tls


class MetastoreSettings(Model):
    """The Hive metastore. `uris` are tried in turn; `timeout` is that of one call, the swap included."""

    uris: MetastoreUris
    timeout: Seconds = 600.0
    auth: Literal["none", "ldap", "kerberos"] = "none"
    user: str = ""
    password: Secret = SecretStr("")
    kerberos_service: str = "hive"
    tls: TlsSettings | bool = False

    @model_validator(mode="after")
    def _can_log_in(self) -> "MetastoreSettings":
        self.log_in()
        return self

    def log_in(self) -> Auth:
        """Who the loader is to the metastore. ValueError for what does not go together."""
        files = self.tls if isinstance(self.tls, TlsSettings) else TlsSettings()
        return Auth(
            Mechanism(self.auth),
            user=self.user,
            password=self.password.get_secret_value(),
            service=self.kerberos_service,
            tls=Tls(files.ca, files.certificate, files.key) if self.tls else None,
        )


class Cell(Model):
    """Where a column's bytes are: `cell` is `family:qualifier`, `family:` or `:key`; `type` how they are encoded."""

    cell: str
    type: str | None = None


class RowKey(Model):
    """A row key made of several columns: cut at `delimiter`, or into pieces of `widths` bytes."""

    columns: tuple[str, ...] = Field(min_length=1)
    delimiter: str | None = None
    widths: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _one_way_to_cut(self) -> "RowKey":
        if (self.delimiter is None) == (self.widths is None):
            raise ValueError("give either delimiter or widths")
        return self


class PartitionBy(Model):
    """One partition key: the column `from` (default: that of the same name), `as` some expression over it."""

    name: str
    type: str | None = None
    source: str | None = Field(None, alias="from")
    expression: str | None = Field(None, alias="as")


class Transform(Model):
    """Spark SQL over each decoded row: `select` (name → expression) and `where`; rows filtered out count as deleted."""

    select: Mapping[str, str] | None = None
    where: str | None = None


class ReconcileSettings(Model):
    """The comparison with HBase: `every` so often beside the stream (None: never), `rate` in rows a second."""

    every: Seconds | None = None
    repair: bool = True
    rate: Annotated[int, Field(ge=0)] = 20_000
    wait: Seconds = 900.0


class KeepFor(Model):
    """Of the batches committed `within` so long ago, keep one `every` so often (0: all) for rollback."""

    every: Seconds = 0.0
    within: Seconds


class Alarms(Model):
    """When a table wants a person: in `status --check`, the log and the metrics. `null` switches one off."""

    lag: Seconds | None = 300.0
    watermark_age: Seconds | None = 1800.0
    swap_age: Seconds | None = None
    partition_age: Seconds | None = None
    size_change: Annotated[float, BeforeValidator(parse_share), Field(gt=0)] | None = 0.5
    quarantine_age: Seconds | None = 86400.0
    hold_age: Seconds | None = 0.0
    debt_age: Seconds | None = 0.0
    lock_age: Seconds | None = 600.0
    free_space: Share | None = 0.1


class Metrics(Model):
    """Where a running loader tells Prometheus how it does; without `listen` it does not."""

    listen: Annotated[str, BeforeValidator(listen_address)] | None = None


def _short_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


def _short_cell(value: Any) -> Any:
    return {"cell": value} if isinstance(value, str) else value


def _short_partition(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


OF_MIRRORS = frozenset(
    (
        "hbase_table",
        "mapping",
        "row_key",
        "lag",
        "overlap",
        "wal_sync_timeout",
        "max_keys",
        "max_row_bytes",
        "reconcile",
    )
)
OF_EVENTS = frozenset(("fields", "max_events"))
"""Settings that mean something for one kind of table only."""


class TableSettings(Model):
    """One Hive table, and the HBase table that it is kept equal to or the source of the events that it holds."""

    hbase_table: str = ""
    source: SourceSettings | None = None
    hive_table: HiveTable
    columns: Columns
    mapping: str | Mapping[str, Annotated[Cell, BeforeValidator(_short_cell)]] = ""
    fields: Mapping[str, Annotated[EventField, BeforeValidator(_short_field)]] = {}
    row_key: RowKey | None = None
    partition_by: tuple[Annotated[PartitionBy, BeforeValidator(_short_partition)], ...] = Field(min_length=1)
    transform: Transform = Transform()
    time_zone: TimeZone | None = None
    location: Location | None = None
    state: Location | None = None
    poll_every: Annotated[Seconds, Field(gt=0)] = 1.0
    publish_every: Seconds = 30.0
    lag: Seconds = 1.0
    overlap: Seconds = 5.0
    wal_sync_timeout: Seconds = 300.0
    bytes_per_file: Annotated[Bytes, Field(ge=1024)] = 32 << 20
    format: Literal["parquet", "orc"] = "parquet"
    compression: Literal["snappy", "zstd", "gzip", "none"] = "snappy"
    timestamps: Literal["int96", "int64"] = "int96"
    row_group_bytes: Annotated[Bytes, Field(ge=1 << 20)] = 64 << 20
    sort_by: tuple[str, ...] = ()
    max_keys: Annotated[int, Field(ge=1)] = 1_000_000
    max_events: Annotated[int, Field(ge=1)] = 1_000_000
    max_row_bytes: Annotated[Bytes, Field(ge=1 << 20, le=1 << 30)] = 64 << 20
    max_rejected: Annotated[int, Field(ge=0)] = 1000
    max_delete_share: Share = 0.5
    max_partition_delete_share: Share = 1.0
    partitions_per_swap: Annotated[int, Field(ge=2)] | None = None
    lock_wait: Seconds = 60.0
    fence: bool = True
    reconcile: ReconcileSettings = ReconcileSettings()
    reader_grace: Grace = 3 * 3600.0
    history: tuple[KeepFor, ...] = (
        KeepFor(every=0.0, within=3600.0),
        KeepFor(every=900.0, within=86400.0),
        KeepFor(every=3600.0, within=3 * 86400.0),
    )
    alarms: Alarms = Alarms()

    @model_validator(mode="after")
    def _one_source(self) -> "TableSettings":
        if self.source is None:
            for needed in ("hbase_table", "mapping"):
                if not getattr(self, needed):
                    raise at_key("is missing (or `source`, for a table of events)", needed)
        given = self.model_fields_set & (OF_MIRRORS if self.source is not None else OF_EVENTS)
        if given:
            kind = "of events" if self.source is not None else "kept equal to HBase"
            raise at_key(f"does not go with a table {kind}", sorted(given)[0])
        return self

    @model_validator(mode="after")
    def _state_is_hidden_from_readers(self) -> "TableSettings":
        problem = state_problem(self.location, self.state) if self.location and self.state else None
        if problem is not None:
            raise at_key(problem, "state")
        return self


def _name_is_hive_table(tables: Any) -> Any:
    """A table entered under its Hive table's name need not repeat it."""
    if not isinstance(tables, dict):
        return tables
    return {
        name: {"hive_table": name} | table if isinstance(table, dict) and "." in name else table
        for name, table in tables.items()
    }


class Settings(Model):
    """The whole file. `tables` is keyed as in the file; `table` finds one by that name or by its Hive table."""

    metastore: MetastoreSettings
    hbase: HBaseSettings | None = None
    tables: Annotated[Mapping[str, TableSettings], BeforeValidator(_name_is_hive_table)] = Field(min_length=1)
    spark: Mapping[str, Secret] = {}
    metrics: Metrics = Metrics()
    _document: Document | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _hbase_where_it_is_wanted(self) -> "Settings":
        for name, table in self.tables.items():
            if self.hbase is None and table.source is None:
                raise at_key(f"is missing: table {name} is kept equal to an HBase table", "hbase")
        return self

    @model_validator(mode="after")
    def _one_writer_a_table(self) -> "Settings":
        seen: dict[TableName, str] = {}
        for name, table in self.tables.items():
            if other := seen.get(table.hive_table):
                raise at_key(f"writes the same Hive table as {other}", "tables", name)
            seen[table.hive_table] = name
        return self

    @model_validator(mode="after")
    def _a_place_is_one_tables(self) -> "Settings":
        for clash in clashes(self.tables):
            raise at_key(clash.message, "tables", clash.table, clash.key)
        return self

    @property
    def file(self) -> str:
        """The file that they were read from."""
        return self._document.file if self._document else "the configuration"

    def hbase_of_tables(self) -> HBaseSettings:
        """Where HBase is. Raises ConfigError if the file does not say it: no table of it is kept equal to HBase."""
        if self.hbase is None:
            raise ConfigError(
                f"{self.file} does not say where HBase is", "Add `hbase:`, see conf/hotswap.example.yaml."
            )
        return self.hbase

    def table(self, name: str | None = None) -> TableSettings:
        """The table of this name; without a name, the only one. ConfigError names the nearest and lists all."""
        if name is None and len(self.tables) == 1:
            return next(iter(self.tables.values()))
        for key, table in self.tables.items():
            if name is not None and (name == key or name.lower() == str(table.hive_table)):
                return table
        raise self._no_such_table(name)

    def _no_such_table(self, name: str | None) -> ConfigError:
        listed = ", ".join(self.tables)
        if name is None:
            return ConfigError(f"{self.file} describes {len(self.tables)} tables", f"Name one of {listed}.")
        near = nearest(name, [*self.tables, *(str(table.hive_table) for table in self.tables.values())])
        hint = f"Did you mean {near}? " if near else ""
        return ConfigError(f"{self.file} describes no table {name}", f"{hint}Tables there: {listed}.")

    def placed(self, path: KeyPath, message: str) -> str:
        """`message` with file, line and key."""
        place = f"{self._document.place(path)}: " if self._document else ""
        return f"{place}{dotted(path)}: {message}"


def load(path: str | Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and type the configuration. ConfigError: one line for each thing that is wrong, with file, line and key."""
    document = read_document(path, environment)
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        raise config_error(document, error) from None
    settings._document = document
    return settings
