"""One key of the real HBase, for `show --key`: its row as the mapping reads it, and its raw cells' times."""

from dataclasses import replace
from typing import TYPE_CHECKING

from loader.basics.errors import SourceError, Unavailable
from loader.mapping import Mapping
from loader.ops.inspect.inspect import Asked, KeyReport, View, look_at
from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.raw_row import raw_cells, times_of
from loader.sources.hbase.reread import HBaseRowReader
from loader.state.key_index_files import KeyStore
from loader.wiring.definition import known_mapping
from loader.wiring.source import connector, reader_of
from loader.wiring.table import open_table
from partitioner.changes.change_set import Op
from partitioner.values import PartitionValues

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def show_key(settings: "Settings", table: "TableSettings", key: bytes) -> KeyReport:
    """Look at one key of the table. HBase may be away: then the report says so."""
    env = open_table(settings, table)
    try:
        mapping = known_mapping(table, env)
        from_key = mapping.partition_from_key
        env = replace(env, keystore=None if from_key else KeyStore(env.files, env.layout))
        source = _Source(settings, table, mapping)
        return look_at(env, key, View(mapping.raw_keys, source.ask, source.place if from_key else None))
    finally:
        env.metastore.close()


class _Source:
    """HBase, asked for one key at a time."""

    def __init__(self, settings: "Settings", table: "TableSettings", mapping: Mapping) -> None:
        self._settings, self._table, self._mapping = settings, table, mapping

    def ask(self, key: bytes, at_ms: int) -> Asked:
        try:
            read = reader_of(self._settings, self._table, self._mapping).read([key], at_ms)
            with self._connect() as client:
                times = times_of(raw_cells(client, self._table.hbase_table, self._mapping.families, key))
        except (Unavailable, SourceError) as error:
            return Asked(None, problem=error.message)
        gone = not any(op == Op.UPSERT for op in read.rows[":op"].to_pylist()) and not read.rejected
        return Asked(read, times, filtered=gone and self._is_there(key, at_ms))

    def _is_there(self, key: bytes, at_ms: int) -> bool:
        """Whether the row exists before the transform's where leaves it out."""
        if not self._table.transform.where:
            return False
        plain = HBaseRowReader(self._connect, self._table.hbase_table, self._mapping).read([key], at_ms)
        return any(op == Op.UPSERT for op in plain.rows[":op"].to_pylist())

    def place(self, key: bytes) -> PartitionValues | None:
        partitions, targets = self._mapping.place_keys([key])
        return partitions[targets[0]] if targets[0] is not None else None

    def _connect(self) -> HBaseClient:
        return connector(self._settings, Patience(tries=2))()
