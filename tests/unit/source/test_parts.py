"""Rows that come in parts, over answers of any length, are put together; none is taken for whole too soon."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.basics.errors import SourceError
from loader.sources.hbase.access.large_rows import Batch, size_of, weights
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row, cell
from loader.sources.hbase.seen_cells import packed_marks, row_marks
from loader.sources.hbase.thrift2.connection import ConnectionLost, ScannerGone
from loader.sources.hbase.thrift2.cursor import ANSWER, CELLS, FEWEST, WHOLE, Cursor
from loader.sources.hbase.thrift2.idl import TScan
from loader.sources.hbase.thrift2.packed import parse
from loader.sources.hbase.thrift2.parts import Parts
from tests.unit.source.test_packed import CellTuple, RowTuple, plain, spelled

Plain = list[tuple[bytes, list[CellTuple]]]


def row_tuple(number: int, cells: int, size: int = 3, versions: int = 1) -> RowTuple:
    stamp = [(b"d", b"%05d" % index, b"v" * size, 7 + index % versions, 4) for index in range(cells)]
    return b"%03d" % number, stamp


def cut(rows: Sequence[RowTuple], cells: int) -> list[RowTuple]:
    """As HBase sends them in a scan with this batchSize."""
    return [(key, found[at : at + cells]) for key, found in rows for at in range(0, len(found), cells)]


def packed(rows: Sequence[RowTuple]) -> Batch:
    found = parse(spelled(rows), 0)
    assert found is not None
    return found


def unpacked(rows: Sequence[RowTuple]) -> Batch:
    """As thrift decodes what is not simple."""
    made = []
    for key, cells in rows:
        made.append(Row())
        made[-1].row, made[-1].columnValues = key, [cell(*found) for found in cells]
    return made


def rows_of(batches: Sequence[Batch]) -> Plain:
    return [row for batch in batches for row in plain(batch)]


def expected(rows: Sequence[RowTuple]) -> Plain:
    return [(key, list(cells)) for key, cells in rows]


COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(1, 4), st.data())
def test_rows_come_out_whole_wherever_answers_are_cut(counts: list[int], cells: int, data: st.DataObject) -> None:
    rows = [row_tuple(number, count) for number, count in enumerate(counts)]
    sent = cut(rows, cells)
    borders = data.draw(st.lists(st.integers(1, len(sent)), unique=True).map(sorted))
    parts, found = Parts(cells), []
    for start, stop in pairwise([0, *borders, len(sent)]):
        if stop > start:
            form = data.draw(st.sampled_from([packed, unpacked]))
            found += parts.add(form(sent[start:stop]))
    assert rows_of([*found, *parts.end()]) == expected(rows)


def test_a_row_that_may_go_on_is_held_back() -> None:
    parts = Parts(3)
    assert parts.add(packed([row_tuple(1, 3)])) == []
    assert [len(row[1]) for row in rows_of(parts.end())] == [3]


def test_a_part_of_fewer_cells_ends_its_row() -> None:
    parts = Parts(3)
    assert rows_of(parts.add(packed(cut([row_tuple(1, 5)], 3)))) == expected([row_tuple(1, 5)])
    assert parts.end() == []


def test_more_of_a_row_that_had_ended_is_an_error_and_no_second_row() -> None:
    """What an HBase that keeps no batchSize would send."""
    parts = Parts(3)
    parts.add(packed([row_tuple(1, 2)]))
    with pytest.raises(SourceError, match="behind a part of fewer cells"):
        parts.add(packed([row_tuple(1, 2)]))


def test_of_a_row_above_the_limit_comes_its_key_alone_and_its_neighbours_whole() -> None:
    rows = [row_tuple(1, 2), row_tuple(2, 30, size=100), row_tuple(3, 2)]
    parts = Parts(10, most=2000)
    found = [*parts.add(packed(cut(rows, 10))), *parts.end()]
    assert [(row.row, row.left_out > 2000, len(row.columnValues)) for batch in found for row in batch] == [
        (b"001", False, 2),
        (b"002", True, 0),
        (b"003", False, 2),
    ]


def test_a_row_is_given_up_as_soon_as_it_is_too_large() -> None:
    parts = Parts(10, most=2000)
    sent = cut([row_tuple(1, 1000, size=100)], 10)
    taken = next(number for number, part in enumerate(sent) if parts.add(packed([part])))
    assert (taken, parts.given_up) == (1, True)


@settings(max_examples=30, deadline=None)
@given(COUNTS, st.integers(1, 4))
def test_a_row_weighs_the_same_packed_or_not_in_parts_or_whole(counts: list[int], cells: int) -> None:
    rows = [row_tuple(number, count) for number, count in enumerate(counts)]
    parts = Parts(cells)
    found = [*parts.add(packed(cut(rows, cells))), *parts.end()]
    assert [weight for batch in found for weight in weights(batch)] == weights(unpacked(rows)) == weights(packed(rows))


@pytest.mark.parametrize("versions", [1, 3])
def test_marks_of_a_row_are_the_same_in_parts_or_whole(versions: int) -> None:
    whole = row_tuple(1, 9, versions=versions)
    parts = Parts(4)
    (row,) = [*parts.add(packed(cut([whole], 4))), *parts.end()]
    assert isinstance(row, PackedRows)
    assert sorted(zip(*(column.to_pylist() for column in packed_marks(row)[1:]), strict=True)) == sorted(
        row_marks(unpacked([whole])[0].columnValues)
    )


# A scan that goes on through whatever happens


class Server:
    """Scanners over rows as HBase has them: `batchSize`, `startRow`, and calls that break when they are told to."""

    def __init__(self, rows: Sequence[RowTuple], breaks: Sequence[type[Exception] | None] = ()) -> None:
        self.rows, self._breaks = list(rows), iter(breaks)
        self._scanners: list[list[RowTuple]] = []
        self.asked: list[int] = []
        self.sizes: list[int] = []
        self.calls = 0

    def do(self, connection: Any, name: str, /, **arguments: Any) -> Any:
        if name == "openScanner":
            start, cells = arguments["tscan"].startRow or b"", arguments["tscan"].batchSize
            self.asked.append(cells)
            found = [row for row in self.rows if row[0] >= start]
            self._scanners.append(cut(found, cells if cells > 0 else 1 << 40))
            return len(self._scanners) - 1
        return None

    def ask(self, connection: Any, name: str, /, **arguments: Any) -> Any:
        self.calls += 1
        if error := next(self._breaks, None):
            raise error("as told")
        scanner = self._scanners[arguments["scannerId"]]
        taken = scanner[: arguments["numRows"]]
        del scanner[: len(taken)]
        answer: Batch = packed(taken) if taken else []
        self.sizes.append(size_of(answer))
        return answer


def scanned(server: Server, row_bytes: int = 1 << 30, scan: Any = None, rows: int = 10) -> list[Batch]:
    connection: Any = object()
    cursor = Cursor(lambda: connection, server.do, server.ask, "t", scan or TScan(), rows, row_bytes)
    found: list[Batch] = []
    while not cursor.done:
        try:
            found += cursor.next()
        except (ConnectionLost, ScannerGone):
            continue
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([1, CELLS - 1, CELLS, CELLS + 1, 2 * CELLS, 5 * CELLS]), min_size=1, max_size=8),
    st.lists(st.sampled_from([None, None, ConnectionLost, ScannerGone]), max_size=30),
)
def test_a_scan_that_breaks_anywhere_hands_out_each_row_once_and_whole(
    counts: list[int], breaks: list[type[Exception] | None]
) -> None:
    rows = [row_tuple(number, count) for number, count in enumerate(counts)]
    assert rows_of(scanned(Server(rows, breaks))) == expected(rows)


def test_a_table_truncated_in_the_middle_of_a_row_leaves_no_half_row() -> None:
    """HBase ends such a scan without an error; the parts that had come look like a row."""
    server = Server([row_tuple(1, 20), row_tuple(2, 50 * CELLS)])
    calls = iter(range(100))

    def ask(connection: Any, name: str, /, **arguments: Any) -> Any:
        if next(calls) == 1:
            server.rows.clear()
            server._scanners[-1].clear()
        return server.ask(connection, name, **arguments)

    connection: Any = object()
    cursor = Cursor(lambda: connection, server.do, ask, "t", TScan(), 10)
    found: list[Batch] = []
    while not cursor.done:
        found += cursor.next()
    assert rows_of(found) == expected([row_tuple(1, 20)])


def test_a_last_row_of_just_as_many_cells_as_a_part_is_whole() -> None:
    rows = [row_tuple(1, CELLS)]
    assert rows_of(scanned(Server(rows))) == expected(rows)


def test_large_cells_come_in_smaller_parts() -> None:
    """So that an answer stays near its size from the second one on."""
    server = Server([row_tuple(number, 60, size=500_000) for number in range(4)])
    assert len(rows_of(scanned(server))) == 4
    assert server.asked[0] == CELLS
    assert min(server.asked) <= ANSWER // 500_000 <= 2 * FEWEST
    assert max(server.sizes[1:]) < 2 * ANSWER


def test_of_a_huge_row_little_is_read() -> None:
    server = Server([row_tuple(1, 2), row_tuple(2, 4000, size=20_000), row_tuple(3, 2)])
    found = scanned(server, row_bytes=8 << 20)
    assert [(row.row, bool(row.left_out)) for batch in found for row in batch] == [
        (b"001", False),
        (b"002", True),
        (b"003", False),
    ]
    assert sum(server.sizes) < 40 << 20  # of 80


def test_answers_that_break_again_and_again_get_smaller() -> None:
    server = Server([row_tuple(1, 3 * CELLS)], [None, ConnectionLost, ConnectionLost, ConnectionLost])
    assert rows_of(scanned(server)) == expected([row_tuple(1, 3 * CELLS)])
    assert server.asked[0] == CELLS
    assert server.asked[-1] < CELLS // 8


def test_rows_that_a_filter_wants_whole_are_not_cut() -> None:
    server = Server([row_tuple(1, 3 * CELLS)])
    assert rows_of(scanned(server, scan=TScan(batchSize=WHOLE))) == expected([row_tuple(1, 3 * CELLS)])
    assert server.asked == [WHOLE]
