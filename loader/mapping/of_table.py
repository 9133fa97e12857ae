"""What a mapping of either kind says of its Hive table: the data columns, the partition keys, their Arrow types."""

import pyarrow as pa

from loader.mapping.hive_types import HiveType
from loader.mapping.partitions import PartitionKey
from partitioner.values import ColumnSpec


class OfTable:
    """Of a frozen dataclass with these fields."""

    __slots__ = ()

    types: tuple[tuple[str, HiveType], ...]  # every column of the configuration, in order
    keys: tuple[PartitionKey, ...]
    identity: frozenset[str]  # columns that are partition keys and so not in the files

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """The data columns in table order, as (name, Hive type)."""
        return tuple((name, kind.text) for name, kind in self.types if name not in self.identity)

    @property
    def partition_keys(self) -> tuple[ColumnSpec, ...]:
        return tuple((key.name, key.type.text) for key in self.keys)

    @property
    def schema(self) -> pa.Schema:
        """The data columns' Arrow types."""
        return pa.schema([(name, kind.arrow) for name, kind in self.types if name not in self.identity])

    @property
    def full_schema(self) -> pa.Schema:
        """All columns of the configuration, those that become partition keys included."""
        return pa.schema([(name, kind.arrow) for name, kind in self.types])


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
