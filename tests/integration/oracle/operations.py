"""HBase operations as values: what is sent through Thrift2, and how a person reads it in a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from loader.sources.hbase.thrift2.client import DeleteType, TColumn, TColumnValue, TDelete, Thrift2, TPut, TRowMutations
from loader.sources.hbase.thrift2.idl import TMutation

Cells = tuple[tuple[bytes, bytes, bytes], ...]
"""Family, qualifier, value."""


class Operation(Protocol):
    @property
    def rows(self) -> tuple[bytes, ...]:
        """The keys that it may change."""

    def send(self, client: Thrift2, table: str) -> None: ...


@dataclass(frozen=True)
class Put:
    """`ttl_ms`: its cells expire so long after their timestamp."""

    row: bytes
    cells: Cells
    timestamp: int | None = None
    ttl_ms: int | None = None

    @property
    def rows(self) -> tuple[bytes, ...]:
        return (self.row,)

    def request(self) -> object:
        values = [TColumnValue(family=family, qualifier=name, value=value) for family, name, value in self.cells]
        attributes = None if self.ttl_ms is None else {b"_ttl": self.ttl_ms.to_bytes(8, "big")}
        return TPut(row=self.row, columnValues=values, timestamp=self.timestamp, attributes=attributes)

    def send(self, client: Thrift2, table: str) -> None:
        client.put(table, self.request())


@dataclass(frozen=True)
class Puts:
    """Several puts in one call; two of the same row get the same millisecond as often as not."""

    puts: tuple[Put, ...]

    @property
    def rows(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(put.row for put in self.puts))

    def send(self, client: Thrift2, table: str) -> None:
        client.put_multiple(table, [put.request() for put in self.puts])


@dataclass(frozen=True)
class Delete:
    """`columns`: (family, qualifier or None, timestamp or None); none: the whole row up to `timestamp`."""

    row: bytes
    columns: tuple[tuple[bytes, bytes | None, int | None], ...] = ()
    kind: int = DeleteType.COLUMN
    timestamp: int | None = None

    @property
    def rows(self) -> tuple[bytes, ...]:
        return (self.row,)

    def request(self) -> object:
        columns = [TColumn(family=family, qualifier=name, timestamp=at) for family, name, at in self.columns]
        kind = self.kind if self.columns else None
        return TDelete(row=self.row, columns=columns or None, deleteType=kind, timestamp=self.timestamp)

    def send(self, client: Thrift2, table: str) -> None:
        client.delete(table, self.request())

    def __repr__(self) -> str:
        what = {number: name for name, number in vars(DeleteType).items() if isinstance(number, int)}[self.kind]
        if not self.columns:
            what = "ROW"
        return f"Delete {what}(row={self.row!r}, columns={self.columns}, timestamp={self.timestamp})"


@dataclass(frozen=True)
class Deletes:
    """Several deletes in one call."""

    deletes: tuple[Delete, ...]

    @property
    def rows(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(delete.row for delete in self.deletes))

    def send(self, client: Thrift2, table: str) -> None:
        client.delete_multiple(table, [delete.request() for delete in self.deletes])


@dataclass(frozen=True)
class DeleteAndPut:
    """One atomic mutation of one row: the delete, then the put, in the same millisecond or not."""

    delete: Delete
    put: Put

    @property
    def rows(self) -> tuple[bytes, ...]:
        return (self.put.row,)

    def send(self, client: Thrift2, table: str) -> None:
        mutations = [TMutation(deleteSingle=self.delete.request()), TMutation(put=self.put.request())]
        client.mutate_row(table, TRowMutations(row=self.put.row, mutations=mutations))
