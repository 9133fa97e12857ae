"""What scanning tasks yield, put together: nothing counts unless the whole key space was read."""

import pyarrow as pa
import pytest

from loader.sources.hbase.access.row import cell
from loader.sources.hbase.dirty_keys import DIRTY, SCANNED, IncompleteScan, dirty_keys_from_rows, marker
from loader.sources.hbase.seen_cells import row_marks
from loader.sources.hbase.windows import Taken, Window

WINDOW = Window(100, 200, False, 50)


def dirty(key: bytes, version: int = 150, fingerprint: int | None = 1) -> dict[str, object]:
    return {**dict.fromkeys(SCANNED.names), "kind": DIRTY, "key": key, "version": version, "fingerprint": fingerprint}


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), SCANNED)


def test_keys_of_all_parts_are_sorted_and_unique() -> None:
    found = dirty_keys_from_rows(
        table(dirty(b"z"), marker(b"m", b"", WINDOW), dirty(b"a"), dirty(b"a", 151), marker(b"", b"m", WINDOW))
    )
    assert found.keys.to_pylist() == [b"a", b"z"]
    assert found.marks[b"a"] == {(150, 1), (151, 1)}


def test_the_window_is_learned_from_the_markers() -> None:
    assert dirty_keys_from_rows(table(marker(b"", b"", WINDOW))).window == WINDOW


def test_a_split_between_planning_and_reading_may_make_parts_overlap() -> None:
    parts = [marker(b"", b"m", WINDOW), marker(b"g", b"p", WINDOW), marker(b"p", b"", WINDOW)]
    assert len(dirty_keys_from_rows(table(*parts)).keys) == 0


@pytest.mark.parametrize(
    "parts",
    [[], [(b"", b"m")], [(b"b", b"")], [(b"", b"g"), (b"m", b"")], [(b"", b"z"), (b"a", b"b")]],
    ids=["nothing", "no end", "no beginning", "a hole", "a part inside another hides the missing end"],
)
def test_a_gap_in_the_key_space_is_an_error(parts: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(IncompleteScan):
        dirty_keys_from_rows(table(*(marker(start, stop, WINDOW) for start, stop in parts)))


def test_parts_of_two_windows_are_an_error() -> None:
    other = Window(100, 201, False, 50)
    with pytest.raises(IncompleteScan, match="2 different windows"):
        dirty_keys_from_rows(table(marker(b"", b"m", WINDOW), marker(b"m", b"", other)))


def test_rows_with_cells_too_old_to_be_remembered_are_always_new() -> None:
    found = dirty_keys_from_rows(table(dirty(b"old", 10, None), dirty(b"k"), marker(b"", b"", WINDOW)))
    memory = Taken()
    found.take(memory)
    assert found.not_taken(memory) == [b"old"]


def test_all_old_cells_of_a_row_make_one_mark() -> None:
    cells = [cell(b"d", b"q", b"", timestamp) for timestamp in (5, 9, 7, 100)]
    assert [(version, mark is None) for version, mark in row_marks(cells, 50)] == [(5, True), (100, False)]


def test_a_mark_covers_type_value_and_the_border_between_them() -> None:
    variants = [
        cell(b"d", b"ab", b"c", 1),
        cell(b"d", b"a", b"bc", 1),
        cell(b"da", b"b", b"c", 1),
        cell(b"d", b"ab", b"c", 1, type=8),
        cell(b"d", b"ab", b"d", 1),
    ]
    assert len({row_marks([variant])[0] for variant in variants}) == len(variants)


def test_a_mark_is_the_same_in_every_process() -> None:
    assert row_marks([cell(b"d", b"q", b"v", 7)]) == [(7, 2627814217981109496)]
