import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.hashing import hashes_of, within
from partitioner.changes.keys_in_bucket import MOST_BITS, keys_within
from partitioner.values import Bucket

buckets = st.integers(0, MOST_BITS + 2).flatmap(
    lambda power: st.integers(0, (1 << power) - 1).map(lambda index: Bucket(index, 1 << power))
)
equally_long = st.integers(0, 70).flatmap(
    lambda length: st.lists(st.binary(min_size=length, max_size=length), max_size=50)
)


@given(equally_long | st.lists(st.binary(max_size=70), max_size=50), buckets, st.integers(0, 5))
def test_the_low_bits_tell_what_the_whole_hash_tells(keys: list[bytes], bucket: Bucket, cut: int) -> None:
    column = pa.array(keys, pa.binary())[cut:]
    assert keys_within(column, bucket).tolist() == within(hashes_of(column), bucket).tolist()


@pytest.mark.parametrize("length", range(1, 65))
def test_keys_of_every_length_find_the_buckets_of_their_hashes(length: int) -> None:
    dice = np.random.default_rng(length)
    column = pa.array([dice.bytes(length) for _ in range(200)], pa.binary())
    for index in range(8):
        assert (keys_within(column, Bucket(index, 8)) == within(hashes_of(column), Bucket(index, 8))).all()


def test_null_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="are null"):
        keys_within(pa.array([b"a", None], pa.binary()), Bucket(0, 2))
