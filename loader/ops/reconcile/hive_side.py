"""The Hive side: every row's key and digest, sorted by key in a scratch file, so that memory does not grow with it.

The file is local and may be lost: it is then made again. It says which state of the table it was made of.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from loader.basics.errors import Conflict, HotswapError
from loader.datafiles.split_file import read_rows
from loader.ops.reconcile.digests import ENTRY, Digests
from loader.storage.files import Files, join
from partitioner.values import ColumnSpec, Version

Settings = dict[str, str | bool | int | float | list[str]]

MEMORY = "512MB"
BLOCK = 20_000

RawKeys = Callable[[pa.RecordBatch, Version], pa.Array]
Told = Callable[[int], None]
"""Called with the rows read so far."""


def scratch_folder(table: str) -> Path:
    """Where the scratch of one table's comparisons lies on this machine: another user has another one."""
    digest = hashlib.blake2b(f"{os.getuid()} {table}".encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"hotswap-{digest}"


class HiveSide:
    """The sorted entries of one state of the table, and a table `found` for what differs."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.stat().st_uid != os.getuid():
            raise Conflict(
                f"{path.parent} belongs to somebody else", "Remove it, or name a folder of your own in TMPDIR."
            )
        self.path = path
        try:
            settings: Settings = {"memory_limit": MEMORY, "threads": 2, "temp_directory": str(path.parent)}
            self._connection = duckdb.connect(str(path), config=settings)
        except duckdb.IOException as error:
            raise Conflict(
                f"another comparison of this table runs on this machine: {str(error).splitlines()[0]}",
                "Wait for it, or end it: the next one goes on where it was.",
            ) from None

    def close(self, delete: bool) -> None:
        self._connection.close()
        if delete:
            self.path.unlink(missing_ok=True)

    def low_ms(self, digest: str) -> int | None:
        """The low watermark of the state that the finished file was made of; None: there is none for this digest."""
        names = {name for (name,) in self._connection.execute("SHOW TABLES").fetchall()}
        if not {"made", "entries"} <= names:
            return None
        made = self._connection.execute("SELECT low FROM made WHERE digest = ?", [digest]).fetchone()
        return None if made is None else int(made[0])

    def make(
        self,
        files: Files,
        live: Mapping[str, Version],
        columns: tuple[ColumnSpec, ...],
        raw_keys: RawKeys,
        low_ms: int,
        digest: str,
        told: Told,
    ) -> None:
        """Read every live file once. `live`: escaped partition name → version."""
        run = self._connection.execute
        run("DROP TABLE IF EXISTS made; DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS unsorted")
        run('CREATE TABLE unsorted (key BLOB, digest UBIGINT, "partition" VARCHAR)')
        digests, rows = Digests(columns), 0
        for name, version in live.items():
            for batch in _batches(files, version, columns):
                names = pa.array([name] * len(batch), pa.string())
                entries = digests.entries(raw_keys(batch, version), batch, names)
                self._connection.register("__entries", entries)
                run("INSERT INTO unsorted SELECT * FROM __entries")
                self._connection.unregister("__entries")
                rows += len(batch)
                told(rows)
        run('CREATE TABLE entries AS SELECT key, digest, "partition" FROM unsorted ORDER BY key; DROP TABLE unsorted')
        run("CREATE TABLE made (low BIGINT, digest VARCHAR)")
        run("INSERT INTO made VALUES (?, ?)", [low_ms, digest])

    def rows(self) -> int:
        found = self._connection.execute("SELECT count(*) FROM entries").fetchone()
        return int(found[0]) if found else 0

    def entries(self, start: bytes, stop: bytes) -> Iterator[pa.Table]:
        """ENTRY blocks in key order; an empty stop is the end."""
        until = " AND key < ?" if stop else ""
        query = f'SELECT key, digest, "partition" FROM entries WHERE key >= ?{until} ORDER BY key'  # noqa: S608
        for batch in self._blocks(query, [start, stop] if stop else [start]):
            yield pa.Table.from_batches([batch]).cast(ENTRY)

    def put_found(self, rows: pa.Table) -> None:
        """Keep (key, partition) of what must be repaired."""
        self._connection.execute('CREATE TABLE IF NOT EXISTS found (key BLOB, "partition" VARCHAR)')
        self._connection.register("__found", rows)
        self._connection.execute("INSERT INTO found SELECT * FROM __found")
        self._connection.unregister("__found")

    def forget_found(self) -> None:
        self._connection.execute("DROP TABLE IF EXISTS found")

    def found(self) -> Iterator[bytes]:
        """The keys of what was put there, partition by partition: neighbours are repaired together."""
        for batch in self._blocks('SELECT DISTINCT "partition", key FROM found ORDER BY 1, 2', []):
            yield from batch.column("key").to_pylist()

    def _blocks(self, query: str, given: list[bytes]) -> Iterator[pa.RecordBatch]:
        """On a cursor of its own: others read and write meanwhile."""
        reader: pa.RecordBatchReader = self._connection.cursor().sql(query, params=given).to_arrow_reader(BLOCK)
        yield from reader


def _batches(files: Files, version: Version, columns: tuple[ColumnSpec, ...]) -> Iterator[pa.RecordBatch]:
    for file in version.files:
        path = join(version.location, file.name)
        try:
            yield from read_rows(files, path, version.format, columns)
        except FileNotFoundError:
            raise HotswapError(
                f"{path} is gone", "If the loader has replaced it meanwhile, run again; else run `hotswap verify`."
            ) from None
