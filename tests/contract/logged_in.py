"""What a client does at a metastore 4.0.1 that has let it in, whichever way it proved who it is."""

from __future__ import annotations

from pathlib import Path

from metastore.api import PARQUET, Column, Metastore, Partition, Table, TableName
from metastore.auth import LARGEST_SASL_PIECE


def do_everything(metastore: Metastore, table: str, folder: Path) -> None:
    """Make a table, add and move a partition, and send more than a SASL frame holds; then leave."""
    name, columns = TableName("default", table), (Column("id", "bigint"),)
    metastore.create_table(Table(name, columns, (Column("k", "string"),), f"file:{folder}", PARQUET))
    large = {f"p{n}": "x" * 3_000 for n in range(2 * LARGEST_SASL_PIECE // 3_000)}
    metastore.add_partitions(name, [Partition(("a",), f"file:{folder}/a", columns, PARQUET)])
    metastore.alter_partitions(name, [Partition(("a",), f"file:{folder}/b", columns, PARQUET, parameters=large)])
    [found] = metastore.all_partitions(name)
    assert found.parameters.items() >= large.items()
    assert metastore.server().version == (4, 0, 1)
    metastore.close()
