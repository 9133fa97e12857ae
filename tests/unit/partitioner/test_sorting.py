"""`sort_by` within a file: the same rows, sorted in parts of bounded size."""

from collections.abc import Generator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.merge.sorting import in_order, is_sortable

SCHEMA = pa.schema([("id", pa.int64()), ("country", pa.dictionary(pa.int32(), pa.string()))])
rows = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["at", "de", "us", None])), max_size=40)


def batches(rows: list[tuple[int, str | None]], size: int) -> Generator[pa.RecordBatch, None, str]:
    """Each batch with a dictionary of its own."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        countries = pa.array([country for _, country in part], pa.string()).dictionary_encode()
        yield pa.record_batch([pa.array([number for number, _ in part], pa.int64()), countries], schema=SCHEMA)
    return "the books"


def ordered(
    rows: list[tuple[int, str | None]], by: list[str], most_bytes: int = 1 << 20
) -> tuple[list[list[tuple[int, str | None]]], str]:
    """The parts that come out, and what is returned."""
    parts, running = [], in_order(batches(rows, 7), SCHEMA, by, most_bytes)
    while True:
        try:
            parts.append([(row["id"], row["country"]) for row in next(running).to_pylist()])
        except StopIteration as end:
            return parts, end.value


def last_null(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


@given(rows)
def test_a_split_that_fits_is_sorted_whole_and_equal_rows_keep_their_order(rows: list[tuple[int, str | None]]) -> None:
    parts, books = ordered(rows, ["country"])
    assert [row for part in parts for row in part] == sorted(rows, key=lambda row: last_null(row[1]))
    assert books == "the books"


@given(rows)
def test_several_columns_are_compared_one_after_the_other(rows: list[tuple[int, str | None]]) -> None:
    parts, _ = ordered(rows, ["country", "id"])
    assert [row for part in parts for row in part] == sorted(rows, key=lambda row: (last_null(row[1]), row[0]))


@given(rows)
def test_a_larger_split_comes_in_sorted_parts_of_bounded_size(rows: list[tuple[int, str | None]]) -> None:
    parts, books = ordered(rows, ["id"], most_bytes=1)
    assert all(len(part) <= 7 and [row[0] for row in part] == sorted(row[0] for row in part) for part in parts)
    assert sorted(map(str, rows)) == sorted(str(row) for part in parts for row in part)
    assert books == "the books"


@pytest.mark.parametrize(
    ("kind", "sortable"), [(pa.string(), True), (pa.timestamp("us"), True), (pa.list_(pa.int8()), False)]
)
def test_nested_columns_cannot_be_sorted_by(kind: pa.DataType, sortable: bool) -> None:
    assert is_sortable(kind) is sortable
