"""Rows as they come from HBase, put where their split will find them: one file a part of the key space.

A part's rows are sorted by partition and then by the bits of their hash from the lowest up: so the rows of bucket i
of n, for any power of two n, lie side by side, and n may be chosen when all rows are counted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loader.files import Files, join, local_path
from loader.publish.quarantined import Rejected
from loader.sources.ranges import Block
from partitioner.hashing import hashes_of
from partitioner.values import Bucket, PartitionValues, scheme_of

BITS = 16
KEY, PLACE = "__key", "__place"
"""Raw key; the lowest 16 bits of the hash, lowest first."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one partition in one part."""

    partition: PartitionValues
    start: int
    rows: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a part holds. `upto`: the last key that was looked at; None: the end of its range."""

    upto: str | None  # hex
    slices: tuple[Slice, ...]
    rejected: tuple[dict[str, Any], ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.slices)


def store_part(files: Files, folder: str, name: str, blocks: Sequence[Block], upto: bytes | None) -> Part:
    """Write the rows, then what is to be known of them: without the second the first counts for nothing."""
    table, slices = _sorted(blocks)
    rejected = tuple(_plain(row) for block in blocks for row in block.rejected)
    part = Part(None if upto is None else upto.hex(), slices, rejected)
    temporary = join(folder, f".{name}.writing")
    if table is not None:
        with files.open_output(temporary) as stream, pa.ipc.new_file(stream, table.schema) as writer:
            writer.write_table(table)
        if files.exists(join(folder, f"{name}.arrow")):  # of a life that ended before it could tell
            files.delete_file(join(folder, f"{name}.arrow"))
        files.publish(temporary, join(folder, f"{name}.arrow"))
    files.create(join(folder, f"{name}.json"), json.dumps(asdict(part)).encode())
    return part


def load_part(files: Files, folder: str, name: str) -> Part:
    plain = json.loads(files.read(join(folder, f"{name}.json")))
    slices = tuple(Slice(tuple(one["partition"]), one["start"], one["rows"]) for one in plain["slices"])
    return Part(plain["upto"], slices, tuple(plain["rejected"]))


def rows_of(files: Files, folder: str, name: str) -> pa.Table:
    """Memory-mapped where it is local: what is not looked at costs nothing."""
    path = join(folder, f"{name}.arrow")
    local = scheme_of(path) == "file"
    return pa.ipc.open_file(
        pa.memory_map(str(local_path(path))) if local else pa.BufferReader(files.read(path))
    ).read_all()


def of_bucket(table: pa.Table, one: Slice, bucket: Bucket) -> pa.Table:
    """The rows of one split in one part, without a copy."""
    mine = table.slice(one.start, one.rows)
    places = mine[PLACE].to_numpy()
    shift = BITS - (bucket.count.bit_length() - 1)
    first = int(_reversed(np.array([bucket.index], np.uint32))[0])
    low, high = np.searchsorted(places, [first, first + (1 << shift)])
    return mine.slice(low, high - low)


def _sorted(blocks: Sequence[Block]) -> tuple[pa.Table | None, tuple[Slice, ...]]:
    tables, targets, numbers = [], [], dict[PartitionValues, int]()
    for block in blocks:
        if not len(block.keys):
            continue
        ours = np.array([numbers.setdefault(values, len(numbers)) for values in block.partitions], np.int64)
        targets.append(ours[np.array(block.targets, np.int64)])
        tables.append(block.table.append_column(KEY, block.keys))
    if not tables:
        return None, ()
    whole, partition = pa.concat_tables(tables).combine_chunks(), np.concatenate(targets)
    places = _reversed(hashes_of(whole[KEY]) & np.uint32((1 << BITS) - 1))
    order = np.lexsort((places, partition))
    done = whole.append_column(PLACE, pa.array(places.astype(np.uint32))).take(pa.array(order))
    counts = np.bincount(partition, minlength=len(numbers))
    starts = np.concatenate([[0], np.cumsum(counts)])
    slices = [Slice(values, int(starts[at]), int(counts[at])) for values, at in numbers.items() if counts[at]]
    return done, tuple(slices)


def _reversed(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The lowest 16 bits, the lowest becoming the highest."""
    found = np.zeros(len(values), np.uint32)
    for bit in range(BITS):
        found |= ((values >> np.uint32(bit)) & np.uint32(1)) << np.uint32(BITS - 1 - bit)
    return found


def _plain(row: Rejected) -> dict[str, Any]:
    cells = [[family.hex(), qualifier.hex(), stamp, value.hex()] for family, qualifier, stamp, value in row.cells]
    return {"key": row.key.hex(), "reason": row.reason, "column": row.column, "cells": cells}


def rejected_of(plain: Mapping[str, Any]) -> Rejected:
    from loader.quarantine import Rejected as Row  # noqa: PLC0415 - the value behind the protocol

    cells = tuple(
        (bytes.fromhex(family), bytes.fromhex(qualifier), stamp, bytes.fromhex(value))
        for family, qualifier, stamp, value in plain["cells"]
    )
    return Row(bytes.fromhex(plain["key"]), plain["reason"], cells, plain["column"])


def total_of(parts: Iterator[Part]) -> dict[PartitionValues, int]:
    """Rows by partition."""
    rows: dict[PartitionValues, int] = {}
    for part in parts:
        for one in part.slices:
            rows[one.partition] = rows.get(one.partition, 0) + one.rows
    return rows
