"""Which keys belong to a bucket, from a few bits of their hashes: a fifth of the work of hashing them.

CRC-32 is linear: each bit of the hash of a key of known length is the parity of some bits of that key (XOR a constant).
A bucket of 2^k needs only the k lowest bits of the hash, so k masks and population counts tell, over whole columns.
"""

import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from partitioner.changes.hashing import Bytes, hashes_of, within
from partitioner.values import Bucket

Mask = npt.NDArray[np.bool_]

MOST_BITS = 6  # above, hashing the whole key is as quick
LONGEST = 64  # bytes of a key
WORDS = ((8, "<u8"), (4, "<u4"), (2, "<u2"), (1, "u1"))


def keys_within(keys: pa.Array, bucket: Bucket) -> Mask:
    """Mask of the raw `keys` (binary, no nulls) that belong to `bucket`; equal to `within(hashes_of(keys), bucket)`."""
    if bucket.count == 1:
        return np.ones(len(keys), np.bool_)
    matrix = as_matrix(keys) if bucket.count <= 1 << MOST_BITS else None
    return within(hashes_of(keys), bucket) if matrix is None else _by_parity(matrix, bucket)


def as_matrix(keys: pa.Array) -> Bytes | None:
    """Binary keys as rows of bytes, without a copy; None if they differ in length, or are none or long."""
    if not len(keys) or keys.null_count or not pa.types.is_binary(keys.type):
        return None
    _, offsets_buffer, data_buffer = keys.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    length = int(offsets[1] - offsets[0])
    if not 0 < length <= LONGEST or (np.diff(offsets) != length).any():
        return None
    return np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]].reshape(len(keys), length)


def _by_parity(keys: Bytes, bucket: Bucket) -> Mask:
    right = np.ones(len(keys), np.bool_)
    length, words = keys.shape[1], list(words_of(keys))
    for bit in range(bucket.count.bit_length() - 1):
        masks, constant = _masks(length)[bit], zlib.crc32(bytes(length)) >> bit & 1
        folded = np.zeros(len(keys), np.uint64)
        for start, word in words:
            mask = masks[start : start + word.itemsize]
            folded ^= word & word.dtype.type(int.from_bytes(mask, "little"))
        right &= (np.bitwise_count(folded) & 1) == (bucket.index >> bit & 1) ^ constant
    return right


def words_of(keys: Bytes) -> Iterator[tuple[int, npt.NDArray[np.unsignedinteger]]]:
    """The columns of `keys`, several bytes at a time: each with the byte it starts at."""
    length = keys.shape[1]
    flat, start = keys.reshape(-1), 0
    for size in _sizes(length):
        kind = np.dtype({"names": ["word"], "formats": [dict(WORDS)[size]], "offsets": [start], "itemsize": length})
        yield start, np.ascontiguousarray(flat.view(kind)["word"]).astype(np.dtype(f"u{size}"), copy=False)
        start += size


def _sizes(length: int) -> list[int]:
    return [8] * (length // 8) + [size for size, _ in WORDS[1:] if length & size]


@lru_cache(maxsize=LONGEST)
def _masks(length: int) -> tuple[bytes, ...]:
    """For each of the lowest bits of the hash: which bits of a key of that length are XORed into it."""
    zeros = zlib.crc32(bytes(length))
    masks = [bytearray(length) for _ in range(MOST_BITS)]
    for place in range(length):
        for bit in range(8):
            key = bytearray(length)
            key[place] = 1 << bit
            moved = zlib.crc32(key) ^ zeros
            for low, mask in enumerate(masks):
                mask[place] |= (moved >> low & 1) << bit
    return tuple(map(bytes, masks))
