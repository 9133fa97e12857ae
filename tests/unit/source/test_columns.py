"""Packed rows come into columns as single cells do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.mapping.build import build_mapping
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.columns import gather_packed
from loader.sources.hbase.thrift2.packed import parse
from tests.unit.source.test_packed import RowTuple, spelled

COLUMNS = {"id": "string", "a": "string", "b": "bigint", "c": "binary", "t": "bigint"}
LONG = "a-name-of-more-than-two-words"
MAPPING = build_mapping(COLUMNS, f":key,d:a,d:b#b,family:{LONG},:timestamp")
NAMES = [(b"d", b"a"), (b"d", b"b"), (b"d", b"ab"), (b"family", LONG.encode()), (b"family", LONG.encode()[:-1] + b"x")]
VALUES = {b"b": st.binary(min_size=8, max_size=8) | st.binary(max_size=9)}


@st.composite
def row(draw: st.DrawFn, key: int) -> RowTuple:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    cells = [
        (family, name, draw(VALUES.get(name, st.binary(max_size=20))), draw(st.integers(0, 99)), 4)
        for family, name in sorted(names)
    ]
    return b"%04d" % key, cells


ROWS = st.integers(1, 6).flatmap(lambda count: st.tuples(*(row(key) for key in range(count))))


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_columns_are_the_same_as_cell_by_cell(rows: tuple[RowTuple, ...]) -> None:
    packed = packed_rows(*rows)
    gathered = gather_packed(packed, MAPPING)
    if gathered is None:
        assert any({name for _, name, *_ in cells} <= {b"ab", LONG.encode()[:-1] + b"x"} for _, cells in rows)
        return
    quick, slow = MAPPING.decode_gathered(gathered), MAPPING.decode(list(packed))
    assert quick.table.equals(slow.table)
    assert (quick.keys, quick.versions, quick.rejected) == (slow.keys, slow.versions, slow.rejected)


def packed_rows(*rows: RowTuple) -> PackedRows:
    packed = parse(spelled(rows), 0)
    assert packed is not None
    return packed


PUT = (b"d", b"a", b"v", 1, 4)


@pytest.mark.parametrize(
    "cells",
    [[(b"d", b"ab", b"v", 1, 4)], [PUT, PUT], [(b"d", b"a", b"", 1, 8)]],
    ids=["no mapped cell", "two versions", "a marker"],
)
def test_what_is_not_simple_is_left_to_the_loop_over_cells(cells: list[tuple[bytes, bytes, bytes, int, int]]) -> None:
    assert gather_packed(packed_rows((b"k", [PUT]), (b"l", cells)), MAPPING) is None


def test_a_family_as_a_map_is_left_to_the_loop_over_cells() -> None:
    mapping = build_mapping({"id": "string", "m": "map<string,string>"}, ":key,d:")
    assert gather_packed(packed_rows((b"k", [PUT])), mapping) is None
