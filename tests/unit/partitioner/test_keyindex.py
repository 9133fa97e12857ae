"""The key index against a dict: any deltas, any merges, also keys whose hashes collide."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.changes.hashing import hash_key, hashes_of
from partitioner.changes.key_index import (
    SEGMENT,
    STORED,
    compaction,
    count_living,
    find,
    look_up,
    merge_segments,
    places,
    segment_of,
    sorted_segment,
    stored,
)
from partitioner.history.merged_segments import Compaction, with_merged
from tests.unit.partitioner.build import Change, change_set

keys = st.integers(0, 30).map(lambda number: f"key-{number}".encode())
deltas = st.lists(st.dictionaries(keys, st.sampled_from(["day=a", "day=b", None]), max_size=12), max_size=10)


def delta(where: dict[bytes, str | None], hash_bits: int = 32) -> pa.Table:
    """A stored segment; few `hash_bits` make hashes collide."""
    hashes = [hash_key(key) & ((1 << hash_bits) - 1) for key in where]
    table = pa.table([hashes, list(where), list(where.values()), [None] * len(where)], schema=SEGMENT)
    return stored(sorted_segment(table))


def told(segments: list[pa.Table], wanted: list[bytes], hash_bits: int = 32) -> dict[bytes, str | None]:
    raw = pa.array(wanted, pa.binary())
    hashes = hashes_of(raw) & np.uint32((1 << hash_bits) - 1)
    return dict(zip(wanted, look_up(segments, hashes, raw).to_pylist(), strict=True))


def folded(wheres: list[dict[bytes, str | None]]) -> dict[bytes, str | None]:
    """What the deltas add up to."""
    return {key: place for where in wheres for key, place in where.items()}


EVERY = [f"key-{number}".encode() for number in range(31)]


@settings(max_examples=30)
@given(deltas, st.sampled_from([32, 2]))
def test_the_newest_delta_that_knows_a_key_is_right(wheres: list[dict[bytes, str | None]], bits: int) -> None:
    known = folded(wheres)
    assert told([delta(where, bits) for where in wheres], EVERY, bits) == {key: known.get(key) for key in EVERY}


@settings(max_examples=30)
@given(deltas, st.data(), st.sampled_from([32, 2]))
def test_merging_any_run_of_neighbours_changes_no_answer(
    wheres: list[dict[bytes, str | None]], data: st.DataObject, bits: int
) -> None:
    segments = [delta(where, bits) for where in wheres]
    start = data.draw(st.integers(0, len(segments)))
    end = data.draw(st.integers(start, len(segments)))
    merged = merge_segments(segments[start:end], oldest=start == 0) if end > start else None
    after = [*segments[:start], *([merged] if merged is not None else []), *segments[end:]]
    assert told(after, EVERY, bits) == told(segments, EVERY, bits)


@settings(max_examples=30)
@given(deltas, st.sampled_from([32, 2]))
def test_a_merged_segment_has_each_key_once_in_the_order_of_its_hashes(
    wheres: list[dict[bytes, str | None]], bits: int
) -> None:
    if not wheres:
        return
    merged = merge_segments([delta(where, bits) for where in wheres], oldest=False)
    assert len(set(merged["key"].to_pylist())) == len(merged)
    assert merged["hash"].to_pylist() == sorted(merged["hash"].to_pylist())


@settings(max_examples=30)
@given(deltas)
def test_the_base_forgets_keys_that_live_nowhere(wheres: list[dict[bytes, str | None]]) -> None:
    if wheres:
        merged = merge_segments([delta(where) for where in wheres], oldest=True)
        assert merged["partition"].null_count == 0


@settings(max_examples=30)
@given(deltas, st.sampled_from([32, 2]))
def test_living_keys_are_counted(wheres: list[dict[bytes, str | None]], bits: int) -> None:
    living = sum(place is not None for place in folded(wheres).values())
    assert count_living([delta(where, bits) for where in wheres]) == living


def test_a_change_set_says_where_each_key_lives_and_lived() -> None:
    changes = change_set([Change("m", "v", "b", "a"), Change("n", "v", "a", None), Change("d", None, None, "b")])
    names = [f"day={values[0]}" for values in changes.partitions]
    rows = {row["key"]: (row["partition"], row["before"]) for row in segment_of(changes, names).to_pylist()}
    assert rows == {b"m": ("day=b", "day=a"), b"n": ("day=a", None), b"d": (None, "day=b")}


def test_what_is_stored_names_each_partition_once() -> None:
    segment = delta({f"key-{number}".encode(): "day=2026-07-01" for number in range(1_000)})
    assert segment.schema == STORED
    assert segment["partition"].chunk(0).dictionary.to_pylist() == ["day=2026-07-01"]
    assert stored(segment).equals(segment)


def test_segments_of_before_names_were_stored_once_are_still_read_and_merged() -> None:
    old = sorted_segment(pa.table([[hash_key(b"k")], [b"k"], ["day=a"], [None]], schema=SEGMENT))
    new = delta({b"n": "day=b"})
    assert told([old, new], [b"k", b"n"]) == {b"k": "day=a", b"n": "day=b"}
    assert told([merge_segments([old, new], oldest=True)], [b"k", b"n"]) == {b"k": "day=a", b"n": "day=b"}


def test_keys_of_one_hash_are_told_apart() -> None:
    """The CRC-32 of these two is the same."""
    one, other = b"plumless", b"buckeroo"
    assert hash_key(one) == hash_key(other)
    segment = delta({one: "day=a", other: "day=b"})
    assert told([segment], [one, other, b"nobody"]) == {one: "day=a", other: "day=b", b"nobody": None}


def test_a_key_that_is_not_there_has_no_row() -> None:
    segment = delta({b"a": "day=a"})
    assert find(segment, np.array([hash_key(b"z")], np.uint32), pa.array([b"z"], pa.binary())).tolist() == [-1]


def test_keys_of_one_partition_become_a_segment() -> None:
    segment = sorted_segment(places(pa.array([b"x", b"y"], pa.binary()), "day=c"))
    assert told([segment], [b"x", b"y"]) == {b"x": "day=c", b"y": "day=c"}


def run_of(sizes: list[int]) -> tuple[int, int] | None:
    found = compaction(sizes)
    return (found.start, found.stop) if found else None


def test_few_segments_are_left_alone() -> None:
    assert run_of([5_000_000, 10, 10, 10]) is None


def test_small_deltas_are_merged_among_themselves_and_not_into_the_base() -> None:
    assert run_of([5_000_000] + [1_000] * 8) == (1, 9)


def test_a_base_is_not_merged_to_make_up_the_number() -> None:
    """[5M, 400k, 6 × 50k] are eight, but merging them would rewrite the base every few batches."""
    assert run_of([5_000_000, 400_000] + [50_000] * 6) is None
    assert run_of([5_000_000, 400_000] + [50_000] * 7) is None
    assert run_of([5_000_000, 400_000] + [50_000] * 8) == (1, 10)


def test_the_base_is_merged_once_the_deltas_weigh_as_much() -> None:
    assert run_of([5_000_000] + [700_000] * 8) == (0, 9)


@given(st.lists(st.one_of(st.integers(1, 1_000), st.just(50_000)), min_size=1, max_size=300))
def test_every_key_is_merged_a_logarithmic_number_of_times(batches: list[int]) -> None:
    segments: list[int] = []
    merged = 0
    for size in batches:
        segments.append(size)
        while (found := compaction(segments)) is not None:
            merged += sum(segments[found])
            segments = [*segments[: found.start], sum(segments[found])]
    total = sum(batches)
    assert merged <= total * (np.log2(total) + 1)
    assert len(segments) <= 8 * (np.log2(total) + 1)


def test_no_merge_makes_a_segment_larger_than_arrow_can_index() -> None:
    sizes = [20_000_000] * 12
    assert all(sum(sizes[slice(*found)]) <= 32_000_000 for found in [run_of(sizes)] if found)


@pytest.mark.parametrize("bits", [32, 1])
def test_a_year_of_deltas_and_merges_answers_like_a_dict(bits: int) -> None:
    dice = np.random.default_rng(4)
    truth: dict[bytes, str | None] = {}
    segments: list[pa.Table] = []
    for _ in range(120):
        chosen = dice.choice(31, 6, replace=False)
        where = {EVERY[key]: [None, "day=a", "day=b"][dice.integers(3)] for key in chosen}
        truth |= where
        segments.append(delta(where, bits))
        if (found := compaction([len(segment) for segment in segments])) is not None:
            run = merge_segments(segments[found], oldest=found.start == 0)
            segments = [*segments[: found.start], run]
    assert told(segments, EVERY, bits) == {key: truth.get(key) for key in EVERY}


@settings(max_examples=50)
@given(deltas, st.data(), st.sampled_from([32, 2]))
def test_a_merge_may_stand_for_its_run_whatever_came_after_it(
    wheres: list[dict[bytes, str | None]], data: st.DataObject, bits: int
) -> None:
    stored_as = {f"s{number}": delta(where, bits) for number, where in enumerate(wheres)}
    index = tuple(stored_as)
    start = data.draw(st.integers(0, len(index)))
    run = index[start : data.draw(st.integers(start, len(index)))]
    if not run:
        return
    stored_as["merged"] = merge_segments([stored_as[name] for name in run], oldest=start == 0)
    shorter = with_merged(index, Compaction(run, "merged", bottom=start == 0))
    assert shorter == (*index[:start], "merged", *index[start + len(run) :])
    found = told([stored_as[name] for name in shorter], EVERY, bits)
    assert found == {key: folded(wheres).get(key) for key in EVERY}


@pytest.mark.parametrize("index", [(), ("a",), ("b", "a"), ("a", "x", "b"), ("x", "a")])
def test_a_merge_stands_for_no_other_run(index: tuple[str, ...]) -> None:
    assert with_merged(index, Compaction(("a", "b"), "ab", bottom=False)) == index


def test_a_merge_that_left_out_keys_that_live_nowhere_lies_at_the_bottom() -> None:
    """Or the key would be found again in what lies below."""
    merge = Compaction(("a", "b"), "ab", bottom=True)
    assert with_merged(("x", "a", "b"), merge) == ("x", "a", "b")
    assert with_merged(("a", "b", "c"), merge) == ("ab", "c")
