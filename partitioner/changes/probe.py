"""Which of many keys are among few: most are ruled out by a few bits of each, the rest are looked up.

Keys of one length are folded to 16 bits over whole columns, and one table look-up a key leaves as candidates those
whose bits some wanted key has. What is a candidate by chance costs a look-up, and nothing else.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changes.hashing import Bytes
from partitioner.changes.keys_in_bucket import as_matrix, words_of

Places = npt.NDArray[np.int64]

BITS = 16  # a table of 64 KiB stays in the cache
MOST_SHARE = 1 / 8  # of the table; above, too much is a candidate by chance
FEWEST_KEYS = 8_192
MULTIPLIERS = tuple(np.uint64(0x9E3779B97F4A7C15 + 2 * n * 0xBF58476D1CE4E5B9 & (1 << 64) - 1) for n in range(11))
"""Odd: the highest bits of a product then depend on every bit of the word. One for each word of a key."""


def found_among(keys: pa.Array, wanted: pa.Array) -> tuple[Places, Places]:
    """The rows of `keys` that are among `wanted`, ascending, and their places there.

    Both are binary; `wanted` has no key twice, and no null.
    """
    candidates = _candidates(keys, wanted)
    looked_up = pc.index_in(keys if candidates is None else keys.take(pa.array(candidates)), value_set=wanted)
    hits = np.flatnonzero(looked_up.is_valid().to_numpy(zero_copy_only=False))
    return hits if candidates is None else candidates[hits], looked_up.drop_null().to_numpy().astype(np.int64)


def _candidates(keys: pa.Array, wanted: pa.Array) -> Places | None:
    """Rows of `keys` that may be among `wanted`; None: all, where telling them apart would not pay."""
    if len(keys) < FEWEST_KEYS or len(wanted) > MOST_SHARE * (1 << BITS):
        return None
    many, few = as_matrix(keys), as_matrix(wanted)
    if many is None or few is None or many.shape[1] != few.shape[1]:
        return None
    table = np.zeros(1 << BITS, np.bool_)
    table[_folded(few)] = True
    return np.flatnonzero(table.take(_folded(many)))


def _folded(keys: Bytes) -> npt.NDArray[np.uint16]:
    mixed = np.zeros(len(keys), np.uint64)
    for multiplier, (_, word) in zip(MULTIPLIERS, words_of(keys), strict=False):
        mixed ^= word * multiplier
    mixed >>= np.uint64(64 - BITS)
    return mixed.astype(np.uint16)
