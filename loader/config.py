"""The configuration: one YAML file as frozen, typed values. `load` reads it, `Settings.check` proves what costs more.

Durations are float seconds, sizes int bytes. What every setting means stands in conf/hotswap.example.yaml.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from loader.document import Document, KeyPath, dotted, nearest, read_document
from loader.errors import ConfigError
from loader.quantities import Limit, parse_duration, parse_limit, parse_size
from metastore.api import TableName
from partitioner.values import canonical_location, lies_within, scheme_of

SHORTEST_GRACE = 600.0
HIVE_TYPES = [
    *("tinyint", "smallint", "int", "integer", "bigint", "float", "double", "decimal", "boolean", "string", "varchar"),
    *("char", "binary", "date", "timestamp", "array", "map", "struct"),
]

Seconds = Annotated[float, BeforeValidator(parse_duration)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
Rows = Annotated[InstanceOf[Limit], BeforeValidator(parse_limit)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, data: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in data if isinstance(data, dict) else ():
            if key not in known and key not in cls.model_fields:
                raise PydanticCustomError("unknown_key", "{key}", {"key": key, "nearest": nearest(key, known)})
        return data


def _several(value: Any) -> Any:
    """`a,b` or one value as a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _address(text: str, default_port: int) -> str:
    host, separator, port = text.rpartition(":")
    if not separator:
        host, port = text, str(default_port)
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", host) or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return f"{host}:{port}"


def _metastore_uri(text: str) -> str:
    scheme, separator, address = text.partition("://")
    if not separator or scheme != "thrift":
        raise ValueError(f"{text!r} is not a metastore URI such as thrift://host:9083")
    return f"thrift://{_address(address.rstrip('/'), 9083)}"


def _place_on_disk(text: str) -> str:
    if not text.startswith("/") and ":" not in text.partition("/")[0]:
        raise ValueError(f"{text!r} is relative: give an absolute path or a URI")
    if scheme_of(text) != "file":
        raise ValueError(f"{text!r} is on a file system that cannot be used yet: only local paths and file: URIs can")
    return canonical_location(text)


Location = Annotated[str, AfterValidator(_place_on_disk)]


def _secret(value: Any) -> Any:
    """`file:/path` stands for that file's first line."""
    if isinstance(value, (int, float)):
        return str(value).lower()
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    path = Path("/" + value.removeprefix("file:").lstrip("/"))
    try:
        return path.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the secret's file {path} cannot be read: {getattr(error, 'strerror', error)}") from error


Secret = Annotated[SecretStr, BeforeValidator(_secret)]


class MetastoreSettings(_Model):
    """The Hive metastore. `uris` are tried in turn; `timeout` is that of one call, the swap included."""

    uris: Annotated[tuple[Annotated[str, AfterValidator(_metastore_uri)], ...], BeforeValidator(_several)] = Field(
        min_length=1
    )
    timeout: Seconds = 600.0


class HBaseSettings(_Model):
    """HBase's Thrift2 servers as `host:port`, tried in turn; `timeout` is that of one call."""

    thrift: Annotated[
        tuple[Annotated[str, AfterValidator(lambda text: _address(text, 9090))], ...], BeforeValidator(_several)
    ] = Field(min_length=1)
    timeout: Seconds = 60.0


class Cell(_Model):
    """Where a column's bytes are: `cell` is `family:qualifier`, `family:` or `:key`; `type` how they are encoded."""

    cell: str
    type: str | None = None


class RowKey(_Model):
    """A row key made of several columns: cut at `delimiter`, or into pieces of `widths` bytes."""

    columns: tuple[str, ...] = Field(min_length=1)
    delimiter: str | None = None
    widths: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _one_way_to_cut(self) -> "RowKey":
        if (self.delimiter is None) == (self.widths is None):
            raise ValueError("give either delimiter or widths")
        return self


class PartitionBy(_Model):
    """One partition key: the column `from` (default: that of the same name), `as` some expression over it."""

    name: str
    type: str | None = None
    source: str | None = Field(None, alias="from")
    expression: str | None = Field(None, alias="as")


class Transform(_Model):
    """Spark SQL over each decoded row: `select` (name → expression) and `where`; rows filtered out count as deleted."""

    select: Mapping[str, str] | None = None
    where: str | None = None


class KeepFor(_Model):
    """Of the batches committed `within` so long ago, keep one `every` so often (0: all) for rollback."""

    every: Seconds = 0.0
    within: Seconds


def _grace(value: Any) -> Any:
    forced = isinstance(value, dict) and set(value) == {"time", "force"} and value["force"] is True
    seconds = parse_duration(value["time"] if forced else value)
    if seconds < SHORTEST_GRACE and not forced:
        raise ValueError(
            f"{value!r} is shorter than 10m: queries that run longer would lose their files. "
            "If no query does, write {time: …, force: true}"
        )
    return seconds


def _column_types(columns: Mapping[str, str]) -> Mapping[str, str]:
    for name, kind in columns.items():
        head = re.split(r"[(<\s]", kind.strip().lower(), maxsplit=1)[0]
        if head not in HIVE_TYPES:
            near = nearest(head, HIVE_TYPES)
            raise PydanticCustomError(
                "at_key",
                "{kind} is not a Hive type{near}",
                {"key": name, "kind": repr(kind), "near": f"; did you mean {near}?" if near else ""},
            )
    return columns


def _hive_table(value: Any) -> Any:
    return TableName.parse(value) if isinstance(value, str) else value


class TableSettings(_Model):
    """One Hive table and the HBase table that it is kept equal to."""

    hbase_table: str = Field(min_length=1)
    hive_table: Annotated[InstanceOf[TableName], BeforeValidator(_hive_table)]
    columns: Annotated[Mapping[str, str], AfterValidator(_column_types)] = Field(min_length=1)
    mapping: str | Mapping[str, Annotated[Cell, BeforeValidator(lambda v: {"cell": v} if isinstance(v, str) else v)]]
    row_key: RowKey | None = None
    partition_by: tuple[
        Annotated[PartitionBy, BeforeValidator(lambda v: {"name": v} if isinstance(v, str) else v)], ...
    ] = Field(min_length=1)
    transform: Transform = Transform()
    time_zone: str | None = None
    location: Location | None = None
    state: Location | None = None
    poll_every: Annotated[Seconds, Field(gt=0)] = 1.0
    publish_every: Seconds = 30.0
    lag: Seconds = 1.0
    overlap: Seconds = 5.0
    wal_sync_timeout: Seconds = 300.0
    bytes_per_file: Annotated[Bytes, Field(ge=1024)] = 32 << 20
    format: Literal["parquet", "orc"] = "parquet"
    timestamps: Literal["int96", "int64"] = "int96"
    max_rejected: Rows = Limit(rows=1000)
    lock_wait: Seconds = 60.0
    fence: bool = True
    reader_grace: Annotated[float, BeforeValidator(_grace)] = 3 * 3600.0
    history: tuple[KeepFor, ...] = (
        KeepFor(every=0.0, within=3600.0),
        KeepFor(every=900.0, within=86400.0),
        KeepFor(every=3600.0, within=3 * 86400.0),
    )

    @field_validator("format")
    @classmethod
    def _format_is_written(cls, value: str) -> str:
        if value == "orc":
            raise ValueError("orc cannot be written yet: use parquet")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, value: str | None) -> str | None:
        if value is not None:
            _require_time_zone(value)
        return value

    @model_validator(mode="after")
    def _state_is_hidden_from_readers(self) -> "TableSettings":
        if self.state and self.location and lies_within(self.state, self.location):
            below = self.state[len(self.location) :].lstrip("/")
            if not below.startswith(("_", ".")):
                raise PydanticCustomError(
                    "at_key",
                    "lies inside the table's location, where readers would take it for data: "
                    "put it elsewhere, or leave it out",
                    {"key": "state"},
                )
        return self


def _require_time_zone(name: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # noqa: PLC0415 - most runs need none

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(name, sorted(available_timezones()))
        raise ValueError(f"{name!r} is not a time zone{f'; did you mean {near}?' if near else ''}") from None


def _table_defaults(tables: Any) -> Any:
    """A table whose name is that of its Hive table need not repeat it."""
    if not isinstance(tables, dict):
        return tables
    return {
        name: {"hive_table": name} | table if isinstance(table, dict) and "." in name else table
        for name, table in tables.items()
    }


class Settings(_Model):
    """The whole file. `tables` is keyed as in the file; `table` finds one by that name or by its Hive table."""

    metastore: MetastoreSettings
    hbase: HBaseSettings
    tables: Annotated[Mapping[str, TableSettings], BeforeValidator(_table_defaults)] = Field(min_length=1)
    spark: Mapping[str, Secret] = {}
    _document: Document | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_writer_a_table(self) -> "Settings":
        seen: dict[TableName, str] = {}
        for name, table in self.tables.items():
            if other := seen.get(table.hive_table):
                raise PydanticCustomError(
                    "at_key", "writes the same Hive table as {other}", {"key": "tables", "table": name, "other": other}
                )
            seen[table.hive_table] = name
        return self

    @property
    def file(self) -> str:
        """The file they were read from; empty for settings made in code."""
        return self._document.file if self._document else ""

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

    def check(self) -> None:
        """Prove every table's mapping. Costs an import of pyarrow; ConfigError with file, line and key."""
        for name in self.tables:
            self.check_table(name)

    def check_table(self, name: str) -> None:
        """Prove one table's mapping."""
        from loader.mapping import Mapping as CellMapping  # noqa: PLC0415 - pulls in pyarrow, which `status` must not

        table = self.tables[name]
        try:
            CellMapping.build(table.columns, table.mapping, table.partition_by, table.time_zone, table.row_key)
        except ConfigError as error:
            path = ("tables", name, *getattr(error, "path", ("mapping",)))
            raise type(error)(self._placed(path, error.message), error.hint) from error

    def _placed(self, path: KeyPath, message: str) -> str:
        if self._document is None:
            return f"{dotted(path)}: {message}"
        return f"{self._document.place(path)}: {dotted(path)}: {message}"


def load(path: str | Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and type the configuration. ConfigError: one line for each thing that is wrong, with file, line and key."""
    document = read_document(path, environment)
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        raise _config_error(document, error) from None
    settings._document = document
    return settings


def _config_error(document: Document, error: ValidationError) -> ConfigError:
    problems = dict(_problem(document, detail) for detail in error.errors(include_url=False))
    lines = [
        document.concealed(f"{document.place(path)}: {dotted(path)}: {message}")
        for path, message in problems.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in problems)
    ]
    return ConfigError("\n".join(lines), "Every setting is explained in conf/hotswap.example.yaml.")


def _problem(document: Document, detail: ErrorDetails) -> tuple[KeyPath, str]:
    """Where it is, and what. Pydantic's words are about Python; a reader of YAML needs others."""
    path = document.real(detail["loc"])
    context = detail.get("ctx", {})
    match detail["type"]:
        case "unknown_key":
            near = f"; did you mean {context['nearest']}?" if context["nearest"] else ""
            return (*path, context["key"]), f"unknown key{near}"
        case "at_key":
            return (*path, context["key"], *([context["table"]] if "table" in context else [])), detail["msg"]
        case "missing":
            return (*path, detail["loc"][-1]), "is missing"
        case "value_error":
            return path, str(context["error"])
        case "too_short":
            return path, "must not be empty"
        case "tuple_type":
            return path, "must be a list"
        case "dict_type" | "model_type" | "mapping_type" | "model_attributes_type":
            return path, "must have keys of its own"
        case _:
            return path, detail["msg"].replace("Input should be", "must be")
