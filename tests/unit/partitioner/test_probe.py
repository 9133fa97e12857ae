"""Which keys are among the wanted ones, against a dict."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.probe import BITS, FEWEST_KEYS, MOST_SHARE, found_among

lengths = st.integers(1, 70)


def check(keys: list[bytes], wanted: list[bytes]) -> None:
    rows, places = found_among(pa.array(keys, pa.binary()), pa.array(wanted, pa.binary()))
    place = {key: index for index, key in enumerate(wanted)}
    expected = [(row, place[key]) for row, key in enumerate(keys) if key in place]
    assert list(zip(rows.tolist(), places.tolist(), strict=True)) == expected


def random_keys(length: int, count: int, seed: int) -> list[bytes]:
    data = np.random.default_rng(seed).integers(0, 4, (count, length), np.uint8)
    return [row.tobytes() for row in data]


@given(st.lists(st.binary(max_size=3), max_size=50), st.sets(st.binary(max_size=3), max_size=20))
def test_few_keys_of_any_length_are_found(keys: list[bytes], wanted: set[bytes]) -> None:
    check(keys, sorted(wanted))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 8, 12, 15, 16, 31, 63, 64, 65])
def test_many_keys_of_one_length_are_found(length: int) -> None:
    keys = random_keys(length, FEWEST_KEYS + 100, length)
    check(keys, sorted({*keys[::9], *random_keys(length, 100, 1000 + length)}))


@pytest.mark.parametrize("wanted", [0, 1, int(MOST_SHARE * (1 << BITS)), int(MOST_SHARE * (1 << BITS)) + 1])
def test_many_keys_are_found_however_many_are_wanted(wanted: int) -> None:
    keys = [b"key-%07d" % number for number in range(3 * FEWEST_KEYS)]
    check(keys, [b"key-%07d" % (number * 7) for number in range(wanted)])


def test_wanted_keys_of_other_lengths_are_not_lost() -> None:
    keys = [b"key-%06d" % number for number in range(FEWEST_KEYS)]
    check([*keys, b"longer-key"], [b"longer-key", b"key-000003", b"no"])
    check(keys, [b"key-000003", b"k"])


def test_a_slice_of_keys_is_looked_at_alone() -> None:
    keys = pa.array([b"key-%06d" % number for number in range(FEWEST_KEYS + 200)], pa.binary())
    rows, places = found_among(keys.slice(100), pa.array([b"key-000099", b"key-000100", b"key-008000"], pa.binary()))
    assert (rows.tolist(), places.tolist()) == ([0, 7_900], [1, 2])
