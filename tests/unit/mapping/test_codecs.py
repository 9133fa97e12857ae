"""Bytes ↔ values. Vectors: what HBase's Bytes.toBytes writes (big endian, true = 0xff), what Hive's lazy types read."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.mapping.codecs import CODECS, Codec, codec_for, codec_named
from loader.mapping.hive_types import parse_hive_type

BINARY_FORMS = [
    ("tinyint", b"\x7b", 123),
    ("smallint", b"\x01\xc8", 456),
    ("smallint", b"\xff\xff", -1),
    ("int", b"\x00\x00\x03\x15", 789),
    ("int", b"\x80\x00\x00\x00", -(2**31)),
    ("bigint", b"\x00\x00\x00\x00\x00\x00\x03\xe8", 1000),
    ("bigint", b"\xff\xff\xff\xff\xff\xff\xff\xff", -1),
    ("float", b"\xbf\x80\x00\x00", -1.0),
    ("double", b"\x40\x15\x33\x33\x33\x33\x33\x33", 5.3),
    ("boolean", b"\xff", True),
    ("boolean", b"\x01", True),
    ("boolean", b"\x00", False),
    ("string", b"Hadoop, HBase, and Hive", "Hadoop, HBase, and Hive"),
]
TEXT_FORMS = [
    ("tinyint", b"123", 123),
    ("tinyint", b"127.9", 127),
    ("int", b"12.0", 12),
    ("int", b"-12.7", -12),
    ("int", b".5", 0),
    ("int", b"5.", 5),
    ("smallint", b"456", 456),
    ("int", b"789", 789),
    ("int", b"+7", 7),
    ("int", b"-007", -7),
    ("bigint", b"-9223372036854775808", -(2**63)),
    ("double", b"5.3", 5.3),
    ("double", b" 1e3 ", 1000.0),
    ("double", b"5d", 5.0),
    ("double", b"-Infinity", float("-inf")),
    ("float", b"-0.5", -0.5),
    ("boolean", b"TRUE", True),
    ("boolean", b"false", False),
    ("string", "Grüße".encode(), "Grüße"),
    ("varchar(3)", b"abc", "abc"),
    ("varchar(3)", b"abcdef", "abc"),
    ("varchar(3)", "äöüß".encode(), "äöü"),
    ("char(3)", b"abcdef", "abc"),
    ("decimal(10,2)", b"1.005", Decimal("1.01")),
    ("decimal(10,2)", b"-3", Decimal("-3.00")),
    ("date", b"2026-02-28", date(2026, 2, 28)),
    ("date", b"2026-2-8", date(2026, 2, 8)),
    ("timestamp", b"2026-02-28 10:11:12", datetime(2026, 2, 28, 10, 11, 12)),
    ("timestamp", b"2026-02-28 10:11:12.5", datetime(2026, 2, 28, 10, 11, 12, 500_000)),
    ("timestamp", b"2026-02-28 10:11:12.123456000", datetime(2026, 2, 28, 10, 11, 12, 123_456)),
    ("timestamp", b"2026-02-28", datetime(2026, 2, 28)),
    ("timestamp", b"2020-1-1 1:2:3", datetime(2020, 1, 1, 1, 2, 3)),
    ("timestamp", b"2026-02-28T10:11", datetime(2026, 2, 28, 10, 11)),
    ("timestamp", b"2026-02-28 10:11:12.123456789", datetime(2026, 2, 28, 10, 11, 12, 123_456)),
    ("date", b"2026-02-28 10:11:12", date(2026, 2, 28)),
    ("binary", b"\x00\xff", b"\x00\xff"),
]
NO_TEXT_FORMS = [
    ("tinyint", b"128"),
    ("int", b""),
    ("int", b" 7"),
    ("int", b"0x10"),
    ("int", b"1.0x"),
    ("int", b"."),
    ("int", b"2147483648.0"),
    ("int", b"1_000"),
    ("int", b"2147483648"),
    ("int", "٣".encode()),
    ("double", b"nan"),
    ("double", b"1_0"),
    ("double", b"0x1p3"),
    ("boolean", b"yes"),
    ("string", b"\xff\xfe"),
    ("decimal(4,2)", b"100"),
    ("decimal(4,2)", b"NaN"),
    ("date", b"2026-02-30"),
    ("date", b"28.02.2026"),
    ("timestamp", b"2026-02-28 10:11:12.1234567890"),
    ("timestamp", b"2026-02-28T1:2:3"),
    ("date", b"2026-02-28x"),
    ("date", b"26-02-28"),
    ("decimal(4,2)", b"1e100"),
    ("decimal(4,2)", "٣".encode()),
    ("timestamp", b"2026-02-28 25:00:00"),
]
NAMED = [
    ("long_be", "bigint", b"\x00\x00\x00\x00\x00\x00\x03\xe8", 1000),
    ("int_be", "bigint", b"\xff\xff\xff\xfe", -2),
    ("short_be", "int", b"\x01\x00", 256),
    ("float_be", "double", b"\x3f\x00\x00\x00", 0.5),
    ("double_be", "double", b"\x3f\xe0\x00\x00\x00\x00\x00\x00", 0.5),
    ("string", "string", b"x", "x"),
    ("decimal_string", "decimal(10,2)", b"12.3", Decimal("12.30")),
    ("bool", "boolean", b"\xff", True),
    ("timestamp_ms", "timestamp", (1_700_000_000_123).to_bytes(8, "big"), datetime(2023, 11, 14, 22, 13, 20, 123_000)),
    ("date", "date", b"2026-01-01", date(2026, 1, 1)),
    ("json", "string", b'{"a": [1]}', '{"a": [1]}'),
    ("binary", "binary", b"\x00", b"\x00"),
]


OF_VERSION_1 = [
    ("int", b"12", 12),
    ("int", b"12.0", None),
    ("varchar(3)", b"abcdef", None),
    ("timestamp", b"2020-1-1 1:2:3", None),
    ("timestamp", b"2026-02-28 10:11:12.123456789", None),
    ("timestamp", b" 2026-02-28T10:11:12.5", datetime(2026, 2, 28, 10, 11, 12, 500_000)),
    ("date", b"2026-02-28 10:11:12", None),
    ("date", b"\xc2\xa02026-2-8", date(2026, 2, 8)),
    ("decimal(4,2)", b"1e-100", Decimal("0.00")),
    ("decimal(4,2)", "٣".encode(), Decimal("3.00")),
    ("decimal(4,2)", b"5\n", Decimal("5.00")),
    ("double", b"5d", 5.0),
    ("boolean", b"TRUE", True),
]
"""Fixed for ever: tables that it loaded are read by it until told."""


def codec(hive: str, binary: bool = False) -> Codec:
    return codec_for(parse_hive_type(hive), binary)


@pytest.mark.parametrize(("hive", "stored", "value"), OF_VERSION_1)
def test_version_1_of_the_decoder_reads_as_ever(hive: str, stored: bytes, value: object) -> None:
    column, reasons = codec_for(parse_hive_type(hive), False, decoder=1).decode([stored])
    assert (column.to_pylist(), list(reasons)) == ([value], [0] if value is None else [])


@pytest.mark.parametrize(("hive", "stored", "value"), BINARY_FORMS)
def test_binary_form(hive: str, stored: bytes, value: object) -> None:
    column, reasons = codec(hive, binary=True).decode([stored, None])
    assert (column.to_pylist(), reasons) == ([value, None], {})


@pytest.mark.parametrize(("hive", "stored", "value"), TEXT_FORMS)
def test_text_form(hive: str, stored: bytes, value: object) -> None:
    column, reasons = codec(hive).decode([None, stored])
    assert (column.to_pylist(), reasons) == ([None, value], {})


@pytest.mark.parametrize(("hive", "stored", "value"), TEXT_FORMS)
def test_a_column_decodes_to_its_own_type(hive: str, stored: bytes, value: object) -> None:
    column, _ = codec(hive).decode([stored, b"?"])
    assert column.type == parse_hive_type(hive).arrow


@pytest.mark.parametrize(("hive", "stored"), NO_TEXT_FORMS)
def test_what_hive_would_show_as_null_has_a_reason(hive: str, stored: bytes) -> None:
    column, reasons = codec(hive).decode([stored])
    assert column.to_pylist() == [None]
    assert hive in reasons[0]


def test_one_bad_value_does_not_spoil_its_neighbours() -> None:
    column, reasons = codec("int").decode([b"1", b"x", b"3", None])
    assert column.to_pylist() == [1, None, 3, None]
    assert list(reasons) == [1]


def test_a_value_of_the_wrong_width_has_a_reason_with_both_widths() -> None:
    column, reasons = codec("bigint", binary=True).decode([b"\0" * 8, b"\0" * 4])
    assert column.to_pylist() == [0, None]
    assert reasons == {1: "4 bytes instead of 8"}


@pytest.mark.parametrize("hive", ["int", "string", "double", "date", "boolean"])
def test_backslash_n_is_null_in_text(hive: str) -> None:
    column, reasons = codec(hive).decode([b"\\N"])
    assert (column.to_pylist(), reasons) == ([None], {})


@pytest.mark.parametrize(("name", "hive", "stored", "value"), NAMED)
def test_named_codec(name: str, hive: str, stored: bytes, value: object) -> None:
    column, reasons = codec_named(name, parse_hive_type(hive)).decode([stored])
    assert (column.to_pylist(), reasons) == ([value], {})


def test_every_named_codec_has_a_vector() -> None:
    assert {name for name, *_ in NAMED} == set(CODECS)


def test_json_that_is_none_has_a_reason() -> None:
    _, reasons = codec_named("json", parse_hive_type("string")).decode([b"{"])
    assert list(reasons) == [0]


def test_milliseconds_beyond_any_timestamp_have_a_reason() -> None:
    column, reasons = codec_named("timestamp_ms", parse_hive_type("timestamp")).decode([b"\x7f" * 8])
    assert (column.to_pylist(), list(reasons)) == ([None], [0])


def test_a_codec_that_gives_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="long_be gives bigint, not string"):
        codec_named("long_be", parse_hive_type("string"))


@pytest.mark.parametrize("hive", ["date", "timestamp", "decimal(5,2)"])
def test_types_without_a_binary_form_refuse_one(hive: str) -> None:
    with pytest.raises(ValueError, match="no #b form"):
        codec(hive, binary=True)


@pytest.mark.parametrize(("hive", "binary"), [("int", True), ("bigint", True), ("smallint", True), ("int", False)])
@given(numbers=st.lists(st.integers(-(2**15), 2**15 - 1)))
def test_integers_of_a_row_key_come_back_as_their_bytes(hive: str, binary: bool, numbers: list[int]) -> None:
    made = codec(hive, binary)
    assert made.encode is not None
    stored = made.encode(pa.array(numbers, parse_hive_type(hive).arrow)).to_pylist()
    assert made.decode(stored)[0].to_pylist() == numbers


@given(st.lists(st.one_of(st.none(), st.binary(max_size=9)), max_size=6), st.sampled_from(["int", "double", "date"]))
def test_any_bytes_give_a_value_or_a_reason(values: list[bytes | None], hive: str) -> None:
    column, reasons = codec(hive).decode(values)
    for index, stored in enumerate(values):
        is_null = stored is None or stored == b"\\N" or index in reasons
        assert (column[index].as_py() is None) == is_null
