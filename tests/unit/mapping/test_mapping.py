"""A whole mapping: from the configuration's values to columns, raw keys and partitions."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.mapping import Mapping, MappingError
from loader.mapping.build import build_mapping
from loader.sources.hbase.access.row import cell
from tests.unit.mapping.builders import NOW, row, row_of

COLUMNS = {"id": "string", "campaign": "string", "clicks": "bigint", "title": "string"}
CELLS = ":key,d:campaign,d:clicks#b,d:title"
BY_NAME = dict(zip(COLUMNS, CELLS.split(","), strict=True))


def build(
    columns: dict[str, str] = COLUMNS, mapping: Any = CELLS, partition_by: Any = ("campaign",), **rest: Any
) -> Mapping:
    return build_mapping(columns, mapping, partition_by, **rest)


def long(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def placed(mapping: Mapping, *rows: Any) -> list[tuple[str, ...]]:
    _, partitions, targets = mapping.place(mapping.decode(rows))
    return [partitions[target] for target in targets]


def only_reason(mapping: Mapping, bad: Any) -> tuple[str, str | None]:
    decoded, _, _ = mapping.place(mapping.decode([bad]))
    (rejected,) = decoded.rejected
    return rejected.reason, rejected.column


# What a mapping says of the table


def test_an_identity_partition_column_leaves_the_data_columns() -> None:
    mapping = build()
    assert mapping.columns == (("id", "string"), ("clicks", "bigint"), ("title", "string"))
    assert mapping.partition_keys == (("campaign", "string"),)


def test_a_derived_partition_key_leaves_the_data_columns_alone() -> None:
    mapping = build(partition_by=[{"name": "bucket", "from": "id", "as": "bucket(4)"}])
    assert [name for name, _ in mapping.columns] == ["id", "campaign", "clicks", "title"]
    assert mapping.partition_keys == (("bucket", "int"),)


def test_only_mapped_cells_are_asked_for() -> None:
    mapping = build({**COLUMNS, "m": "map<string,string>"}, CELLS + ",x:")
    assert mapping.families == (b"d", b"x")
    assert set(mapping.qualifiers) == {(b"x", None), (b"d", b"campaign"), (b"d", b"clicks"), (b"d", b"title")}


@pytest.mark.parametrize(("source", "from_key"), [("id", True), ("campaign", False)])
def test_whether_the_partition_follows_from_the_key(source: str, from_key: bool) -> None:
    assert build(partition_by=[{"name": "p", "from": source, "as": "prefix(1)"}]).partition_from_key is from_key


def test_the_digest_is_that_of_the_meaning() -> None:
    as_dict = {"id": ":key", "campaign": "d:campaign", "clicks": {"cell": "d:clicks#b"}, "title": "d:title"}
    assert build(mapping=as_dict).digest == build().digest
    assert build(mapping=CELLS.replace("#b", "")).digest != build().digest


def test_the_decoders_version_is_part_of_the_meaning_and_version_1_has_the_digest_of_before() -> None:
    assert build(decoder=1).digest == "1dcedea29f2b7cf2"
    assert build(decoder=2).digest == build().digest != build(decoder=1).digest


def test_a_mapping_reads_by_the_decoder_that_it_was_built_with() -> None:
    columns = {"id": "string", "c": "string", "n": "int", "m": "map<string,int>"}
    cells = row(b"k", {"d:c": b"1", "d:n": b"12.7", "m:x": b"3.9"})
    old, new = (build(columns, ":key,d:c,d:n,m:", ("c",), decoder=decoder).decode([cells]) for decoder in (1, 2))
    assert new.table.to_pylist() == [{"id": "k", "c": "1", "n": 12, "m": [("x", 3)]}]
    assert [rejected.column for rejected in old.rejected] == ["n"]


# Decoding


def test_cells_become_columns() -> None:
    decoded = build().decode([row(b"k1", {"d:campaign": b"c", "d:clicks": long(5), "d:title": b"t"})])
    assert decoded.table.to_pylist() == [{"id": "k1", "campaign": "c", "clicks": 5, "title": "t"}]


def test_a_missing_cell_is_null() -> None:
    decoded = build().decode([row(b"k1", {"d:campaign": b"c"})])
    assert decoded.table.to_pylist() == [{"id": "k1", "campaign": "c", "clicks": None, "title": None}]


def test_a_row_with_cells_in_unmapped_columns_only_does_not_exist() -> None:
    assert build().decode([row(b"k1", {"d:other": b"x", "z:campaign": b"c"})]).keys == []


def test_the_version_is_the_newest_timestamp_of_the_mapped_cells() -> None:
    cells = [cell(b"d", b"campaign", b"c", 5), cell(b"d", b"title", b"t", 9), cell(b"d", b"other", b"", 77)]
    assert build().decode([row_of(b"k", cells)]).versions == [9]


def test_a_row_that_cannot_be_decoded_is_rejected_with_its_cells_and_the_rest_goes_on() -> None:
    decoded = build().decode([row(b"k1", {"d:clicks": b"12"}), row(b"k2", {"d:clicks": long(12)})])
    assert decoded.keys == [b"k2"]
    (rejected,) = decoded.rejected
    assert (rejected.key, rejected.column, rejected.reason) == (b"k1", "clicks", "2 bytes instead of 8")
    assert rejected.cells == ((b"d", b"clicks", NOW, b"12"),)


def test_a_family_becomes_a_map_of_its_qualifiers() -> None:
    mapping = build({"id": "string", "c": "string", "m": "map<string,bigint>"}, ":key,d:c,m:x.*#s:b", ("c",))
    decoded = mapping.decode(
        [row(b"k", {"d:c": b"1", "m:x1": long(1), "m:x2": long(2), "m:y": b""}), row(b"l", {"d:c": b"2"})]
    )
    assert decoded.table["m"].to_pylist() == [[("x1", 1), ("x2", 2)], []]


def test_a_bad_value_in_a_family_rejects_its_own_row() -> None:
    mapping = build({"id": "string", "c": "string", "m": "map<string,int>"}, ":key,d:c,m:", ("c",))
    decoded = mapping.decode([row(b"k", {"m:a": b"1", "m:b": b"2"}), row(b"l", {"m:a": b"x"})])
    assert (decoded.keys, [bad.key for bad in decoded.rejected]) == ([b"k"], [b"l"])


@pytest.mark.parametrize(
    ("kind", "value"), [("bigint", NOW), ("timestamp", pa.scalar(NOW, pa.timestamp("ms")).as_py())]
)
def test_the_rows_newest_timestamp_as_a_column(kind: str, value: object) -> None:
    mapping = build({"id": "string", "c": "string", "at": kind}, ":key,d:c,:timestamp", ("c",))
    assert mapping.decode([row(b"k", {"d:c": b"1"})]).table["at"].to_pylist() == [value]


# Row keys


COMPOSITE = {"campaign": "string", "ad": "int", "title": "string"}
BY_BAR = {"columns": ["campaign", "ad"], "delimiter": "|"}


def composite(**row_key: Any) -> Mapping:
    return build(COMPOSITE, {"title": "d:t"}, ("campaign",), row_key={"columns": ["campaign", "ad"], **row_key})


def test_a_delimited_key_is_cut_into_its_columns() -> None:
    decoded = composite(delimiter="|").decode([row(b"red|7", {"d:t": b"x"})])
    assert decoded.table.to_pylist() == [{"campaign": "red", "ad": 7, "title": "x"}]


def test_the_last_column_takes_the_rest_of_the_key() -> None:
    columns = {"a": "string", "b": "string", "t": "string"}
    mapping = build(columns, {"t": "d:t"}, ("a",), row_key={"columns": ["a", "b"], "delimiter": "|"})
    assert mapping.decode([row(b"x|y|z", {"d:t": b""})]).table["b"].to_pylist() == ["y|z"]


def test_a_key_of_fixed_widths_is_cut_by_them() -> None:
    columns = {"campaign": "string", "ad": "int", "title": "string"}
    cells = {"campaign": ":key", "ad": {"type": "int_be"}, "title": "d:t"}
    mapping = build(columns, cells, ("campaign",), row_key={"columns": ["campaign", "ad"], "widths": [3, 4]})
    assert mapping.decode([row(b"red\0\0\0\7", {"d:t": b"x"})]).table["ad"].to_pylist() == [7]
    assert mapping.raw_keys(pa.table({"ad": pa.array([7], pa.int32())}), ("red",)).to_pylist() == [b"red\0\0\0\7"]


@pytest.mark.parametrize("key", [b"red|07", b"red|+7", b"red", b"red|x", b"\xff|7", b"red|7|8"])
def test_a_key_that_would_not_come_back_as_it_was_is_rejected(key: bytes) -> None:
    decoded = composite(delimiter="|").decode([row(key, {"d:t": b"x"})])
    assert [bad.key for bad in decoded.rejected] == [key]


@pytest.mark.parametrize("key", [b"07", b"7.0", b"", b"\\N"])
def test_identity_of_a_whole_key_is_its_bytes(key: bytes) -> None:
    mapping = build({"id": "bigint", "c": "string", "t": "string"}, ":key,d:c,d:t", ("c",))
    assert only_reason(mapping, row(key or b"x", {"d:c": b"1"}))[1] in ("id", None)


@given(st.lists(st.tuples(st.text("ab|é", max_size=3), st.integers(-(2**31), 2**31 - 1)), min_size=1, max_size=5))
def test_raw_keys_of_published_rows_are_those_of_hbase(parts: list[tuple[str, int]]) -> None:
    mapping = composite(delimiter="\t")
    keys = [f"{campaign}\t{ad}".encode() for campaign, ad in parts]
    decoded, partitions, targets = mapping.place(mapping.decode([row(key, {"d:t": b"x"}) for key in keys]))
    assert decoded.keys == keys
    for number, partition in enumerate(partitions):
        chosen = [index for index, target in enumerate(targets) if target == number]
        rows = decoded.table.select(mapping.key_columns).take(chosen)
        assert mapping.raw_keys(rows, partition).to_pylist() == [keys[index] for index in chosen]


def test_raw_keys_take_dictionaries() -> None:
    rows = pa.record_batch({"id": pa.array(["a", "b", "a"]).dictionary_encode()})
    assert build().raw_keys(rows, ("c",)).to_pylist() == [b"a", b"b", b"a"]


# Partitions


def test_identity_is_spelled_canonically() -> None:
    mapping = build({"id": "string", "day": "date", "n": "int"}, ":key,d:day,d:n", ("day", "n"))
    assert placed(mapping, row(b"k", {"d:day": b"2026-1-2", "d:n": b"007"})) == [("2026-01-02", "7")]


@pytest.mark.parametrize("cells", [{"d:title": b"t"}, {"d:campaign": b""}])
def test_a_null_or_empty_value_is_hives_default_partition(cells: dict[str, bytes]) -> None:
    assert placed(build(), row(b"k", cells)) == [("__HIVE_DEFAULT_PARTITION__",)]


@pytest.mark.parametrize("value", ["__HIVE_DEFAULT_PARTITION__", "x" * 250, "é" * 128])
def test_a_value_that_nothing_can_hold_rejects_the_row(value: str) -> None:
    reason, _ = only_reason(build(), row(b"k", {"d:campaign": value.encode()}))
    assert "campaign" in reason


def test_rows_left_after_a_rejection_keep_their_partitions() -> None:
    bad = row(b"b", {"d:campaign": b"x" * 300})
    good = [row(b"a", {"d:campaign": b"1"}), bad, row(b"c", {"d:campaign": b"3"})]
    assert placed(build(), *good) == [("1",), ("3",)]


EXPRESSIONS = [
    ("date", None, "Europe/Vienna", "2026-01-01"),
    ("date", "string", "Europe/Vienna", "2026-01-01"),
    ("date", None, "UTC", "2025-12-31"),
    ("month", None, "Europe/Vienna", "2026-01"),
    ("hour", None, "Europe/Vienna", "2026-01-01-00"),
]


@pytest.mark.parametrize(("expression", "kind", "zone", "value"), EXPRESSIONS)
def test_a_timestamp_is_utc_and_its_date_that_of_the_time_zone(
    expression: str, kind: str | None, zone: str, value: str
) -> None:
    partition = {"name": "p", "from": "at", "as": expression, "type": kind}
    mapping = build({"id": "string", "at": "timestamp"}, ":key,d:at", [partition], time_zone=zone)
    assert placed(mapping, row(b"k", {"d:at": b"2025-12-31 23:30:00"})) == [(value,)]


def test_month_of_a_date() -> None:
    partition = {"name": "p", "from": "day", "as": "month"}
    mapping = build({"id": "string", "day": "date"}, ":key,d:day", [partition])
    assert placed(mapping, row(b"k", {"d:day": b"2026-03-31"})) == [("2026-03",)]


def test_bucket_is_the_crc32_of_the_text() -> None:
    mapping = build(partition_by=[{"name": "p", "from": "id", "as": "bucket(16)"}])
    assert placed(mapping, row(b"123456789", {"d:title": b""})) == [(str(0xCBF43926 % 16),)]


def test_prefix_counts_characters() -> None:
    mapping = build(partition_by=[{"name": "p", "from": "title", "as": "prefix(2)"}])
    assert placed(mapping, row(b"k", {"d:title": "éàü".encode()})) == [("éà",)]


def test_partitions_of_keys_alone() -> None:
    partitions, targets = composite(delimiter="|").place_keys([b"red|1", b"bad", b"blue|2", b"red|3"])
    assert [None if target is None else partitions[target] for target in targets] == [
        ("red",),
        None,
        ("blue",),
        ("red",),
    ]


# What is refused at the start


REFUSED = [
    (dict(mapping={"id": ":key", "campaign": "d:c", "clicks": "d:x", "titel": "d:t"}), "titel", "title"),
    (dict(mapping={"id": ":key", "campaign": "d:c", "clicks": "d:x"}), "title is not mapped", ""),
    (dict(mapping=":key,d:c,d:x"), "3 entries for 4 columns", "title"),
    (dict(mapping="d:k,d:c,d:x,d:t"), "no column is mapped to :key", "row_key"),
    (dict(mapping=":key,:key,d:x,d:t"), "id and campaign are all mapped to :key", "row_key"),
    (dict(mapping=":key,d:c,d:x,d:c"), "d:c is mapped to two columns", ""),
    (dict(mapping=":key,d:c,d:x,d:"), "title is string, but d: is a whole family", "map<"),
    (dict(mapping=":key,d:c,d:x,t"), "'t' is neither", ""),
    (dict(columns={**COLUMNS, "title": "strin"}), "column title: strin is not a type", ""),
    (dict(mapping={**BY_NAME, "clicks": {"cell": "d:x", "type": "long_bee"}}), "long_bee", "long_be"),
    (dict(partition_by=["campain"]), "campain, which is no column", "campaign"),
    (dict(partition_by=["campaign", "campaign"]), "twice", ""),
    (dict(partition_by=[{"name": "title", "from": "id", "as": "prefix(1)"}]), "has the name of a column", ""),
    (dict(partition_by=[{"name": "p", "from": "id", "as": "preffix(1)"}]), "no expression", "prefix(n)"),
    (dict(partition_by=[{"name": "p", "from": "id", "as": "bucket"}]), "no expression", "bucket(n)"),
    (dict(partition_by=[{"name": "p", "from": "id", "as": "date"}]), "date takes date, timestamp, not string", ""),
    (dict(row_key={"columns": ["id"], "delimiter": "|"}), "names one column", ""),
    (dict(row_key={"columns": ["id", "title"], "delimiter": "|"}), "title: mapped to :key and named in row_key", ""),
    (dict(columns={**COLUMNS, "id": "double"}), "column id: a row key cannot be written back from double", "string"),
    (dict(columns={**COLUMNS, "TITLE": "string"}), "there twice", ""),
    (dict(decoder=3), "no version 3 of the decoder", "1 and 2"),
]


@pytest.mark.parametrize(("settings", "message", "hint"), REFUSED)
def test_a_mapping_that_cannot_work_is_refused(settings: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(MappingError) as caught:
        build(**settings)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_date_of_a_timestamp_needs_a_time_zone() -> None:
    columns = {"id": "string", "at": "timestamp"}
    with pytest.raises(MappingError, match="time_zone is not set") as caught:
        build(columns, ":key,d:at", [{"name": "p", "from": "at", "as": "date"}])
    assert caught.value.path == ("time_zone",)


def test_a_binary_key_part_before_a_delimiter_is_refused() -> None:
    cells = {"campaign": {"type": "string"}, "ad": {"type": "int_be"}, "title": "d:t"}
    with pytest.raises(MappingError, match="may hold the delimiter"):
        build(COMPOSITE, cells, (), row_key={"columns": ["ad", "campaign"], "delimiter": "|"})


def test_a_column_that_the_transform_fills_needs_no_cell() -> None:
    mapping = build({**COLUMNS, "day": "date"}, BY_NAME, computed=["day"])
    assert mapping.decode([row(b"k", {"d:title": b""})]).table["day"].to_pylist() == [None]


def test_dates_are_dates() -> None:
    mapping = build({"id": "string", "c": "string", "day": "date"}, ":key,d:c,d:day", ("c",))
    assert mapping.decode([row(b"k", {"d:day": b"2026-01-02"})]).table["day"].to_pylist() == [date(2026, 1, 2)]
