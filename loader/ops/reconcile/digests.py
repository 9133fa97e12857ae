"""One 64-bit digest for a row: of its partition and all its columns, computed by one engine for both sides.

DuckDB takes −0.0 for 0.0 and all NaN for one; a digest is of the bits, as what is published is.
"""

import duckdb
import pyarrow as pa

from partitioner.arrow_types import arrow_schema
from partitioner.bits import bits_of
from partitioner.merge.conform import conform_table
from partitioner.values import ColumnSpec

ENTRY = pa.schema([("key", pa.binary()), ("digest", pa.uint64()), ("partition", pa.string())])

VERSION = f"bits, duckdb {duckdb.__version__}"
"""Digests of two versions are not comparable: a comparison that another version began is begun again."""


class Digests:
    """Makes entries (ENTRY) of rows. Its own in-memory DuckDB; not for several threads."""

    def __init__(self, columns: tuple[ColumnSpec, ...]) -> None:
        self._schema = arrow_schema(columns)
        self._connection = duckdb.connect()
        self._connection.execute("SET threads = 1")
        hashed = ", ".join(['":partition"', *(_quoted(name) for name, _ in columns)])
        self._query = f'SELECT ":key" AS key, hash({hashed}) AS digest, ":partition" AS partition FROM __rows'  # noqa: S608 - names of columns, quoted

    def entries(self, keys: pa.Array, rows: pa.Table | pa.RecordBatch, partitions: pa.Array) -> pa.Table:
        """In the order of the rows. `partitions`: the escaped partition name of each."""
        whole = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        plain = conform_table(whole, self._schema)
        given = pa.table([bits_of(column) for column in plain.columns], plain.schema.names)
        given = given.append_column(":key", keys).append_column(":partition", partitions)
        self._connection.register("__rows", given)
        try:
            found: pa.Table = self._connection.sql(self._query).to_arrow_table()
            return found.cast(ENTRY)
        finally:
            self._connection.unregister("__rows")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
