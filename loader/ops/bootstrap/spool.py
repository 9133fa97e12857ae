"""Rows as they come from HBase, put where their split will find them: one file a part of the key space.

A part's rows are sorted by partition and then by the bits of their hash from the lowest up: so the rows of bucket i
of n, for any power of two n, lie side by side, and n may be chosen when all rows are counted. They are written in small
batches, of which a split reads those that it needs: memory does not grow with the table, on no file system.
"""

import json
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loader.sources.hbase.key_ranges import Block
from loader.state.arrow_objects import LARGEST
from loader.state.objects import LARGE, HexText, damaged, read_object, size_of
from loader.state.quarantine import RejectedRow
from loader.storage.files import Files, join
from partitioner.changes.hashing import hashes_of
from partitioner.values import Bucket, PartitionValues, plain_name

VERSION = "spool 3"
"""What another version has spooled is not gone on with."""
LOAD_ANEW = "Stop the load and delete _hotswap/bootstrap below the table's location: the load then begins anew."
BITS = 16
BATCH = 4_096
"""Rows that are read at once, of one partition."""
KEY, PLACE = ":key", ":place"
"""Raw key; the lowest 16 bits of the hash, lowest first."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one partition in one part: batches from `batch` on. `firsts`: the place of each one's first row."""

    partition: PartitionValues
    rows: int
    batch: int
    firsts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """What a part holds, in file `data`. `upto`: the last key that was looked at; None: the end of its range."""

    upto: HexText | None
    data: str
    slices: tuple[Slice, ...]
    rejected: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        plain_name(self.data)

    @property
    def behind(self) -> bytes:
        """The first key after it. Not of the last part of a range."""
        if self.upto is None:
            raise ValueError("nothing is behind the end of a range")
        return bytes.fromhex(self.upto) + b"\0"

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.slices)


def store_part(
    files: Files, folder: str, name: str, run: str, blocks: Sequence[Block], upto: bytes | None
) -> SpooledPart:
    """Write the rows, then what is to be known of them: without the second the first counts for nothing.

    `run` names whose it is: FileExistsError where another run has stored this part.
    """
    tables, slices = _sorted(blocks)
    rejected = tuple(_plain(row) for block in blocks for row in block.rejected)
    part = SpooledPart(None if upto is None else upto.hex(), f"{name}.{run}.arrow", slices, rejected)
    if tables:
        data = join(folder, part.data)
        with files.new_file(f"{data}.writing", data) as stream, pa.ipc.new_file(stream, tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table, BATCH)
        files.sync([data])
    files.create(join(folder, f"{name}.json"), json.dumps(asdict(part)).encode())
    return part


def load_part(files: Files, folder: str, name: str) -> SpooledPart:
    """Raises FileNotFoundError, Damage."""
    return read_object(files, join(folder, f"{name}.json"), SpooledPart, LOAD_ANEW, LARGE)


@dataclass(slots=True)
class Spooled:
    """The rows of one part, read a batch at a time; by several threads."""

    path: str
    reader: pa.ipc.RecordBatchFileReader
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, files: Files, path: str) -> "Spooled":
        """Memory-mapped where that can be. Raises FileNotFoundError, Damage."""
        size_of(files, path, LOAD_ANEW, LARGEST)
        try:
            return cls(path, pa.ipc.open_file(files.open_mapped(path)))
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, f"is not readable: {error}", LOAD_ANEW) from error

    def batches(self, one: Slice) -> Iterator[pa.RecordBatch]:
        for index in range(len(one.firsts)):
            yield self._batch(one.batch + index)

    def of_bucket(self, one: Slice, bucket: Bucket) -> Iterator[pa.RecordBatch]:
        """The rows of one split."""
        shift = BITS - (bucket.count.bit_length() - 1)
        first = int(_reversed(np.array([bucket.index], np.uint32))[0])
        last = first + (1 << shift)
        for index in range(max(0, bisect_left(one.firsts, first) - 1), bisect_right(one.firsts, last - 1)):
            batch = self._batch(one.batch + index)
            low, high = np.searchsorted(batch[PLACE].to_numpy(), [first, last])
            if high > low:
                yield batch.slice(low, high - low)

    def _batch(self, number: int) -> pa.RecordBatch:
        with self.lock:
            try:
                batch = self.reader.get_batch(number)
                batch.validate(full=True)
            except (pa.ArrowException, IndexError, OSError) as error:
                raise damaged(self.path, f"is not readable: {error}", LOAD_ANEW) from error
            return batch


def _sorted(blocks: Sequence[Block]) -> tuple[tuple[pa.Table, ...], tuple[Slice, ...]]:
    """One table a partition, and where its rows will be."""
    tables, targets, numbers = [], [], dict[PartitionValues, int]()
    for block in blocks:
        if not len(block.keys):
            continue
        ours = np.array([numbers.setdefault(values, len(numbers)) for values in block.partitions], np.int64)
        targets.append(ours[np.array(block.targets, np.int64)])
        tables.append(block.table.append_column(KEY, block.keys))
    if not tables:
        return (), ()
    whole, partition = pa.concat_tables(tables).combine_chunks(), np.concatenate(targets)
    places = _reversed(hashes_of(whole[KEY]) & np.uint32((1 << BITS) - 1)).astype(np.uint32)
    order = np.lexsort((places, partition))
    done, places = whole.append_column(PLACE, pa.array(places)).take(pa.array(order)), places[order]
    counts = np.bincount(partition, minlength=len(numbers)).tolist()
    starts = [0, *np.cumsum(counts).tolist()]
    found, slices, batch = [], [], 0
    for values, at in numbers.items():
        if not counts[at]:
            continue
        firsts = tuple(places[starts[at] : starts[at + 1] : BATCH].tolist())
        found.append(done.slice(starts[at], counts[at]).combine_chunks())
        slices.append(Slice(values, counts[at], batch, firsts))
        batch += len(firsts)
    return tuple(found), tuple(slices)


def _reversed(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The lowest 16 bits, the lowest becoming the highest."""
    found = np.zeros(len(values), np.uint32)
    for bit in range(BITS):
        found |= ((values >> np.uint32(bit)) & np.uint32(1)) << np.uint32(BITS - 1 - bit)
    return found


def _plain(row: RejectedRow) -> dict[str, Any]:
    cells = [[family.hex(), qualifier.hex(), stamp, value.hex()] for family, qualifier, stamp, value in row.cells]
    return {"key": row.key.hex(), "reason": row.reason, "column": row.column, "cells": cells}


def rejected_of(plain: Mapping[str, Any]) -> RejectedRow:
    from loader.mapping.rejected import Rejected as Row  # noqa: PLC0415 - the value behind the protocol

    cells = tuple(
        (bytes.fromhex(family), bytes.fromhex(qualifier), stamp, bytes.fromhex(value))
        for family, qualifier, stamp, value in plain["cells"]
    )
    return Row(bytes.fromhex(plain["key"]), plain["reason"], cells, plain["column"])


def total_of(parts: Iterator[SpooledPart]) -> dict[PartitionValues, int]:
    """Rows by partition."""
    rows: dict[PartitionValues, int] = {}
    for part in parts:
        for one in part.slices:
            rows[one.partition] = rows.get(one.partition, 0) + one.rows
    return rows
