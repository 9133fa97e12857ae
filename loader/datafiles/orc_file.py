"""ORC data files: rows in, rows out, as Hive 2.3 and later and Spark read them right.

ORC keeps its own dictionaries; Arrow's do not pass through it. Timestamps are written without a zone (the writer's is
GMT), which every reader shows as they were given; see `orc_limits` for their range.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
from pyarrow import orc

from partitioner.merge.conform import without_dictionaries
from partitioner.merge.encoding import Encoding

CODECS = {"snappy": "snappy", "zstd": "zstd", "gzip": "zlib", "none": "uncompressed"}
"""The settings' names, and ORC's. The ORC of Hive 2.3 is older than zstd."""

DICTIONARY_SHARE = 0.8
"""Of text columns: up to so many distinct values a row a stripe gets a dictionary. Hive's own default."""

ROWS_AT_A_TIME = 16_384
"""Arrow's own 1,024 make its writer slower."""


@dataclass(frozen=True, slots=True)
class OrcSettings:
    """`compression` in the settings' names; `stripe_bytes` of memory."""

    compression: str = "snappy"
    stripe_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.compression not in CODECS:
            raise ValueError(f"compression: one of {', '.join(CODECS)}, not {self.compression!r}")


class OrcInput:
    """One file, opened. Rows come stripe by stripe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file = orc.ORCFile(pa.PythonFile(stream, mode="r"))

    @property
    def rows(self) -> int:
        return int(self._file.nrows)

    def dictionaries(self) -> frozenset[str]:
        return frozenset()

    def remembered(self) -> Encoding | None:
        """ORC writers choose encodings for themselves."""
        return None

    def batches(self, dictionaries: frozenset[str], only: frozenset[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows. `dictionaries` is always empty here; `only`: lower-case names of the columns wanted, None: all."""
        named = [] if only is None else [name for name in self._file.schema.names if name.lower() in only]
        wanted = named or None  # of no columns at all it would give no rows
        for stripe in range(self._file.nstripes):
            yield self._file.read_stripe(stripe, wanted)


class OrcOutput:
    """One file being written; nothing is complete before `close`."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, settings: OrcSettings) -> None:
        self._schema = without_dictionaries(schema)
        self._writer = orc.ORCWriter(
            pa.PythonFile(stream, mode="w"),
            compression=CODECS[settings.compression],
            stripe_size=settings.stripe_bytes,
            batch_size=ROWS_AT_A_TIME,
            dictionary_key_size_threshold=DICTIONARY_SHARE,
        )
        self._writer.write(self._schema.empty_table())

    def write(self, rows: pa.Table) -> None:
        plain = rows.cast(self._schema)
        self._writer.write(pa.table([_unsliced(column) for column in plain.columns], schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _unsliced(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A copy where it is needed: Arrow's ORC writer takes the wrong children of a slice of structs with nulls."""
    if not pa.types.is_nested(column.type) or not any(chunk.offset for chunk in column.chunks):
        return column
    return column.take(pa.array(range(len(column)), pa.int64()))
