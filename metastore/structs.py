"""The Thrift structs and calls that we use, as data: hmsclient's where they serve, our own where they fall short.

hmsclient's structs are Hive 2.x's. Ours differ where a read-modify-write would otherwise lose or break something:

- `SerDeInfo`, `Table`, `Partition` keep what 3.x and 4.x store besides (descriptions, catalog, owner's type). What
  belongs to one transaction or one answer (write id, statistics, capabilities) is left out on purpose: it is not sent
  back.
- `SkewedInfo` reads its map keys as tuples; the generated one reads lists and fails on every skewed table.

A `Call` names a method, its argument struct and its result struct. `translate.py` turns the structs into `api` values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hmsclient.genthrift.fb303 import FacebookService as fb303
from hmsclient.genthrift.hive_metastore import ThriftHiveMetastore as hive
from hmsclient.genthrift.hive_metastore import ttypes
from thrift.protocol.TBase import TBase
from thrift.Thrift import TType

Type = tuple[int, Any]
STRING: Type = (TType.STRING, "UTF8")
BOOL: Type = (TType.BOOL, None)
I32: Type = (TType.I32, None)


def list_of(item: Type, frozen: bool = False) -> Type:
    return (TType.LIST, (*item, frozen))


def map_of(key: Type, value: Type) -> Type:
    return (TType.MAP, (*key, *value, False))


def struct(of: Any) -> Type:
    return (TType.STRUCT, [of, of.thrift_spec])


class Struct(TBase):  # type: ignore[misc]
    """A Thrift struct declared by its `fields`: (id, name, type), in order of ids. Fields that are not set are None."""

    fields: ClassVar[Sequence[tuple[int, str, Type]]] = ()
    thrift_spec: ClassVar[tuple[Any, ...]] = ()

    def __init_subclass__(cls) -> None:
        by_id = {id_: (id_, type_[0], name, type_[1], None) for id_, name, type_ in cls.fields}
        cls.thrift_spec = tuple(by_id.get(id_) for id_ in range(max(by_id, default=-1) + 1))

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update({name: None for _, name, _ in self.fields})
        self.__dict__.update(dict(zip((name for _, name, _ in self.fields), values, strict=False)), **named)

    def __getattr__(self, name: str) -> Any:  # only for type checkers: every field is in __dict__
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


class SerDeInfo(Struct):
    fields = (
        (1, "name", STRING),
        (2, "serializationLib", STRING),
        (3, "parameters", map_of(STRING, STRING)),
        (4, "description", STRING),
        (5, "serializerClass", STRING),
        (6, "deserializerClass", STRING),
        (7, "serdeType", I32),
    )


class SkewedInfo(Struct):
    fields = (
        (1, "skewedColNames", list_of(STRING)),
        (2, "skewedColValues", list_of(list_of(STRING))),
        (3, "skewedColValueLocationMaps", map_of(list_of(STRING, frozen=True), STRING)),
    )


class StorageDescriptor(Struct):
    fields = (
        (1, "cols", list_of(struct(ttypes.FieldSchema))),
        (2, "location", STRING),
        (3, "inputFormat", STRING),
        (4, "outputFormat", STRING),
        (5, "compressed", BOOL),
        (6, "numBuckets", I32),
        (7, "serdeInfo", struct(SerDeInfo)),
        (8, "bucketCols", list_of(STRING)),
        (9, "sortCols", list_of(struct(ttypes.Order))),
        (10, "parameters", map_of(STRING, STRING)),
        (11, "skewedInfo", struct(SkewedInfo)),
        (12, "storedAsSubDirectories", BOOL),
    )


class Table(Struct):
    fields = (
        (1, "tableName", STRING),
        (2, "dbName", STRING),
        (3, "owner", STRING),
        (4, "createTime", I32),
        (5, "lastAccessTime", I32),
        (6, "retention", I32),
        (7, "sd", struct(StorageDescriptor)),
        (8, "partitionKeys", list_of(struct(ttypes.FieldSchema))),
        (9, "parameters", map_of(STRING, STRING)),
        (10, "viewOriginalText", STRING),
        (11, "viewExpandedText", STRING),
        (12, "tableType", STRING),
        (13, "privileges", struct(ttypes.PrincipalPrivilegeSet)),
        (14, "temporary", BOOL),
        (15, "rewriteEnabled", BOOL),
        (17, "catName", STRING),
        (18, "ownerType", I32),
    )


class Partition(Struct):
    fields = (
        (1, "values", list_of(STRING)),
        (2, "dbName", STRING),
        (3, "tableName", STRING),
        (4, "createTime", I32),
        (5, "lastAccessTime", I32),
        (6, "sd", struct(StorageDescriptor)),
        (7, "parameters", map_of(STRING, STRING)),
        (8, "privileges", struct(ttypes.PrincipalPrivilegeSet)),
        (9, "catName", STRING),
    )


_META = struct(ttypes.MetaException)
_MISSING = struct(ttypes.NoSuchObjectException)


class GetTableResult(Struct):
    fields = ((1, "table", struct(Table)),)


class GetTableReqResult(Struct):
    fields = ((0, "success", struct(GetTableResult)), (1, "o1", _META), (2, "o2", _MISSING))


class CreateTableArgs(Struct):
    fields = ((1, "tbl", struct(Table)),)


class AlterTableArgs(Struct):
    fields = (
        (1, "dbname", STRING),
        (2, "tbl_name", STRING),
        (3, "new_tbl", struct(Table)),
        (4, "environment_context", struct(ttypes.EnvironmentContext)),
    )


class GetPartitionsResult(Struct):
    fields = ((0, "success", list_of(struct(Partition))), (1, "o1", _MISSING), (2, "o2", _META))


class GetPartitionsByNamesResult(Struct):
    """4.x tells by `o3` that there is no such table."""

    fields = (
        (0, "success", list_of(struct(Partition))),
        (1, "o1", _META),
        (2, "o2", _MISSING),
        (3, "o3", struct(ttypes.InvalidObjectException)),
    )


class AddPartitionsArgs(Struct):
    fields = ((1, "new_parts", list_of(struct(Partition))),)


class AlterPartitionsArgs(Struct):
    fields = (
        (1, "db_name", STRING),
        (2, "tbl_name", STRING),
        (3, "new_parts", list_of(struct(Partition))),
        (4, "environment_context", struct(ttypes.EnvironmentContext)),
    )


class NoArgs(Struct):
    """The arguments of a call without any."""


class GetUuidResult(Struct):
    fields = ((0, "success", STRING), (1, "o1", _META))


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the metastore's Thrift service. In `result` field 0 is what it returns, the others what it throws."""

    name: str
    args: Any
    result: Any


GET_VERSION = Call("getVersion", fb303.getVersion_args, fb303.getVersion_result)
GET_UUID = Call("get_metastore_db_uuid", NoArgs, GetUuidResult)  # since 3.0
GET_CONFIG = Call("get_config_value", hive.get_config_value_args, hive.get_config_value_result)
SET_UGI = Call("set_ugi", hive.set_ugi_args, hive.set_ugi_result)
GET_DATABASE = Call("get_database", hive.get_database_args, hive.get_database_result)
CREATE_DATABASE = Call("create_database", hive.create_database_args, hive.create_database_result)
GET_TABLE = Call("get_table_req", hive.get_table_req_args, GetTableReqResult)  # since 2.3; get_table is gone from 4.0.1
CREATE_TABLE = Call("create_table", CreateTableArgs, hive.create_table_result)
ALTER_TABLE = Call(
    "alter_table_with_environment_context", AlterTableArgs, hive.alter_table_with_environment_context_result
)
DROP_TABLE = Call("drop_table", hive.drop_table_args, hive.drop_table_result)
GET_PARTITION_NAMES = Call("get_partition_names", hive.get_partition_names_args, hive.get_partition_names_result)
GET_PARTITIONS = Call("get_partitions", hive.get_partitions_args, GetPartitionsResult)
GET_PARTITIONS_BY_NAMES = Call("get_partitions_by_names", hive.get_partitions_by_names_args, GetPartitionsByNamesResult)
ADD_PARTITIONS = Call("add_partitions", AddPartitionsArgs, hive.add_partitions_result)
ALTER_PARTITIONS = Call(
    "alter_partitions_with_environment_context",
    AlterPartitionsArgs,
    hive.alter_partitions_with_environment_context_result,
)
DROP_PARTITION = Call("drop_partition", hive.drop_partition_args, hive.drop_partition_result)
DROP_PARTITIONS = Call("drop_partitions_req", hive.drop_partitions_req_args, hive.drop_partitions_req_result)
LOCK = Call("lock", hive.lock_args, hive.lock_result)
CHECK_LOCK = Call("check_lock", hive.check_lock_args, hive.check_lock_result)
HEARTBEAT = Call("heartbeat", hive.heartbeat_args, hive.heartbeat_result)
UNLOCK = Call("unlock", hive.unlock_args, hive.unlock_result)
SHOW_LOCKS = Call("show_locks", hive.show_locks_args, hive.show_locks_result)
