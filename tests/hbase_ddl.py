"""Make and drop tables through Thrift2, for tests on an HBase that is not ours: the product has no such calls.

Field numbers: org/apache/hadoop/hbase/thrift2/hbase.thrift of HBase 2.6.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from loader.sources.hbase.thrift2.idl import BINARY, BINARY_MAP, BOOL, TIOError, TTableName, list_of, of, struct

_Family = struct("TColumnFamilyDescriptor", (1, "name", BINARY), (2, "attributes", BINARY_MAP))
_Table = struct("TTableDescriptor", (1, "tableName", of(TTableName)), (2, "columns", list_of(of(_Family))))
_Create = struct("createTable_args", (1, "desc", of(_Table)), (2, "splitKeys", list_of(BINARY)))
_Name = struct("name_args", (1, "tableName", of(TTableName)))
_Truncate = struct("truncateTable_args", (1, "tableName", of(TTableName)), (2, "preserveSplits", BOOL))
_Done = struct("result", (0, "success", BOOL), (1, "io", of(TIOError)))


class Ddl:
    """Table calls on an open connection; names are "table" or "namespace:table"."""

    def __init__(self, protocol: TBinaryProtocol) -> None:
        self._protocol = protocol

    def create(self, name: str, families: Sequence[str], splits: Sequence[bytes], settings: Mapping[str, str]) -> None:
        attributes = {key.encode(): value.encode() for key, value in settings.items()}
        columns = [_Family(name=family.encode(), attributes=attributes) for family in families]
        table = _Table(tableName=_table_name(name), columns=columns)
        self._call("createTable", _Create(desc=table, splitKeys=list(splits) or None))

    def exists(self, name: str) -> bool:
        return bool(self._call("tableExists", _Name(tableName=_table_name(name))))

    def drop(self, name: str) -> None:
        self._call("disableTable", _Name(tableName=_table_name(name)))
        self._call("deleteTable", _Name(tableName=_table_name(name)))

    def truncate(self, name: str) -> None:
        self._call("disableTable", _Name(tableName=_table_name(name)))
        self._call("truncateTable", _Truncate(tableName=_table_name(name), preserveSplits=True))

    def _call(self, call: str, arguments: Any) -> Any:
        self._protocol.writeMessageBegin(call, TMessageType.CALL, 0)
        arguments.write(self._protocol)
        self._protocol.writeMessageEnd()
        self._protocol.trans.flush()
        return self._answer()

    def _answer(self) -> Any:
        _, kind, _ = self._protocol.readMessageBegin()
        result = TApplicationException() if kind == TMessageType.EXCEPTION else _Done()
        result.read(self._protocol)
        self._protocol.readMessageEnd()
        if isinstance(result, TApplicationException):
            raise result
        if result.io is not None:
            raise result.io
        return result.success


@contextlib.contextmanager
def connect(thrift: str) -> Iterator[Ddl]:
    """`thrift`: host:port of a Thrift2 server (binary, buffered)."""
    host, port = thrift.rsplit(":", 1)
    transport = TBufferedTransport(TSocket(host, int(port)))
    transport.open()
    try:
        yield Ddl(TBinaryProtocol(transport))
    finally:
        transport.close()


def _table_name(name: str) -> Any:
    namespace, _, qualifier = name.rpartition(":")
    return TTableName(ns=(namespace or "default").encode(), qualifier=qualifier.encode())
