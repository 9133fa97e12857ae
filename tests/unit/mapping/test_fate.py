"""A cell's fate, its value or the reason why it has none, follows from the cell: never from what stands beside it."""

import re
import sys
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.mapping import text_forms, text_forms_1
from loader.mapping.codec import Codec
from loader.mapping.codecs import DECODERS, codec_for
from loader.mapping.fixed_width import moments
from loader.mapping.hive_types import INTEGERS, parse_hive_type
from loader.mapping.text_columns import Form
from loader.mapping.years import outside_years
from partitioner.bits import bits_of
from tests.unit.mapping.odd_cells import CELLS, EDGES, TEXT_TYPES, codecs

CODECS = codecs()
FORMS = {1: text_forms_1.FORMS, 2: text_forms.FORMS}
Fate = tuple[Any, str | None]


def fates(codec: Codec, cells: list[bytes | None]) -> list[Fate]:
    """Value (by its bits) and reason of each."""
    column, reasons = codec.decode(cells)
    column.validate(full=True)
    assert len(column) == len(cells)
    assert not [index for index in reasons if column[index].is_valid]
    values = bits_of(column).to_pylist()
    return [(value, reasons.get(index)) for index, value in enumerate(values)]


def alone(codec: Codec, cells: list[bytes | None]) -> list[Fate]:
    return [fate for cell in cells for fate in fates(codec, [cell])]


@pytest.mark.parametrize("name", CODECS)
def test_each_edge_has_the_same_fate_alone_and_among_all_others(name: str) -> None:
    cells: list[bytes | None] = [*EDGES, None, *reversed(EDGES)]
    assert fates(CODECS[name], cells) == alone(CODECS[name], cells)


@given(st.sampled_from(sorted(CODECS)), st.lists(CELLS, max_size=12))
@settings(max_examples=300, deadline=None)
def test_the_fate_of_a_value_does_not_depend_on_its_batch(name: str, cells: list[bytes | None]) -> None:
    assert fates(CODECS[name], cells) == alone(CODECS[name], cells)


@pytest.mark.slow
@given(st.sampled_from(sorted(CODECS)), st.lists(CELLS, max_size=30))
@settings(max_examples=20_000, deadline=None)
def test_the_fate_of_many_values_does_not_depend_on_their_batch(name: str, cells: list[bytes | None]) -> None:
    assert fates(CODECS[name], cells) == alone(CODECS[name], cells)


@given(st.sampled_from(sorted(CODECS)), st.lists(CELLS, max_size=6), st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_a_slice_of_a_packed_column_decodes_as_its_cells(
    name: str, cells: list[bytes | None], start: int, count: int
) -> None:
    packed = pa.array(cells, pa.binary()).slice(start, count)
    column, reasons = CODECS[name].decode(packed)
    assert (bits_of(column).to_pylist(), reasons) == (
        [value for value, _ in fates(CODECS[name], cells[start:][:count])],
        {at: why for at, (_, why) in enumerate(fates(CODECS[name], cells[start:][:count])) if why},
    )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_what_arrow_casts_of_the_edges_it_reads_as_our_own_reader_does(kind: str, decoder: int) -> None:
    for cell in EDGES:
        assert_alike(kind, decoder, cell)


@given(st.sampled_from(TEXT_TYPES), st.sampled_from(DECODERS), CELLS)
@settings(max_examples=1000, deadline=None)
def test_what_arrow_casts_it_reads_as_our_own_reader_does(kind: str, decoder: int, cell: bytes | None) -> None:
    if cell is not None:
        assert_alike(kind, decoder, cell)


def assert_alike(kind: str, decoder: int, cell: bytes) -> None:
    """The column's quick way against the slow one, value by value."""
    hive = parse_hive_type(kind)
    form = FORMS[decoder].get("int" if hive.name in INTEGERS else hive.name, Form("", lambda text, _: text))
    if not form.plain or not pc.match_substring_regex(pa.scalar(cell), form.plain).as_py():
        return
    try:
        quick = pa.scalar(cell.decode()).cast(hive.arrow)
    except pa.ArrowInvalid:
        quick = None
    try:
        slow = pa.scalar(form.read(cell.decode(), hive), hive.arrow)
    except Exception:  # noqa: BLE001 - as the column's own reading does
        slow = None
    assert (quick is None) == (slow is None), cell
    if quick is not None and slow is not None:
        assert bits_of(pa.array([quick])).equals(bits_of(pa.array([slow]))), cell


@pytest.mark.parametrize("name", CODECS)
def test_dates_and_timestamps_are_those_of_the_years_1_to_9999(name: str) -> None:
    column, _ = CODECS[name].decode(list(EDGES))
    if pa.types.is_temporal(column.type):
        assert outside_years(column) == []
        column.to_pylist()  # or Python could not show them


def test_the_first_and_the_last_moment_are_moments() -> None:
    first, last = -62_135_596_800_000, 253_402_300_799_999
    column, reasons = moments(pa.array([first - 1, first, last, last + 1, None, 2**63 - 1, -(2**63)], pa.int64()))
    assert [str(value) for value in column.to_pylist()[1:3]] == ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999000"]
    assert sorted(reasons) == [0, 3, 5, 6]
    assert "years 1 to 9999" in reasons[0]


@pytest.mark.parametrize("depth", [499, 500, 501, 5000])
def test_json_is_as_deep_as_it_is_whoever_calls(depth: int) -> None:
    cell = b"[" * depth + b"]" * depth
    codec = CODECS["string of json, decoder 1"]

    def deeper(frames: int) -> dict[int, str]:
        return deeper(frames - 1) if frames else codec.decode([cell])[1]

    expected = {} if depth <= 500 else {0: "nested deeper than 500 levels"}
    for frames in (0, min(300, sys.getrecursionlimit() // 3)):
        reasons = deeper(frames)
        assert list(reasons) == list(expected)
        assert all(text in reasons[index] for index, text in expected.items())


ONLY_IN_1 = re.compile(r"[eE][+-]?0*[0-9]{3,}|[^\x00-\x7f]|[\n\r\x1c-\x1f]")
"""Decimals with large exponents, other digits than 0 to 9, and blanks that Hive knows not."""


@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_what_version_1_reads_the_next_reads_alike_or_not_at_all(kind: str) -> None:
    hive = parse_hive_type(kind)
    old, new = (fates(codec_for(hive, False, decoder), list(EDGES)) for decoder in (1, 2))
    for cell, (before, _), (after, reason) in zip(EDGES, old, new, strict=True):
        if before is not None and not (reason and ONLY_IN_1.search(cell.decode("utf-8", "replace"))):
            assert (cell, after) == (cell, before)
