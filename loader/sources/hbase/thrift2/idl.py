"""The part of HBase's Thrift2 interface that is used, with field ids from `hbase.thrift` of hbase-thrift 2.6.1.

Requests are made with keyword arguments. What is read has no constructor of its own, because a scan makes a million of
them: thrift's C code makes an empty one and sets what the server sent.
"""

from typing import Any

from thrift.protocol.TBase import TBase, TExceptionBase
from thrift.Thrift import TType

from loader.sources.hbase.access.row import Cell, Row


class RegionInfo:
    """A `THRegionInfo` as read. Its regionId is always 0: the server does not fill it in."""

    startKey: bytes = b""
    endKey: bytes = b""
    replicaId: int = 0


class RegionLocation:
    """A `THRegionLocation` as read, without its server: that is the Thrift server's business."""

    regionInfo: RegionInfo


class Family:
    """A `TColumnFamilyDescriptor` as read. `attributes`: TTL, VERSIONS and the like, as the HBase shell shows them;
    `configuration`: what the family sets otherwise than the server.
    """

    name: bytes
    attributes: dict[bytes, bytes] = {}  # noqa: RUF012 - thrift's C code sets the instance's own
    configuration: dict[bytes, bytes] = {}  # noqa: RUF012 - likewise


class TableDescriptor:
    """A `TTableDescriptor` as read."""

    columns: list[Family]


_Kind = tuple[int, Any]  # Thrift type, and what the type needs to be known of its parts

BOOL: _Kind = (TType.BOOL, None)
BYTE: _Kind = (TType.BYTE, None)
I32: _Kind = (TType.I32, None)
I64: _Kind = (TType.I64, None)
BINARY: _Kind = (TType.STRING, "BINARY")
TEXT: _Kind = (TType.STRING, "UTF8")
BINARY_MAP: _Kind = (TType.MAP, (TType.STRING, "BINARY", TType.STRING, "BINARY", False))


def of(kind: type) -> _Kind:
    """A field that holds a request struct."""
    return (TType.STRUCT, [kind, kind.thrift_spec])  # type: ignore[attr-defined]


def list_of(kind: _Kind) -> _Kind:
    return (TType.LIST, (kind[0], kind[1], False))


Field = tuple[int, str, _Kind]


def spec(*fields: Field) -> tuple[Any, ...]:
    """Thrift's own table of a struct's fields: position = field id."""
    table: list[Any] = [None] * (max((number for number, _, _ in fields), default=-1) + 1)
    for number, name, (kind, parts) in fields:
        table[number] = (number, kind, name, parts, None)
    return tuple(table)


def _init(self: Any, **fields: Any) -> None:
    for name in self.__slots__:
        setattr(self, name, fields.pop(name, None))
    if fields:
        raise TypeError(f"{type(self).__name__} has no field {', '.join(fields)}")


def struct(name: str, *fields: Field, base: type = TBase) -> Any:
    """A class whose instances can be sent; every field is optional and None is not sent."""
    names = tuple(field for _, field, _ in fields)
    return type(name, (base,), {"__slots__": names, "__init__": _init, "thrift_spec": spec(*fields)})


def read_as(kind: type, *fields: Field) -> _Kind:
    """A struct that is only read."""
    return (TType.STRUCT, [kind, spec(*fields)])


TTimeRange = struct("TTimeRange", (1, "minStamp", I64), (2, "maxStamp", I64))
TColumn = struct("TColumn", (1, "family", BINARY), (2, "qualifier", BINARY), (3, "timestamp", I64))
TColumnValue = struct(
    "TColumnValue", (1, "family", BINARY), (2, "qualifier", BINARY), (3, "value", BINARY), (4, "timestamp", I64)
)
TGet = struct(
    "TGet",
    (1, "row", BINARY),
    (2, "columns", list_of(of(TColumn))),
    (5, "maxVersions", I32),
    (11, "cacheBlocks", BOOL),
    (12, "storeLimit", I32),
)
TPut = struct(
    "TPut",
    (1, "row", BINARY),
    (2, "columnValues", list_of(of(TColumnValue))),
    (3, "timestamp", I64),
    (5, "attributes", BINARY_MAP),
)
TDelete = struct(
    "TDelete",
    (1, "row", BINARY),
    (2, "columns", list_of(of(TColumn))),
    (3, "timestamp", I64),
    (4, "deleteType", I32),
)
TMutation = struct("TMutation", (1, "put", of(TPut)), (2, "deleteSingle", of(TDelete)))
TRowMutations = struct("TRowMutations", (1, "row", BINARY), (2, "mutations", list_of(of(TMutation))))
TScan = struct(
    "TScan",
    (1, "startRow", BINARY),
    (2, "stopRow", BINARY),
    (3, "columns", list_of(of(TColumn))),
    (4, "caching", I32),
    (5, "maxVersions", I32),
    (6, "timeRange", of(TTimeRange)),
    (7, "filterString", BINARY),
    (8, "batchSize", I32),
    (9, "attributes", BINARY_MAP),
    (12, "cacheBlocks", BOOL),
    (18, "filterBytes", BINARY),
)
TTableName = struct("TTableName", (1, "ns", BINARY), (2, "qualifier", BINARY))

CELL = read_as(
    Cell,
    (1, "family", BINARY),
    (2, "qualifier", BINARY),
    (3, "value", BINARY),
    (4, "timestamp", I64),
    (6, "type", BYTE),
)
ROW = read_as(Row, (1, "row", BINARY), (2, "columnValues", list_of(CELL)))
REGION = read_as(RegionInfo, (3, "startKey", BINARY), (4, "endKey", BINARY), (7, "replicaId", I32))
LOCATION = read_as(RegionLocation, (2, "regionInfo", REGION))
FAMILY = read_as(Family, (1, "name", BINARY), (2, "attributes", BINARY_MAP), (3, "configuration", BINARY_MAP))
TABLE = read_as(TableDescriptor, (2, "columns", list_of(FAMILY)))


class DeleteType:
    """`TDeleteType`: which marker a delete of columns leaves."""

    VERSION = 0
    COLUMN = 1
    FAMILY = 2
    FAMILY_VERSION = 3


TIOError = struct("TIOError", (1, "message", TEXT), (2, "canRetry", BOOL), base=TExceptionBase)
TIllegalArgument = struct("TIllegalArgument", (1, "message", TEXT), base=TExceptionBase)

_IO: Field = (1, "io", of(TIOError))
_ILLEGAL: Field = (2, "ia", of(TIllegalArgument))


def _call(name: str, arguments: tuple[Field, ...], success: _Kind | None, *errors: Field) -> tuple[str, Any, Any]:
    results = errors if success is None else ((0, "success", success), *errors)
    return name, struct(f"{name}_args", *arguments), struct(f"{name}_result", *results)


_TABLE: Field = (1, "table", BINARY)
_TABLE_NAME: Field = (1, "tableName", of(TTableName))
_SCANNER: Field = (1, "scannerId", I32)

CALLS = {
    name: (arguments, result)
    for name, arguments, result in (
        _call("getThriftServerType", (), I32),
        _call("getAllRegionLocations", (_TABLE,), list_of(LOCATION), _IO),
        _call("tableExists", (_TABLE_NAME,), BOOL, _IO),
        _call("isTableEnabled", (_TABLE_NAME,), BOOL, _IO),
        _call("getTableDescriptor", ((1, "table", of(TTableName)),), TABLE, _IO),
        _call("openScanner", (_TABLE, (2, "tscan", of(TScan))), I32, _IO),
        _call("getScannerRows", (_SCANNER, (2, "numRows", I32)), list_of(ROW), _IO, _ILLEGAL),
        _call("closeScanner", (_SCANNER,), None, _IO, _ILLEGAL),
        _call("get", (_TABLE, (2, "tget", of(TGet))), ROW, _IO),
        _call("getMultiple", (_TABLE, (2, "tgets", list_of(of(TGet)))), list_of(ROW), _IO),
        _call("put", (_TABLE, (2, "tput", of(TPut))), None, _IO),
        _call("putMultiple", (_TABLE, (2, "tputs", list_of(of(TPut)))), None, _IO),
        _call("deleteSingle", (_TABLE, (2, "tdelete", of(TDelete))), None, _IO),
        _call("deleteMultiple", (_TABLE, (2, "tdeletes", list_of(of(TDelete)))), list_of(of(TDelete)), _IO),
        _call("mutateRow", (_TABLE, (2, "trowMutations", of(TRowMutations))), None, _IO),
    )
}
"""Call → (class of its arguments, class of its result)."""
