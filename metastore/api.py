"""What the house asks of a Hive metastore: plain values and one protocol.

Two implementations pass the same contract suite: `client.ThriftMetastore` and `memory.InMemoryMetastore`.
All names of databases, tables and columns are lower-case, as the metastore keeps them. Partition values are never
escaped here: escaping belongs to paths and partition names (`names.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Protocol

PartitionValues = tuple[str, ...]
Version = tuple[int, int, int]

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""What a null or empty partition value is called."""

DEFAULT_MAX_MESSAGE_BYTES = 100 * 1024 * 1024  # hive.metastore.server.max.message.size
DEFAULT_LOCK_TIMEOUT_S = 300.0  # hive.txn.timeout

_IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's full name, lower-cased. Letters, digits and underscores only, as in Hive's `validateName`."""

    database: str
    table: str

    def __post_init__(self) -> None:
        for part in (self.database, self.table):
            if not _IDENTIFIER.fullmatch(part):
                raise ValueError(f"{part!r} is not a Hive name: letters, digits and underscores only")
        object.__setattr__(self, "database", self.database.lower())
        object.__setattr__(self, "table", self.table.lower())

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """`db.table` → TableName. ValueError says what is wrong with anything else."""
        parts = text.split(".")
        if len(parts) != 2:
            raise ValueError(f"{text!r} is not a table name: write it as database.table")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `type` is Hive's spelling, for example `decimal(10,2)`."""

    name: str
    type: str
    comment: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())


@dataclass(frozen=True, slots=True)
class StorageFormat:
    """How the files of a table or partition are read and written: Java class names and the serde's parameters."""

    input_format: str
    output_format: str
    serde: str
    serde_parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "serde_parameters", dict(self.serde_parameters))


PARQUET = StorageFormat(
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    {"serialization.format": "1"},
)
ORC = StorageFormat(
    "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
    "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    {"serialization.format": "1"},
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the metastore describes it.

    `kind` is the metastore's table type: EXTERNAL_TABLE, MANAGED_TABLE, VIRTUAL_VIEW and so on. `create_time` is in
    seconds since 1970 (0: let the server set it). `bucketed_by` and `skewed_by` are read only: a table that is created
    has neither. `rest` carries everything else that the server sent; it is opaque and not compared.
    """

    name: TableName
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    location: str
    format: StorageFormat
    kind: str = "EXTERNAL_TABLE"
    parameters: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    create_time: int = 0
    bucketed_by: tuple[str, ...] = ()
    skewed_by: tuple[str, ...] = ()
    rest: object = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", dict(self.parameters))


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition. Change one with `dataclasses.replace(p, location=…, parameters=…)`: what you do not name is kept.

    `values` are in the order of the table's partition keys, unescaped, an empty one as NULL_PARTITION. `columns` must
    not be empty (Hive 2.3 corrupts the partition). `bucketed_by` and `skewed_by` are read only. `rest`
    carries everything else that the server sent (bucketing, sort order, skew, privileges…), so that a
    read-modify-write loses nothing.
    """

    values: PartitionValues
    location: str
    columns: tuple[Column, ...]
    format: StorageFormat
    parameters: Mapping[str, str] = field(default_factory=dict)
    create_time: int = 0
    bucketed_by: tuple[str, ...] = ()
    skewed_by: tuple[str, ...] = ()
    rest: object = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(value or NULL_PARTITION for value in self.values))
        object.__setattr__(self, "parameters", dict(self.parameters))


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is known of one column of one partition. None: not known, or not of this type.

    `low`, `high` of numbers, dates, decimals, and of timestamps in seconds since 1970; `longest` and `average` in
    characters, or bytes of binary; `distinct` is about.
    """

    name: str
    type: str
    nulls: int | None = None
    distinct: int | None = None
    low: int | float | date | Decimal | None = None
    high: int | float | date | Decimal | None = None
    longest: int | None = None
    average: float | None = None
    trues: int | None = None
    falses: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """What answered: `version` is detected from it, `text` is its own word for that, `uuid` is None before 3.0.

    `max_message_bytes` is the longest request that it takes, `lock_timeout_s` how long a lock lives without heartbeat.
    """

    version: Version
    text: str
    uuid: str | None
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S


class LockState(Enum):
    ACQUIRED = "acquired"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of ours: held, or queued behind another."""

    id: int
    state: LockState


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Anyone's lock, as `SHOW LOCKS` tells it. Times: seconds since 1970 by the server's clock; None if not told."""

    id: int
    state: LockState
    user: str
    host: str
    agent: str
    acquired_at: float | None
    last_heartbeat: float | None
    database: str
    table: str
    type: str


class Metastore(Protocol):
    """The calls. Every one may raise `Unreachable`; a read never raises `NoReply`, a mutating call may.

    Any exception of a mutating call but `Unreachable` and `TooLarge` leaves open whether it happened (listeners fire
    after the commit): settle by reading.
    """

    def server(self) -> Server: ...

    def setting(self, key: str) -> str | None:
        """What the server is configured to (`hive.…`, `metastore.…`); None if it is not set, or not told."""

    def database_exists(self, name: str) -> bool: ...

    def create_database(self, name: str, location: str | None = None) -> None:
        """Raises `AlreadyExists`. Without a location the server puts it under its warehouse."""

    def table(self, name: TableName) -> Table:
        """Raises `NoSuchTable`."""

    def create_table(self, table: Table) -> None:
        """Raises `AlreadyExists`."""

    def alter_table_parameters(self, name: TableName, set: Mapping[str, str], remove: Iterable[str] = ()) -> None:
        """Read-modify-write of the table's parameters only. Raises `NoSuchTable`."""

    def add_columns(self, name: TableName, columns: Sequence[Column]) -> None:
        """ALTER TABLE … ADD COLUMNS without CASCADE: partitions keep theirs. Raises `NoSuchTable`, `Refused`."""

    def drop_table(self, name: TableName, delete_data: bool = False) -> None:
        """Raises `NoSuchTable`."""

    def partition_names(self, name: TableName) -> tuple[PartitionValues, ...]:
        """The values of all partitions, unescaped, in order of their names. Raises `NoSuchTable`."""

    def partitions(self, name: TableName, values: Sequence[PartitionValues]) -> tuple[Partition, ...]:
        """The partitions of these values, in their order; absent ones are left out.

        Raises `NoSuchTable`, and `IncompleteAnswer` when the server answers with partitions not asked for, or twice.
        """

    def all_partitions(self, name: TableName) -> tuple[Partition, ...]:
        """Every partition, in order of names, in one call (0.9 KB each at 10 columns). Raises `NoSuchTable`."""

    def add_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        """One call, all or none. Raises `NoSuchTable`, `AlreadyExists`, `TooLarge`. An empty sequence does nothing."""

    def alter_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        """The swap: ONE call in the given order, all or none, parameters taken verbatim (DO_NOT_UPDATE_STATS).

        Never resent. Raises `NoSuchPartition` (with the values missing), `NoSuchTable`, `Refused`, `NoReply`,
        `TooLarge`. An empty sequence does nothing.
        """

    def set_column_statistics(
        self, name: TableName, statistics: Mapping[PartitionValues, Sequence[ColumnStatistics]]
    ) -> None:
        """Store them for each partition; carries no location, so it moves nothing. Raises `NoSuchTable`, `Refused`."""

    def column_statistics(
        self, name: TableName, values: Sequence[PartitionValues], columns: Sequence[str]
    ) -> Mapping[PartitionValues, tuple[ColumnStatistics, ...]]:
        """What is stored, by name; partitions and columns without statistics are left out. Raises `NoSuchTable`."""

    def drop_partition(self, name: TableName, values: PartitionValues) -> bool:
        """Drop the metadata, never the data. False if it was not there. Raises `NoSuchTable`."""

    def drop_partitions(self, name: TableName, values: Sequence[PartitionValues]) -> None:
        """ONE call, all or none: a missing one fails all. Drops the metadata, never the data. Never resent.

        Raises as `alter_partitions`. An empty sequence does nothing.
        """

    def lock(self, name: TableName, user: str, host: str, agent: str) -> Lock:
        """Ask for the table lock that keeps loaders apart. A WAITING one stands in the queue until it is unlocked.

        The table need not exist: servers do not ask. After `NoReply` look for an orphan by `agent` in `locks`.
        """

    def check_lock(self, lock_id: int) -> Lock:
        """Its state now; counts as a heartbeat. Raises `NoSuchLock`."""

    def heartbeat(self, lock_id: int) -> None:
        """Keep the lock alive. Raises `NoSuchLock` when it has expired."""

    def unlock(self, lock_id: int) -> None:
        """Afterwards there is no such lock; none is needed before (2.3 does not tell)."""

    def locks(self, name: TableName) -> tuple[LockInfo, ...]:
        """Every lock on the table, held or waiting, by id."""

    def close(self) -> None: ...
