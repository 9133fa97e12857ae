import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.hashing import TEST_VECTORS, bucket_of, hash_key, hash_keys, hashes_of, within
from partitioner.values import Bucket

raw_keys = st.lists(st.binary(max_size=80), max_size=300)


@pytest.mark.parametrize(("key", "expected"), TEST_VECTORS)
def test_pinned_vectors_never_change(key: bytes, expected: int) -> None:
    assert hash_key(key) == expected
    assert hash_keys(pa.array([key], pa.binary())).to_pylist() == [expected]


@given(raw_keys)
def test_a_column_of_keys_hashes_as_each_key_alone(keys: list[bytes]) -> None:
    hashed = hash_keys(pa.array(keys, pa.binary()))
    assert hashed.type == pa.uint32()
    assert hashed.to_pylist() == [zlib.crc32(key) for key in keys]


@pytest.mark.parametrize("length", [0, 1, 7, 22, 63, 64, 65, 200])
def test_many_keys_of_one_length_hash_as_each_key_alone(length: int) -> None:
    keys = [np.random.default_rng(seed).bytes(length) for seed in range(20_000 if length == 22 else 100)]
    assert hashes_of(pa.array(keys, pa.binary())).tolist() == [zlib.crc32(key) for key in keys]


@given(raw_keys, st.integers(0, 50))
def test_slices_and_chunks_hash_as_the_whole(keys: list[bytes], cut: int) -> None:
    whole = pa.array([*keys, b"last"], pa.binary())
    chunked = pa.chunked_array([whole[:cut], whole[cut:]])
    assert hashes_of(chunked).tolist() == hashes_of(whole).tolist()
    assert hashes_of(whole[cut:]).tolist() == hashes_of(whole).tolist()[cut:]


def test_text_hashes_as_its_utf8_bytes() -> None:
    assert hash_keys(pa.array(["Bücher"])).to_pylist() == [zlib.crc32("Bücher".encode())]


def test_a_null_key_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 raw keys are null"):
        hash_keys(pa.array([b"a", None], pa.binary()))


@given(raw_keys, st.integers(0, 6))
def test_every_key_is_within_exactly_one_bucket(keys: list[bytes], power: int) -> None:
    hashes, count = hashes_of(pa.array(keys, pa.binary())), 1 << power
    hits = sum(within(hashes, Bucket(index, count)).astype(int) for index in range(count))
    assert (hits == 1).all()
    assert all(within(np.array([h], np.uint32), Bucket(bucket_of(int(h), count), count)).all() for h in hashes)
