"""Dirty rows read again, as they are now: HBase's own answer, decoded, transformed, and placed in its partition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zlib import crc32

import pyarrow as pa

from loader.mapping import DecodedRows, Mapping
from loader.mapping.mapping import without
from loader.quarantine import Rejected
from loader.sources.columns import gather_packed
from loader.sources.filters import rows_filter
from loader.sources.idl import Row
from loader.sources.packed import PackedRows
from loader.sources.thrift2 import TColumn, TGet, Thrift2, TScan
from loader.transform import Transform
from partitioner.changeset import NOWHERE, Op
from partitioner.values import PartitionValues

META = pa.schema(
    [
        pa.field("__key", pa.binary(), nullable=False),
        pa.field("__hash", pa.uint32(), nullable=False),
        pa.field("__op", pa.int8(), nullable=False),
        pa.field("__version", pa.int64(), nullable=False),
        pa.field("__target", pa.int32(), nullable=False),
    ]
)
"""As `partitioner.changeset.META`, without `__origin`: where a key lives now is the key index's business."""

CHUNK = 5000
"""Keys of one filtered scan, and rows in memory at a time."""

_FEW = 100  # up to so many keys batched Gets cost less than opening a scan


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What became of the keys asked for; each is in `rows` or in `rejected`, once.

    `rows`: META, then the mapping's data columns (null for a delete), in key order. `__target` indexes `partitions`;
    for a delete it is NOWHERE, or the key's own partition where partitions follow from the key. `__version`: the newest
    timestamp of the mapped cells; for a delete the `at_ms` of the read, which is above all that the window held. A
    delete of a key that no row of the table can have is left out where partitions follow from the key.
    """

    rows: pa.Table
    partitions: tuple[PartitionValues, ...]
    rejected: tuple[Rejected, ...]


class RowReader:
    """Reads rows of one table. `connect` makes a client, which lives as long as one call of `read` or `read_chunks`."""

    def __init__(
        self, connect: Callable[[], Thrift2], table: str, mapping: Mapping, transform: Transform | None = None
    ) -> None:
        self._connect, self._table, self._mapping, self._transform = connect, table, mapping, transform

    def read(self, keys: Sequence[bytes], at_ms: int) -> ReadRows:
        """All at once. `keys` in any order; `at_ms`: the end of the window that found them."""
        with self._connect() as client:
            return self._read(client, sorted(set(keys)), at_ms)

    def read_chunks(self, keys: Sequence[bytes], at_ms: int, chunk: int = CHUNK) -> Iterator[ReadRows]:
        """The same, in key order and a part at a time, so that memory is bounded."""
        ordered = iter(sorted(set(keys)))
        with self._connect() as client:
            while part := list(islice(ordered, chunk)):
                yield self._read(client, part, at_ms)

    def _read(self, client: Thrift2, keys: Sequence[bytes], at_ms: int) -> ReadRows:
        decoded = self._decoded(self._fetch(client, keys))
        if self._transform is not None:
            decoded = transformed(decoded, self._transform)
        decoded, partitions, targets = self._mapping.place(decoded)
        known = {*decoded.keys, *(rejected.key for rejected in decoded.rejected)}
        gone = [key for key in keys if key not in known]
        partitions, gone, gone_targets = self._place_gone(partitions, gone)
        rows = self._upserts(decoded, targets)
        if gone:
            rows = pa.concat_tables([rows, self._deletes(gone, gone_targets, at_ms)]).sort_by("__key")
        return ReadRows(rows.combine_chunks(), partitions, decoded.rejected)

    def _decoded(self, batches: Sequence[Sequence[Row]]) -> DecodedRows:
        return DecodedRows.joined([self._decode(batch) for batch in batches or ([],)])

    def _decode(self, rows: Sequence[Row]) -> DecodedRows:
        gathered = gather_packed(rows, self._mapping) if isinstance(rows, PackedRows) else None
        return self._mapping.decode_gathered(gathered) if gathered else self._mapping.decode(rows)

    # From HBase

    def _fetch(self, client: Thrift2, keys: Sequence[bytes]) -> list[Sequence[Row]]:
        """The rows that exist, in key order and in batches."""
        client.check_table(self._table, self._mapping.families)
        columns = [TColumn(family=family, qualifier=qualifier) for family, qualifier in self._mapping.qualifiers]
        if len(keys) <= _FEW:
            gets = [TGet(row=key, columns=columns, maxVersions=1, cacheBlocks=False) for key in keys]
            batches: list[Sequence[Row]] = [[row for row in client.get_multiple(self._table, gets) if row.row]]
        else:
            parts = _parts(keys, CHUNK)
            batches = [rows for part in parts for rows in client.scan_packed(self._table, _scan(part, columns), CHUNK)]
        if sum(len(rows) for rows in batches) < len(keys):
            client.check_table(self._table, self._mapping.families)  # or a table just dropped would read as deletes
        return batches

    # To the change set's columns

    def _place_gone(
        self, partitions: tuple[PartitionValues, ...], gone: list[bytes]
    ) -> tuple[tuple[PartitionValues, ...], list[bytes], list[int]]:
        if not self._mapping.partition_from_key or not gone:
            return partitions, gone, [NOWHERE] * len(gone)
        theirs, targets = self._mapping.place_keys(gone)
        numbers = {values: number for number, values in enumerate(partitions)}
        placed = [
            (key, numbers.setdefault(theirs[target], len(numbers)))
            for key, target in zip(gone, targets, strict=True)
            if target is not None
        ]
        return tuple(numbers), [key for key, _ in placed], [number for _, number in placed]

    def _upserts(self, decoded: DecodedRows, targets: Sequence[int]) -> pa.Table:
        meta = _meta(decoded.keys, Op.UPSERT, decoded.versions, targets)
        data = [decoded.table[name] for name in self._mapping.schema.names]
        return pa.table([*meta, *data], schema=self._schema)

    def _deletes(self, keys: Sequence[bytes], targets: Sequence[int], at_ms: int) -> pa.Table:
        meta = _meta(keys, Op.DELETE, [at_ms] * len(keys), targets)
        data = [pa.nulls(len(keys), kind) for kind in self._mapping.schema.types]
        return pa.table([*meta, *data], schema=self._schema)

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema([*META, *self._mapping.schema])


def transformed(decoded: DecodedRows, transform: Transform) -> DecodedRows:
    """Rows that the transform filters out are left out, and so count as deleted."""
    result = transform.apply(decoded.table)
    left = without(
        DecodedRows(decoded.keys, decoded.versions, result.rows, decoded.rows, decoded.rejected), result.problems
    )
    kept = [flag for index, flag in enumerate(result.kept.to_pylist()) if index not in result.problems]
    return left if all(kept) else left.only([index for index, flag in enumerate(kept) if flag])


def _scan(keys: Sequence[bytes], columns: Sequence[object]) -> Any:
    """One filtered scan: 1.7 to 2.6 times as fast as Gets."""
    return TScan(
        startRow=keys[0],
        stopRow=keys[-1] + b"\0",
        columns=columns,
        caching=1000,
        maxVersions=1,
        cacheBlocks=False,
        filterBytes=rows_filter(keys),
    )


def _meta(keys: Sequence[bytes], op: Op, versions: Sequence[int], targets: Sequence[int]) -> list[pa.Array]:
    columns = (keys, [crc32(key) for key in keys], [int(op)] * len(keys), versions, targets)
    return [pa.array(values, kind) for values, kind in zip(columns, META.types, strict=True)]


def _parts(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
