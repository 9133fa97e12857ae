"""Parquet data files: rows in, rows out, as Hive 2.3 to 4.x, Spark, Trino and Impala read them right."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from partitioner.merge.encoding import Encoding

HINTS = {"writer.time.zone": "UTC", "writer.date.proleptic": "true"}
"""What Hive reads in the footer: without the first, 3.1 shifts INT96 timestamps of writers other than parquet-mr
(HIVE-21290); without the second, 3.1.3 and 4 shift days before 1582-10-15 (HIVE-22589). Spark and Trino read neither.
"""

REMEMBERED = "hotswap.encoding"
"""Key of the footer's metadata: an `Encoding` but for what is required, as JSON."""

WITH_LEVELS = ("zstd", "gzip", "brotli")
"""Codecs that take a level; the others refuse one."""

VALUES_AT_A_TIME = 65_536
"""Arrow's own 1,024 make its writer a tenth slower."""

HARDLY = 0.9
"""A column that keeps so much of its bytes when compressed is left as it is in the next file, as RocksDB does."""

MOST_BYTES_A_CODE = 4
"""A column chunk above so many bytes a value is no dictionary worth keeping, whatever its first page is."""


@dataclass(frozen=True, slots=True)
class ParquetSettings:
    """`timestamps`: `int96` is read right by every Hive; `int64` (zone-less microseconds) by Hive 4, Spark, Trino."""

    compression: str = "snappy"
    level: int | None = 1
    timestamps: str = "int96"

    def __post_init__(self) -> None:
        if self.timestamps not in ("int96", "int64"):
            raise ValueError(f"timestamps: int96 or int64, not {self.timestamps!r}")


class ParquetInput:
    """One file, opened. Rows come in order, in batches of about `batch_bytes` of memory."""

    def __init__(self, stream: BinaryIO, batch_bytes: int) -> None:
        self._stream, self._metadata, self._batch_bytes = stream, pq.read_metadata(stream), batch_bytes

    @property
    def rows(self) -> int:
        return int(self._metadata.num_rows)

    def dictionaries(self) -> frozenset[str]:
        """The text columns that the whole file keeps as small dictionaries."""
        groups = [self._metadata.row_group(index) for index in range(self._metadata.num_row_groups)]
        if not groups or not self.rows:
            return frozenset()
        chunks = range(self._metadata.num_columns)
        return frozenset(
            groups[0].column(chunk).path_in_schema
            for chunk in chunks
            if all(_is_small_dictionary(group.column(chunk)) for group in groups)
        )

    def remembered(self) -> Encoding | None:
        """How this writer chose to encode the file; None where another one wrote it."""
        text = (self._metadata.metadata or {}).get(REMEMBERED.encode())
        try:
            found = json.loads(text) if text else {}
            stored = {*found["stored"], *self._hardly_compressed()}
            return Encoding(
                dictionary=tuple(found["dictionary"]),
                stored=tuple(sorted(stored)),
                columns=int(found["columns"]),
                changed=int(found["changed"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def _hardly_compressed(self) -> Iterator[str]:
        groups = [self._metadata.row_group(index) for index in range(self._metadata.num_row_groups)]
        for place in range(self._metadata.num_columns if groups else 0):
            chunks = [group.column(place) for group in groups]
            name, kept = chunks[0].path_in_schema, sum(chunk.total_compressed_size for chunk in chunks)
            is_compressed = "." not in name and chunks[0].compression != "UNCOMPRESSED"
            if is_compressed and kept > HARDLY * sum(chunk.total_uncompressed_size for chunk in chunks):
                yield name

    def batches(self, dictionaries: frozenset[str], only: frozenset[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows; `dictionaries` are read as such. `only`: lower-case names of the columns wanted; None: all."""
        file = pq.ParquetFile(
            self._stream,
            metadata=self._metadata,
            read_dictionary=sorted(dictionaries),
            coerce_int96_timestamp_unit="us",
        )
        columns = None if only is None else [name for name in file.schema_arrow.names if name.lower() in only]
        batch_rows = _batch_rows(self._metadata, self._batch_bytes)
        for group in range(self._metadata.num_row_groups):  # all at once would be fetched at once, and held
            yield from file.iter_batches(batch_size=batch_rows, row_groups=[group], columns=columns, use_threads=False)


class ParquetOutput:
    """One file being written. Tables that are written are row groups; nothing is complete before `close`.

    Text has no minimum and maximum: in a file of hash-split rows they span nearly all values, and would cost a tenth of
    the writing. Columns that each row group is `sorted_by` have them, and the footer says so.
    """

    def __init__(
        self,
        stream: BinaryIO,
        schema: pa.Schema,
        encoding: Encoding,
        settings: ParquetSettings,
        sorted_by: Sequence[str] = (),
    ) -> None:
        self._schema = pa.schema([field.with_nullable(field.name not in encoding.required) for field in schema])
        self._writer = pq.ParquetWriter(
            stream,
            self._schema,
            version="2.4",
            **_codecs(schema, encoding, settings),
            use_dictionary=list(encoding.dictionary),
            use_deprecated_int96_timestamps=settings.timestamps == "int96",
            write_statistics=[field.name for field in schema if _is_number(field.type) or field.name in sorted_by],
            sorting_columns=_sorting(self._schema, sorted_by),
            write_batch_size=VALUES_AT_A_TIME,
            store_schema=False,
        )
        self._writer.add_key_value_metadata(HINTS | _memory(encoding))

    def write(self, rows: pa.Table) -> None:
        """One row group."""
        declared = pa.Table.from_arrays(rows.columns, schema=self._schema)
        self._writer.write_table(declared, row_group_size=max(len(rows), 1))

    def close(self) -> None:
        self._writer.close()


def _codecs(schema: pa.Schema, encoding: Encoding, settings: ParquetSettings) -> dict[str, Any]:
    """Codec and level of each column's leaves: pyarrow leaves those uncompressed that it is not told of."""
    level = settings.level if settings.compression in WITH_LEVELS else None
    if not encoding.stored:
        return {"compression": settings.compression, "compression_level": level}
    compressed = [path for field in schema if field.name not in encoding.stored for path in leaves(field)]
    return {
        "compression": dict.fromkeys(encoding.stored, "none") | dict.fromkeys(compressed, settings.compression),
        "compression_level": None if level is None else dict.fromkeys(compressed, level),
    }


def leaves(field: pa.Field, above: str = "") -> Iterator[str]:
    """The paths of a column's leaves in a Parquet file."""
    path, kind = above + field.name, field.type
    if pa.types.is_map(kind):
        yield from leaves(kind.key_field.with_name("key"), f"{path}.key_value.")
        yield from leaves(kind.item_field.with_name("value"), f"{path}.key_value.")
    elif pa.types.is_list(kind):
        yield from leaves(kind.value_field.with_name("element"), f"{path}.list.")
    elif pa.types.is_struct(kind):
        for part in kind:
            yield from leaves(part, f"{path}.")
    else:
        yield path


def _memory(encoding: Encoding) -> dict[str, str]:
    found = {
        "dictionary": encoding.dictionary,
        "stored": encoding.stored,
        "columns": encoding.columns,
        "changed": encoding.changed,
    }
    return {REMEMBERED: json.dumps(found)} if encoding.columns else {}


def _is_small_dictionary(chunk: pq.ColumnChunkMetaData) -> bool:
    return (
        chunk.physical_type == "BYTE_ARRAY"
        and "." not in chunk.path_in_schema
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size <= MOST_BYTES_A_CODE * chunk.num_values
    )


def _sorting(schema: pa.Schema, by: Sequence[str]) -> tuple[pq.SortingColumn, ...] | None:
    return pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in by]) if by else None


def _is_number(kind: pa.DataType) -> bool:
    """Dates and timestamps are numbers here."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_primitive(value) or pa.types.is_decimal(value))


def _batch_rows(metadata: pq.FileMetaData, batch_bytes: int) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    width = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(min(int(batch_bytes / max(width, 1.0)), 131_072), 1_024)
