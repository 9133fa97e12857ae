"""Blocks of cells decoded by positions are the cells that were spelled, or are refused; rows in parts come whole."""

import random
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.rpc.cells import decode, starts
from loader.sources.hbase.rpc.connection import Answer
from loader.sources.hbase.rpc.rows import WholeRows, packed
from loader.sources.hbase.seen_cells import packed_marks
from tests.fake_hbase import Cell, cell_bytes

Spelled = tuple[bytes, Cell]
"""Key and cell."""
LIKE_A_CELL = cell_bytes(b"row", (b"d", b"q", b"value", 1, 4))
CELL = st.tuples(
    st.sampled_from([b"d", b"family"]),
    st.binary(max_size=20),
    st.binary(max_size=60) | st.sampled_from([LIKE_A_CELL, LIKE_A_CELL * 3, b"\0" * 40]),
    st.integers(0, 2**62),
    st.sampled_from([4, 8, 10, 12, 14]),
)
ROWS = st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.lists(CELL, min_size=1, max_size=6)), min_size=1)


def spelled(rows: Sequence[tuple[bytes, Sequence[Cell]]]) -> list[Spelled]:
    return [(key, cell) for key, cells in sorted(dict(rows).items()) for cell in cells]


def plain(rows: Sequence[Row]) -> list[tuple[bytes, list[Cell]]]:
    return [
        (row.row, [(c.family, c.qualifier, c.value, c.timestamp, c.type) for c in row.columnValues]) for row in rows
    ]


def grouped(cells: Sequence[Spelled]) -> list[tuple[bytes, list[Cell]]]:
    return [(key, [cell for _, cell in pairs]) for key, pairs in groupby(cells, key=lambda pair: pair[0])]


def block(cells: Sequence[Spelled]) -> bytes:
    return b"".join(cell_bytes(key, cell) for key, cell in cells)


def packed_of(cells: Sequence[Spelled], head: bytes = b"") -> PackedRows:
    return packed(head + block(cells), len(head), [len(row) for _, row in grouped(cells)])


@settings(max_examples=60, deadline=None)
@given(ROWS, st.binary(max_size=30))
def test_a_block_is_the_cells_that_were_spelled(rows: list[tuple[bytes, list[Cell]]], head: bytes) -> None:
    cells = spelled(rows)
    assert plain(packed_of(cells, head)) == grouped(cells)


def large(seed: int) -> list[Spelled]:
    """Half a megabyte, with values that look like cells where a cell's beginning is looked for."""
    chance = random.Random(seed)
    values = [b"v" * 20, LIKE_A_CELL * 4, b"\0" * 200, LIKE_A_CELL * 400, b""]
    cells: list[Spelled] = []
    while sum(len(value) for _, (_, _, value, _, _) in cells) < 500_000:
        cells.append((b"k%06d" % (len(cells) // 3), (b"d", b"q%d" % (len(cells) % 3), chance.choice(values), 7, 4)))
    return cells


@pytest.mark.parametrize("seed", range(6))
def test_a_large_block_full_of_what_looks_like_cells_is_followed_from_its_first_byte(seed: int) -> None:
    cells = large(seed)
    data = block(cells)
    places, at = [], 0
    for key, cell in cells:
        places.append(at)
        at += len(cell_bytes(key, cell))
    assert starts(data, 0, len(data)).tolist() == [*places, at]
    assert plain(packed_of(cells)) == grouped(cells)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.data())
def test_a_block_that_is_cut_or_changed_is_refused_or_another_block(
    rows: list[tuple[bytes, list[Cell]]], data: st.DataObject
) -> None:
    """What is taken is spelled by just those bytes, whatever they are."""
    whole = bytearray(block(spelled(rows)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        cells = decode(cut, 0, len(cut))
    except ValueError:
        return
    assert cells.at[0] == 0
    assert cells.at[-1] == len(cut)
    assert (cells.value_at + cells.value_length == cells.at[1:]).all()
    assert (cells.qualifier_length >= 0).all()


def test_tags_are_refused_and_not_taken_for_a_value() -> None:
    key = cell_bytes(b"k", (b"d", b"q", b"value", 1, 4))[12:]
    body = (len(key) - 5).to_bytes(4, "big") + (5).to_bytes(4, "big") + key + b"\0\3\1ab"
    data = len(body).to_bytes(4, "big") + body
    with pytest.raises(ValueError, match="do not agree"):
        decode(data, 0, len(data))


def test_other_cells_than_were_told_are_refused() -> None:
    data = block([(b"k", (b"d", b"q", b"v", 1, 4))] * 3)
    with pytest.raises(ConnectionLost, match="told of 4 cells and sent 3"):
        packed(data, 0, [2, 2])


# Rows in parts


def answers(cells: Sequence[Spelled], cuts: Sequence[int]) -> Iterator[tuple[Answer, list[int], bool]]:
    """As a server cuts them: an answer ends anywhere, and says whether its last row may go on."""
    borders = [0, *sorted({cut % (len(cells) + 1) for cut in cuts}), len(cells)]
    for start, stop in pairwise(borders):
        part = cells[start:stop]
        goes_on = stop < len(cells) and bool(part) and cells[stop][0] == part[-1][0]
        frame = b"message" + block(part)
        yield Answer(b"", frame, len(b"message")), [len(row) for _, row in grouped(part)], goes_on


@settings(max_examples=100, deadline=None)
@given(ROWS, st.lists(st.integers(0, 1000), max_size=8))
def test_rows_come_whole_and_once_wherever_answers_end(rows: list[tuple[bytes, list[Cell]]], cuts: list[int]) -> None:
    cells, whole = spelled(rows), WholeRows(1 << 20)
    found = [batch for answer, counts, goes_on in answers(cells, cuts) for batch in whole.add(answer, counts, goes_on)]
    found += whole.end()
    assert [row for batch in found for row in plain(batch)] == grouped(cells)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.lists(st.integers(0, 1000), max_size=8))
def test_marks_are_the_same_wherever_answers_end(rows: list[tuple[bytes, list[Cell]]], cuts: list[int]) -> None:
    """Or a quiet table would be read again whenever an answer ends elsewhere."""
    cells, whole = spelled(rows), WholeRows(1 << 20)
    batches = [batch for answer, counts, more in answers(cells, cuts) for batch in whole.add(answer, counts, more)]
    batches += whole.end()

    def marks(batches: Sequence[Sequence[Row]]) -> list[tuple[bytes, int, int]]:
        columns = [packed_marks(batch) for batch in batches if isinstance(batch, PackedRows)]
        return sorted(mark for each in columns for mark in zip(*(column.to_pylist() for column in each), strict=True))

    assert marks(batches) == marks([packed_of(cells)])


def test_a_row_above_the_bound_comes_as_its_key_before_all_of_it_has_come() -> None:
    row = [(b"big", (b"d", b"q%d" % number, b"v" * 100, 1, 4)) for number in range(50)]
    whole = WholeRows(1000)
    parts = list(answers(row, range(0, 50, 5)))
    found, taken = [], 0
    for answer, counts, goes_on in parts:
        taken += 1
        found += [made for batch in whole.add(answer, counts, goes_on) for made in batch]
        if whole.given_up:
            break
    assert (taken < 5, [(made.row, made.left_out > 1000) for made in found]) == (True, [(b"big", True)])
