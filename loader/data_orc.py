"""ORC data files: rows in, rows out. ORC keeps its own dictionaries; Arrow's do not pass through it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
from pyarrow import orc

from partitioner.conform import without_dictionaries


@dataclass(frozen=True, slots=True)
class OrcSettings:
    compression: str = "zstd"
    stripe_bytes: int = 64 << 20


class OrcInput:
    """One file, opened. Rows come stripe by stripe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file = orc.ORCFile(pa.PythonFile(stream, mode="r"))

    @property
    def rows(self) -> int:
        return int(self._file.nrows)

    def dictionaries(self) -> frozenset[str]:
        return frozenset()

    def batches(self, dictionaries: frozenset[str]) -> Iterator[pa.RecordBatch]:
        """All rows. `dictionaries` is always empty here."""
        for stripe in range(self._file.nstripes):
            yield self._file.read_stripe(stripe)


class OrcOutput:
    """One file being written; nothing is complete before `close`."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, settings: OrcSettings) -> None:
        self._schema = without_dictionaries(schema)
        self._writer = orc.ORCWriter(
            pa.PythonFile(stream, mode="w"),
            compression=settings.compression,
            stripe_size=settings.stripe_bytes,
        )
        self._writer.write(self._schema.empty_table())

    def write(self, rows: pa.Table) -> None:
        self._writer.write(rows.cast(self._schema))

    def close(self) -> None:
        self._writer.close()
