"""The key hash: CRC-32 (IEEE, as zlib and Spark SQL's `crc32`) of the raw key. Fixed for ever: files are placed by it.

CRC is linear: of keys of one length it is a constant XOR one table entry a byte, so that numpy hashes a column of keys
in about 2 ns a byte, without a Python object a key.
"""

import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from partitioner.values import Bucket

TEST_VECTORS: tuple[tuple[bytes, int], ...] = (
    (b"", 0x00000000),
    (b"\x00", 0xD202EF8D),
    (b"a", 0xE8B7BE43),
    (b"123456789", 0xCBF43926),
    (b"\xff\xff\xff\xff", 0xFFFFFFFF),
    (b"campaign-0042#2024-01-31", 0xAB28FF9C),
    (b"\x80\x00\x00\x00\x00\x00\x00\x2a", 0xEDA29365),
    ("Bücher|東京".encode(), 0x5B0E3924),
)
"""(raw key, hash). A change of any of these would orphan every file ever written."""

LONGEST_BY_TABLE = 64  # bytes; above, zlib's own loop is faster than one table look-up a byte
FEWEST_BY_TABLE = 64  # keys of one length
BLOCK = 16_384  # keys at a time, so that the work stays in the cache

Hashes = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]


def hash_key(key: bytes) -> int:
    """The hash of one raw key."""
    return zlib.crc32(key)


def hash_keys(keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    """uint32 hashes of binary (or string) `keys`, in their order. Raises ValueError if a key is null."""
    return pa.array(hashes_of(keys))


def hashes_of(keys: pa.Array | pa.ChunkedArray) -> Hashes:
    """As `hash_keys`, as a numpy array."""
    if keys.null_count:
        raise ValueError(f"{keys.null_count} of {len(keys)} raw keys are null")
    chunks = keys.chunks if isinstance(keys, pa.ChunkedArray) else [keys]
    if len(chunks) == 1:
        return _hash_chunk(chunks[0])
    return np.concatenate([_hash_chunk(chunk) for chunk in chunks] or [np.empty(0, np.uint32)])


def bucket_of(hash_: int, count: int) -> int:
    """Which of `count` (a power of two) buckets a hash belongs to."""
    return hash_ & (count - 1)


def within(hashes: Hashes, bucket: Bucket) -> npt.NDArray[np.bool_]:
    """Mask of the hashes that belong to `bucket`."""
    mask: npt.NDArray[np.bool_] = (hashes & np.uint32(bucket.count - 1)) == np.uint32(bucket.index)
    return mask


def _hash_chunk(keys: pa.Array) -> Hashes:
    keys = keys if pa.types.is_binary(keys.type) else keys.cast(pa.binary())
    if not len(keys):
        return np.empty(0, np.uint32)
    _, offsets_buffer, data_buffer = keys.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer else np.empty(0, np.uint8)
    lengths = np.diff(offsets)
    if (lengths == lengths[0]).all():
        return _hash_equal_lengths(data[offsets[0] : offsets[-1]].reshape(len(keys), lengths[0]))
    return _hash_by_length(data, offsets, lengths)


def _hash_by_length(data: Bytes, offsets: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32]) -> Hashes:
    hashes = np.empty(len(lengths), np.uint32)
    for rows in _rows_by_length(lengths):
        places = offsets[:-1][rows].astype(np.int64)[:, None] + np.arange(lengths[rows[0]])
        hashes[rows] = _hash_equal_lengths(data[places])
    return hashes


def _rows_by_length(lengths: npt.NDArray[np.int32]) -> Iterator[npt.NDArray[np.intp]]:
    order = np.argsort(lengths, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)


def _hash_equal_lengths(keys: Bytes) -> Hashes:
    """Hashes of the rows of a matrix of bytes."""
    count, length = keys.shape
    if length > LONGEST_BY_TABLE or count < FEWEST_BY_TABLE:
        return np.fromiter(map(zlib.crc32, map(bytes, keys)), np.uint32, count)
    tables = _tables()[LONGEST_BY_TABLE - length :]
    hashes = np.full(count, zlib.crc32(bytes(length)), np.uint32)
    for start in range(0, count, BLOCK):
        block = hashes[start : start + BLOCK]
        for table, column in zip(tables, np.ascontiguousarray(keys[start : start + BLOCK].T), strict=True):
            block ^= table[column]
    return hashes


@lru_cache(maxsize=1)
def _tables() -> Hashes:
    """(position, byte) → what that byte adds to the CRC of a key of zeros; the last position is a key's last byte."""
    tables = np.empty((LONGEST_BY_TABLE, 256), np.uint32)
    for position in range(LONGEST_BY_TABLE):
        tail = bytes(LONGEST_BY_TABLE - position - 1)
        zeros = zlib.crc32(b"\x00" + tail)
        tables[position] = [zlib.crc32(bytes([byte]) + tail) ^ zeros for byte in range(256)]
    return tables
