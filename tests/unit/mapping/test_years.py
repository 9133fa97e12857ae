"""Dates and timestamps are those of the years 1 to 9999, wherever a row has them from; another one is its rejection."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.mapping import DecodedRows, Mapping
from loader.mapping.build import build_mapping
from loader.mapping.hive_types import parse_hive_type
from loader.mapping.partitions import parse_partition_key
from loader.sources.hbase.access.row import Row, cell
from partitioner.bits import bits_of
from tests.unit.mapping.builders import row, row_of
from tests.unit.mapping.odd_cells import CELLS

MILLISECONDS = {"cell": "d:at", "type": "timestamp_ms"}


def by_day(expression: str = "date", zone: str = "UTC", at: Any = MILLISECONDS) -> Mapping:
    columns = {"id": "string", "at": "timestamp"}
    partition = {"name": "p", "from": "at", "as": expression}
    return build_mapping(columns, {"id": ":key", "at": at}, [partition], time_zone=zone)


def of_ms(key: bytes, milliseconds: int) -> Row:
    return row(key, {"d:at": milliseconds.to_bytes(8, "big", signed=True)})


def outcome(mapping: Mapping, rows: list[Row]) -> dict[bytes, Any]:
    """Key → its row and partition, or why it has none."""
    left, partitions, targets = mapping.place(mapping.decode(rows))
    table = pa.table([bits_of(column.combine_chunks()) for column in left.table.columns], left.table.column_names)
    good = zip(left.keys, table.to_pylist(), targets, strict=True)
    bad = {rejected.key: (rejected.reason, rejected.column, rejected.cells) for rejected in left.rejected}
    return bad | {key: (image, partitions[target]) for key, image, target in good}


@pytest.mark.parametrize("expression", ["date", "month", "hour"])
@pytest.mark.parametrize("milliseconds", [-(10**15), -62_135_596_800_001, 253_402_300_800_000, 2**62])
def test_a_far_time_is_one_rows_rejection_with_its_bytes_and_its_reason(expression: str, milliseconds: int) -> None:
    found = outcome(by_day(expression), [of_ms(b"far", milliseconds), of_ms(b"near", 1_700_000_000_000)])
    reason, column, cells = found[b"far"]
    assert (column, cells[0][3]) == ("at", milliseconds.to_bytes(8, "big", signed=True))
    assert str(milliseconds) in reason
    assert "years 1 to 9999" in reason
    assert found[b"near"][1] != found[b"far"]


@pytest.mark.parametrize("expression", ["date", "month", "hour"])
@pytest.mark.parametrize(
    ("zone", "milliseconds"), [("America/New_York", -62_135_596_800_000), ("Asia/Tokyo", 253_402_300_799_999)]
)
def test_a_time_whose_local_date_is_in_no_such_year_is_one_rows_rejection(
    expression: str, zone: str, milliseconds: int
) -> None:
    found = outcome(by_day(expression, zone), [of_ms(b"edge", milliseconds), of_ms(b"near", 1_700_000_000_000)])
    reason, column, _ = found[b"edge"]
    assert (zone in reason, "years 1 to 9999" in reason, column) == (True, True, "at")
    assert found[b"near"][1][0].startswith("2023-11")


@pytest.mark.parametrize("text", ["0000-01-01", "10000-01-01", "-0001-01-01"])
@pytest.mark.parametrize("neighbours", [0, 3])
def test_a_date_of_no_such_year_is_one_rows_rejection(text: str, neighbours: int) -> None:
    mapping = build_mapping({"id": "string", "c": "string", "day": "date"}, ":key,d:c,d:day", ["day"])
    rows = [
        row(b"bad", {"d:day": text.encode()}),
        *(row(b"%d" % n, {"d:day": b"2026-01-01"}) for n in range(neighbours)),
    ]
    found = outcome(mapping, rows)
    assert found[b"bad"][1] == "day"
    assert [found[b"%d" % n][1] for n in range(neighbours)] == [("2026-01-01",)] * neighbours


def test_a_row_whose_newest_timestamp_is_no_time_is_rejected_alone() -> None:
    mapping = build_mapping({"id": "string", "c": "string", "at": "timestamp"}, ":key,d:c,:timestamp", ["c"])
    rows = [row_of(b"far", [cell(b"d", b"c", b"1", 2**63 - 1)]), row_of(b"near", [cell(b"d", b"c", b"1", 5)])]
    found = outcome(mapping, rows)
    assert found[b"far"][1] == "at"
    assert "newest timestamp" in found[b"far"][0]
    assert found[b"near"][0]["at"] == 5000


def test_the_newest_timestamp_as_a_number_has_no_bounds() -> None:
    mapping = build_mapping({"id": "string", "c": "string", "at": "bigint"}, ":key,d:c,:timestamp", ["c"])
    assert outcome(mapping, [row_of(b"k", [cell(b"d", b"c", b"1", 2**63 - 1)])])[b"k"][0]["at"] == 2**63 - 1


@pytest.mark.parametrize("name", ["at", "day"])
def test_what_an_expression_makes_is_held_to_the_same_years(name: str) -> None:
    """The transform runs between decoding and placing."""
    columns = {"id": "string", "c": "string", "at": "timestamp", "day": "date"}
    mapping = build_mapping(columns, ":key,d:c,d:at,d:day", ["c"])
    given = mapping.decode([row(b"a", {"d:c": b"1"}), row(b"b", {"d:c": b"1"})])
    made = {"at": pa.array([None, 2**62], pa.timestamp("us")), "day": pa.array([None, 2**31 - 1], pa.date32())}
    left, _, targets = mapping.place(with_column(given, name, made[name]))
    assert (left.keys, len(targets), [bad.column for bad in left.rejected]) == ([b"a"], 1, [name])


def with_column(decoded: DecodedRows, name: str, values: pa.Array) -> DecodedRows:
    place = decoded.table.schema.get_field_index(name)
    return replace(decoded, table=decoded.table.set_column(place, decoded.table.schema.field(name), values))


KEYS = [("identity", "date"), ("month", "date"), ("bucket(7)", "date"), ("date", "timestamp"), ("hour", "timestamp")]


@pytest.mark.parametrize(("expression", "kind"), KEYS)
def test_a_partition_key_names_the_value_it_cannot_spell_and_spells_the_others(expression: str, kind: str) -> None:
    key = parse_partition_key("p", "c", expression, None, {"c": parse_hive_type(kind)}, "UTC")
    near = date(2026, 1, 1) if kind == "date" else datetime(2026, 1, 1)
    far = pa.array([-(10**6) if kind == "date" else -(10**17)], pa.int64()).cast(
        pa.int32() if kind == "date" else pa.int64()
    )
    column = pa.concat_arrays(
        [pa.array([near]).cast(parse_hive_type(kind).arrow), far.view(parse_hive_type(kind).arrow)]
    )
    texts, reasons = key.texts(column)
    assert list(reasons) == [1]
    assert "years 1 to 9999" in reasons[1]
    assert texts[0].as_py() == key.texts(column.slice(0, 1))[0][0].as_py()


ALL = {
    "id": "string",
    "at": "timestamp",
    "day": "date",
    "n": "int",
    "price": "double",
    "name": "varchar(3)",
    "doc": "string",
    "m": "map<string,double>",
    "seen": "timestamp",
}
WHERE = {
    "id": ":key",
    "at": {"cell": "d:at", "type": "timestamp_ms"},
    "day": "d:day",
    "n": "d:n",
    "price": "d:price",
    "name": "d:name",
    "doc": {"cell": "d:doc", "type": "json"},
    "m": "m:",
    "seen": ":timestamp",
}
PARTITIONS = [{"name": "p", "from": "at", "as": "month"}, "day", {"name": "b", "from": "name", "as": "bucket(3)"}]
WHOLE = build_mapping(ALL, WHERE, PARTITIONS, time_zone="America/New_York")
PLACES = ("d:at", "d:day", "d:n", "d:price", "d:name", "d:doc", "m:x", "m:\xff")


@st.composite
def rows_of_cells(draw: Any) -> Row:
    key = draw(st.one_of(st.binary(min_size=1, max_size=3), st.text("ab", min_size=1, max_size=2).map(str.encode)))
    cells = {place: draw(CELLS) for place in draw(st.sets(st.sampled_from(PLACES)))}
    timestamp = draw(st.sampled_from([0, 1_700_000_000_000, 253_402_300_800_000, 2**63 - 1]))
    return row(key, {place: value for place, value in cells.items() if value is not None}, timestamp)


@given(st.lists(rows_of_cells(), max_size=6, unique_by=lambda made: made.row))
@settings(max_examples=100, deadline=None)
def test_the_fate_of_a_row_does_not_depend_on_its_batch(rows: list[Row]) -> None:
    alone: dict[bytes, Any] = {}
    for one in rows:
        alone |= outcome(WHOLE, [one])
    assert outcome(WHOLE, rows) == alone
