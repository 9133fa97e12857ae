"""Dirty rows read again, as they are now: HBase's own answer, decoded, transformed, and placed in its partition."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from zlib import crc32

import pyarrow as pa

from loader.mapping import DecodedRows, Mapping
from loader.mapping.mapping import without
from loader.mapping.rejected import Rejected
from loader.mapping.transform import Transform
from loader.sources.hbase.access.api import ROW_BYTES, Columns, HBaseClient
from loader.sources.hbase.access.filters import scan_of_rows
from loader.sources.hbase.access.large_rows import size_of
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.columns import gather_packed
from loader.sources.rows import ReadRows, joined
from partitioner.changes.change_set import NOWHERE, Op

META = pa.schema(
    [
        pa.field(":key", pa.binary(), nullable=False),
        pa.field(":hash", pa.uint32(), nullable=False),
        pa.field(":op", pa.int8(), nullable=False),
        pa.field(":version", pa.int64(), nullable=False),
        pa.field(":target", pa.int32(), nullable=False),
    ]
)
"""As `partitioner.changeset.META`, without `:origin`: where a key lives now is the key index's business."""

CHUNK = 5000
"""Keys of one filtered scan, and rows in memory at a time."""

PORTION = 32 << 20


@dataclass(frozen=True, slots=True)
class Few:
    """Up to so many keys batched Gets cost less than a scan, which costs a region as much as 10 to 20 Gets.

    `bench/reread.py` measures it; on the clock and in processor time the two cross near these.
    """

    keys: int = 100
    a_region: int = 10


class HBaseRowReader:
    """Reads rows of one table. `connect` makes a client, which lives as long as one call of `read` or `read_chunks`.

    Rows of more than `row_bytes` are rejected.
    """

    def __init__(
        self,
        connect: Callable[[], HBaseClient],
        table: str,
        mapping: Mapping,
        transform: Transform | None = None,
        few: Few = Few(),
        row_bytes: int = ROW_BYTES,
    ) -> None:
        self._connect, self._table, self._mapping, self._transform = connect, table, mapping, transform
        self._limit, self._row_bytes = few, row_bytes

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

    def _read(self, client: HBaseClient, keys: Sequence[bytes], at_ms: int) -> ReadRows:
        images = [self._image(rows) for rows in _portions(self._fetch(client, keys))]
        known = {key for image in images for key in image.rows[":key"].to_pylist()}
        known.update(rejected.key for image in images for rejected in image.rejected)
        gone = [key for key in keys if key not in known]
        if not gone and images:
            return joined(images)
        whole = joined([*images, self._gone(gone, at_ms)])
        return replace(whole, rows=whole.rows.sort_by(":key").combine_chunks())

    def _image(self, batches: Sequence[Sequence[Row]]) -> ReadRows:
        """Rows that exist, as columns; afterwards nobody needs their bytes."""
        decoded = DecodedRows.joined([decode(self._mapping, batch, self._row_bytes) for batch in batches])
        if self._transform is not None:
            decoded = transformed(decoded, self._transform)
        decoded, partitions, targets = self._mapping.place(decoded)
        return ReadRows(self._upserts(decoded, targets), partitions, decoded.rejected)

    # From HBase

    def _fetch(self, client: HBaseClient, keys: Sequence[bytes]) -> Iterator[Sequence[Row]]:
        """The rows that exist, in key order and in batches."""
        client.check_table(self._table, self._mapping.families)
        columns, found = self._mapping.qualifiers, 0
        for batch in (
            client.get_rows(self._table, keys, columns, self._row_bytes)
            if self._few(client, keys)
            else self._scans(client, keys, columns)
        ):
            found += len(batch)
            yield batch
        if found < len(keys):
            client.check_table(self._table, self._mapping.families)  # or a table just dropped would read as deletes

    def _few(self, client: HBaseClient, keys: Sequence[bytes]) -> bool:
        """Whether Gets are cheaper: a scan has a price of its own, and one more in every region that it enters."""
        if len(keys) <= self._limit.keys:
            return True
        starts = [region.start for region in client.regions(self._table)]
        entered = bisect_right(starts, keys[-1]) - bisect_right(starts, keys[0]) + 1
        return len(keys) < entered * self._limit.a_region

    def _scans(self, client: HBaseClient, keys: Sequence[bytes], columns: Columns) -> Iterator[Sequence[Row]]:
        for part in _parts(keys, CHUNK):
            yield from client.scan_packed(self._table, scan_of_rows(part, columns), CHUNK, self._row_bytes)

    # To the change set's columns

    def _gone(self, keys: Sequence[bytes], at_ms: int) -> ReadRows:
        """Deletes; where partitions follow from the key only of keys that a row can have."""
        if not self._mapping.partition_from_key or not keys:
            return ReadRows(self._deletes(keys, [NOWHERE] * len(keys), at_ms), (), ())
        partitions, targets = self._mapping.place_keys(keys)
        placed = [(key, target) for key, target in zip(keys, targets, strict=True) if target is not None]
        left = [key for key, _ in placed]
        return ReadRows(self._deletes(left, [target for _, target in placed], at_ms), partitions, ())

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


def decode(mapping: Mapping, rows: Sequence[Row], row_bytes: int) -> DecodedRows:
    """Rows of a scan with this `row_bytes`, as columns; what was left out by it is rejected."""
    if isinstance(rows, PackedRows):
        gathered = gather_packed(rows, mapping)
        return mapping.decode_gathered(gathered) if gathered else mapping.decode(rows)
    decoded = mapping.decode([row for row in rows if not row.left_out])
    too_large = tuple(_too_large(row, row_bytes) for row in rows if row.left_out)
    return replace(decoded, rejected=(*decoded.rejected, *too_large))


def _too_large(row: Row, row_bytes: int) -> Rejected:
    """Without its cells: they are in HBase, and nobody could hold them."""
    reason = (
        f"the row is larger than max_row_bytes ({row_bytes:,} bytes): {row.left_out:,} bytes of its mapped cells were"
        " read before it was left. Raise max_row_bytes above its size, or map fewer of its columns"
    )
    return Rejected(row.row, reason, ())


def transformed(decoded: DecodedRows, transform: Transform) -> DecodedRows:
    """Rows that the transform filters out are left out, and so count as deleted."""
    result = transform.apply(decoded.table)
    left = without(
        DecodedRows(decoded.keys, decoded.versions, result.rows, decoded.rows, decoded.rejected), result.problems
    )
    kept = [flag for index, flag in enumerate(result.kept.to_pylist()) if index not in result.problems]
    return left if all(kept) else left.only([index for index, flag in enumerate(kept) if flag])


def _portions(batches: Iterable[Sequence[Row]]) -> Iterator[list[Sequence[Row]]]:
    """Batches together up to `PORTION` bytes: that much is in memory as HBase sent it."""
    portion: list[Sequence[Row]] = []
    size = 0
    for batch in batches:
        portion.append(batch)
        size += size_of(batch)
        if size >= PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _meta(keys: Sequence[bytes], op: Op, versions: Sequence[int], targets: Sequence[int]) -> list[pa.Array]:
    columns = (keys, [crc32(key) for key in keys], [int(op)] * len(keys), versions, targets)
    return [pa.array(values, kind) for values, kind in zip(columns, META.types, strict=True)]


def _parts(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
