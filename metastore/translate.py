"""Between Thrift structs and `api` values. What the values do not show travels in `rest`, in the struct as read."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from hmsclient.genthrift.hive_metastore import ttypes

from metastore import structs
from metastore.api import Column, Lock, LockInfo, LockState, Partition, StorageFormat, Table, TableName
from metastore.errors import Refused
from metastore.versions import LOCK_TYPE_NAMES

EXTERNAL = "EXTERNAL_TABLE"
_LOCK_STATES = {
    ttypes.LockState.ACQUIRED: LockState.ACQUIRED,
    ttypes.LockState.WAITING: LockState.WAITING,
}


def table_from(raw: Any) -> Table:
    return Table(
        name=TableName(raw.dbName, raw.tableName),
        columns=_columns_from(raw.sd.cols),
        partition_keys=_columns_from(raw.partitionKeys or ()),
        location=raw.sd.location or "",
        format=_format_from(raw.sd),
        kind=raw.tableType or "",
        parameters=_parameters_from(raw.parameters),
        owner=raw.owner or "",
        create_time=raw.createTime or 0,
        bucketed_by=_bucketed_by(raw.sd),
        skewed_by=tuple(raw.sd.skewedInfo.skewedColNames or ()) if raw.sd.skewedInfo else (),
        rest=_rest_of(raw),
    )


def table_to(table: Table) -> Any:
    """A new struct. The server keeps a table external only if its parameter EXTERNAL says so too."""
    raw = copy.copy(table.rest) if isinstance(table.rest, structs.Table) else structs.Table()
    raw.dbName, raw.tableName = table.name.database, table.name.table
    raw.sd = _descriptor_to(raw.sd, table.columns, table.location or None, table.format)
    raw.partitionKeys = _columns_to(table.partition_keys)
    raw.tableType, raw.owner, raw.createTime = table.kind, table.owner, table.create_time
    raw.parameters = stored_parameters(table)
    return raw


def stored_parameters(table: Table) -> dict[str, str]:
    """The table's parameters with the EXTERNAL=TRUE that an external table must have."""
    return {**({"EXTERNAL": "TRUE"} if table.kind == EXTERNAL else {}), **table.parameters}


def partition_from(raw: Any) -> Partition:
    return Partition(
        values=tuple(raw.values),
        location=raw.sd.location or "",
        columns=_columns_from(raw.sd.cols),
        format=_format_from(raw.sd),
        parameters=_parameters_from(raw.parameters),
        create_time=raw.createTime or 0,
        bucketed_by=_bucketed_by(raw.sd),
        skewed_by=tuple(raw.sd.skewedInfo.skewedColNames or ()) if raw.sd.skewedInfo else (),
        rest=_rest_of(raw),
    )


def partition_to(name: TableName, partition: Partition) -> Any:
    """A new struct with its own StorageDescriptor. ValueError on empty columns (Hive 2.3 corrupts the partition)."""
    if not partition.columns:
        raise ValueError(f"{name}: partition {partition.values} has no columns")
    raw = copy.copy(partition.rest) if isinstance(partition.rest, structs.Partition) else structs.Partition()
    raw.dbName, raw.tableName = name.database, name.table
    raw.values = list(partition.values)
    raw.sd = _descriptor_to(raw.sd, partition.columns, partition.location, partition.format)
    raw.parameters = dict(partition.parameters)
    raw.createTime = partition.create_time
    return raw


def lock_from(raw: Any) -> Lock:
    """Refused for a state in which we neither hold the lock nor wait for it (ABORT, NOT_ACQUIRED)."""
    state = _LOCK_STATES.get(raw.state)
    if state is None:
        text = ttypes.LockState._VALUES_TO_NAMES.get(raw.state, str(raw.state))
        raise Refused(f"lock {raw.lockid} is in state {text}", "Ask for the lock again.", "LockResponse")
    return Lock(raw.lockid, state)


def lock_infos_from(raw: Iterable[Any]) -> tuple[LockInfo, ...]:
    """By id; locks that are neither held nor waiting are left out."""
    return tuple(sorted((_lock_info_from(r) for r in raw if r.state in _LOCK_STATES), key=lambda info: info.id))


def _lock_info_from(raw: Any) -> LockInfo:
    return LockInfo(
        id=raw.lockid,
        state=_LOCK_STATES[raw.state],
        user=raw.user or "",
        host=raw.hostname or "",
        agent=raw.agentInfo or "",
        acquired_at=_seconds(raw.acquiredat),
        last_heartbeat=_seconds(raw.lastheartbeat),
        database=raw.dbname,
        table=raw.tablename or "",
        type=LOCK_TYPE_NAMES.get(raw.type, str(raw.type)),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None


def _columns_from(raw: Iterable[Any]) -> tuple[Column, ...]:
    return tuple(Column(c.name, c.type, c.comment or "") for c in raw)


def _columns_to(columns: Iterable[Column]) -> list[Any]:
    return [ttypes.FieldSchema(c.name, c.type, c.comment or None) for c in columns]


def _format_from(sd: Any) -> StorageFormat:
    sd.serdeInfo = sd.serdeInfo or structs.SerDeInfo()
    return StorageFormat(
        sd.inputFormat or "",
        sd.outputFormat or "",
        sd.serdeInfo.serializationLib or "",
        _parameters_from(sd.serdeInfo.parameters),
    )


def _bucketed_by(sd: Any) -> tuple[str, ...]:
    """Readers take columns for buckets only with their number, and a number only with columns."""
    return tuple(sd.bucketCols or ()) if (sd.numBuckets or 0) > 0 else ()


def _parameters_from(raw: Mapping[str, str | None] | None) -> dict[str, str]:
    return {key: value or "" for key, value in (raw or {}).items()}


def _descriptor_to(read: Any, columns: Iterable[Column], location: str | None, format_: StorageFormat) -> Any:
    """The values in a copy of what was read, or in a new descriptor as Hive makes one for an unbucketed table.

    What is not overwritten is shared with `read` and never changed.
    """
    sd = copy.copy(read) if read is not None else _new_descriptor()
    sd.serdeInfo = copy.copy(sd.serdeInfo or structs.SerDeInfo())
    sd.cols = _columns_to(columns)
    sd.location, sd.inputFormat, sd.outputFormat = location, format_.input_format, format_.output_format
    sd.serdeInfo.serializationLib = format_.serde
    sd.serdeInfo.parameters = dict(format_.serde_parameters)
    return sd


def _new_descriptor() -> Any:
    return structs.StorageDescriptor(
        compressed=False, numBuckets=-1, bucketCols=[], sortCols=[], parameters={}, storedAsSubDirectories=False
    )


def _rest_of(raw: Any) -> Any:
    """What a value does not show already: without columns and parameters, which make up most of a partition."""
    raw.sd.cols = raw.sd.serdeInfo.parameters = raw.parameters = None
    return raw
