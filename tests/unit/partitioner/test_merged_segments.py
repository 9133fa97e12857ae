"""A merged segment's name tells where it may stand: any history of deltas, merges and rollbacks answers like a dict."""

from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.changes.hashing import hashes_of
from partitioner.changes.key_index import look_up, merge_segments, sorted_segment
from partitioner.history.folding import unneeded_segments
from partitioner.history.merged_segments import Compaction, best_merge, merged_name, with_merged

Places = dict[bytes, str | None]

EVERY = [b"k%d" % number for number in range(6)]
LONGEST_NAME = 255
"""Bytes of a file's name, on nearly every file system."""


def attempt(number: int) -> str:
    return f"b{number:010d}-{1_700_000_000_000 + number}-0123abcd"


def segment(where: Places) -> pa.Table:
    keys = pa.array(list(where), pa.binary())
    columns = {"hash": hashes_of(keys), "key": keys, "partition": pa.array(list(where.values()), pa.string())}
    return sorted_segment(pa.table(columns))


@dataclass
class Shelf:
    """All segments that were ever stored, and what each index that was ever named says."""

    segments: dict[str, pa.Table] = field(default_factory=dict)
    history: list[tuple[tuple[str, ...], Places]] = field(default_factory=lambda: [((), {})])
    index: tuple[str, ...] = ()
    truth: Places = field(default_factory=dict)
    stored: int = 0

    def batch(self, where: Places, takes_up: bool) -> None:
        merge = best_merge(self.segments, self.index) if takes_up else None
        index = with_merged(self.index, merge) if merge else self.index
        assert merge is None or len(index) < len(self.index)
        self.stored += 1
        name = f"{attempt(self.stored)}.arrow"
        self.segments[name] = segment(where)
        self.index, self.truth = (*index, name), self.truth | where
        self.history.append((self.index, self.truth))

    def merge(self, start: int, end: int) -> None:
        """By any loader; of any run, not only of one that pays."""
        run = self.index[min(start, end) : max(start, end)]
        if len(run) < 2:
            return
        self.stored += 1
        bottom = run == self.index[: len(run)]
        name = merged_name(run, bottom, f"{self.stored:08x}")
        self.segments[name] = merge_segments([self.segments[one] for one in run], oldest=bottom)

    def back(self, steps: int) -> None:
        self.index, self.truth = self.history[-1 - steps % len(self.history)]
        self.history.append((self.index, self.truth))

    def rebuild(self) -> None:
        """A new index of what lives, with one segment."""
        self.stored += 1
        name = f"{attempt(self.stored)}-0000.arrow"
        self.segments[name] = segment({key: place for key, place in self.truth.items() if place is not None})
        self.index = (name,)
        self.history.append((self.index, self.truth))

    def clean(self) -> None:
        """What no index that was named lists, but for the merge that is to be taken up."""
        for name in set(self.segments) - {one for index, _ in self.history for one in index}:
            if name in unneeded_segments(self.segments, (), best_merge(self.segments, self.index)):
                del self.segments[name]

    def says(self) -> Places:
        keys = pa.array(EVERY, pa.binary())
        found = look_up([self.segments[name] for name in self.index], hashes_of(keys), keys)
        return dict(zip(EVERY, found.to_pylist(), strict=True))


WHERE = st.dictionaries(st.sampled_from(EVERY), st.sampled_from(["day=a", "day=b", None]), min_size=1, max_size=3)
STEPS = st.one_of(
    st.tuples(st.just("batch"), WHERE, st.booleans()),
    st.tuples(st.just("merge"), st.integers(0, 8), st.integers(0, 8)),
    st.tuples(st.just("back"), st.integers(0, 5)),
    st.tuples(st.just("rebuild")),
    st.tuples(st.just("clean")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_whatever_was_merged_and_found_again_the_index_answers_like_a_dict(steps: list[tuple[object, ...]]) -> None:
    shelf = Shelf()
    for name, *arguments in steps:
        getattr(shelf, str(name))(*arguments)
        assert shelf.says() == {key: shelf.truth.get(key) for key in EVERY}, name


def names(count: int) -> tuple[str, ...]:
    return tuple(f"{attempt(number)}.arrow" for number in range(count))


def test_a_merge_is_found_by_its_name_wherever_its_run_is() -> None:
    index = names(6)
    upper = merged_name(index[2:5], bottom=False, token="t")
    assert best_merge([upper], index) == Compaction(index[2:5], upper, bottom=False)
    assert best_merge([upper], index[2:]) == Compaction(index[2:5], upper, bottom=False)
    assert best_merge([upper], (*index[:3], "x.arrow", *index[3:])) is None
    assert best_merge([upper], index[:4]) is None


def test_a_merge_without_the_keys_that_live_nowhere_is_found_at_the_bottom_only() -> None:
    """Above an older segment it would bring keys back that were deleted."""
    index = names(6)
    merged = merged_name(index[2:5], bottom=True, token="t")
    assert best_merge([merged], index) is None
    assert best_merge([merged], index[2:]) == Compaction(index[2:5], merged, bottom=True)


def test_the_merge_of_the_longest_run_is_the_best() -> None:
    index = names(6)
    merges = [merged_name(index[:count], bottom=True, token="t") for count in (2, 5, 3)]
    assert best_merge(merges, index) == Compaction(index[:5], merges[1], bottom=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_",
        "__.arrow",
        "notes.txt",
        f"{attempt(0)}_{attempt(2)}.arrow",  # of a version that did not tell the run
        f"{attempt(0)}_0123456789abcdef-t_{attempt(2)}.arrow",
        f"{attempt(2)}_0123456789abcdef-t_{attempt(0)}.arrow",
        f"{attempt(0)}_0123456789abcdef-t_../../elsewhere.arrow",
    ],
)
def test_what_does_not_tell_its_run_stands_for_none(name: str) -> None:
    assert best_merge([name], names(4)) is None


def test_names_of_merges_of_merges_do_not_grow() -> None:
    """A table that doubles again and again merges all it has each time."""
    index = names(1)
    for number in range(1, 40):
        index = (merged_name((*index, f"{attempt(number)}.arrow"), bottom=True, token="01234567"),)
    assert len(index[0]) < LONGEST_NAME / 2
    grown = (*index, f"{attempt(40)}.arrow")
    merged = merged_name(grown, bottom=True, token="t")
    assert best_merge([merged], grown) == Compaction(grown, merged, bottom=True)
