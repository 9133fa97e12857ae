"""The key index of a whole table as one segment, sorted by hash outside of memory."""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from loader.storage.files import Files
from loader.storage.whole_file import whole_file
from partitioner.changes.hashing import hashes_of
from partitioner.changes.key_index import SEGMENT

Settings = dict[str, str | bool | int | float | list[str]]

MEMORY = "512MB"
BLOCK = 100_000


def write_segment(files: Files, final: str, run: str, keys: Iterable[tuple[str, pa.ChunkedArray]]) -> None:
    """`keys`: escaped partition names with raw keys that live there, each key once. The file is whole or not there.

    `run` names whose it is; where another run's is there by then, that one stays.
    """
    with tempfile.TemporaryDirectory(prefix="hotswap-index-") as folder:
        settings: Settings = {"memory_limit": MEMORY, "threads": 2, "temp_directory": folder}
        connection = duckdb.connect(str(Path(folder) / "index.duckdb"), config=settings)
        try:
            connection.execute('CREATE TABLE keys (hash UINTEGER, key BLOB, "partition" VARCHAR)')
            for name, these in keys:
                _insert(connection, name, these)
            _write(connection, files, final, run)
        finally:
            connection.close()


def _insert(connection: duckdb.DuckDBPyConnection, name: str, keys: pa.ChunkedArray) -> None:
    names = pa.array([name] * len(keys), pa.string())
    connection.register("__given", pa.table({"hash": pa.array(hashes_of(keys)), "key": keys, "partition": names}))
    connection.execute("INSERT INTO keys SELECT * FROM __given")
    connection.unregister("__given")


def _write(connection: duckdb.DuckDBPyConnection, files: Files, final: str, run: str) -> None:
    query = 'SELECT hash, key, "partition", NULL::VARCHAR AS before FROM keys ORDER BY hash'
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(BLOCK)
    temporary = f"{final}.{run}.writing"
    with (
        suppress(FileExistsError),
        whole_file(files, temporary, final) as stream,
        pa.ipc.new_file(stream, SEGMENT) as writer,
    ):
        for batch in reader:
            writer.write_batch(pa.record_batch(batch.columns, schema=SEGMENT))
