"""Spelling partitions as Hive does. The vectors of escaping are Hive's own (FileUtils)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metastore.api import NULL_PARTITION, Column
from metastore.names import (
    canonical_value,
    canonical_values,
    escape_path_name,
    name_problem,
    parse_partition_name,
    partition_name,
    partition_values,
    unescape_path_name,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
KEY = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("2026-01-01", "2026-01-01"),
        ("a/b", "a%2Fb"),
        ("10:30=x", "10%3A30%3Dx"),
        ("\"#%'*?\\{[]^", "%22%23%25%27%2A%3F%5C%7B%5B%5D%5E"),
        ("}<>| ,;&!$()+@~`.-_", "}<>| ,;&!$()+@~`.-_"),
        ("\x01\n\x1f\x7f", "%01%0A%1F%7F"),
        ("ünï 漢 🙂", "ünï 漢 🙂"),
        ("", NULL_PARTITION),
    ],
)
def test_values_are_escaped_as_hive_does(value: str, path: str) -> None:
    assert escape_path_name(value) == path


@pytest.mark.parametrize(
    ("path", "value"), [("%2F", "/"), ("%2f", "/"), ("100%", "100%"), ("%zz", "%zz"), ("%4", "%4")]
)
def test_paths_are_unescaped_as_hive_does(path: str, value: str) -> None:
    assert unescape_path_name(path) == value


@given(TEXT)
def test_escaping_is_undone_by_unescaping(value: str) -> None:
    assert unescape_path_name(escape_path_name(value)) == value


@given(TEXT)
def test_an_escaped_value_is_one_part_of_a_path(value: str) -> None:
    assert not set(escape_path_name(value)) & set("/=:\\\0")


@given(st.dictionaries(KEY, TEXT, min_size=1, max_size=4))
def test_a_partition_name_is_undone_by_parsing(spec: dict[str, str]) -> None:
    assert parse_partition_name(partition_name(list(spec), list(spec.values()))) == spec


def test_keys_are_lower_cased_in_names() -> None:
    assert partition_name(["Day", "K"], ["2026-01-01", "A"]) == "day=2026-01-01/k=A"


def test_values_are_read_off_a_name_in_order() -> None:
    assert partition_values("b=2/a=1%3D") == ("2", "1=")


@pytest.mark.parametrize("name", ["", "a", "a=", "=1", "a=1//b=2", "a=1/"])
def test_what_is_no_partition_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a partition name"):
        parse_partition_name(name)


def test_a_name_needs_a_value_for_each_key() -> None:
    with pytest.raises(ValueError, match="1 partition values for the 2 keys"):
        partition_name(["a", "b"], ["1"])


@pytest.mark.parametrize(
    ("type_", "value", "spelled"),
    [
        ("int", "07", "7"),
        ("int", -7, "-7"),
        ("bigint", "+7", "7"),
        ("string", "07", "07"),
        ("string", " a ", " a "),
        ("varchar(3)", "abc", "abc"),
        ("boolean", True, "true"),
        ("boolean", "FALSE", "false"),
        ("date", date(2026, 1, 2), "2026-01-02"),
        ("date", "2026-01-02", "2026-01-02"),
        ("timestamp", datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),
        ("timestamp", "2026-01-02T03:04:05.120000", "2026-01-02 03:04:05.12"),
        ("decimal(10,2)", Decimal("1.50"), "1.5"),
        ("decimal(10,2)", "100", "100"),
        ("decimal(10,2)", Decimal("1E+2"), "100"),
        ("decimal(10,2)", "-0.00", "0"),
        ("decimal", "3.0", "3"),
        ("int", None, NULL_PARTITION),
        ("string", "", NULL_PARTITION),
    ],
)
def test_a_typed_value_has_one_spelling(type_: str, value: object, spelled: str) -> None:
    assert canonical_value(type_, value) == spelled


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("tinyint", 128),
        ("int", 2**31),
        ("int", "x"),
        ("int", True),
        ("int", 1.0),
        ("varchar(3)", "abcd"),
        ("string", 7),
        ("boolean", "yes"),
        ("date", "2026-02-30"),
        ("date", datetime(2026, 1, 2)),
        ("timestamp", datetime(2026, 1, 2, tzinfo=UTC)),
        ("timestamp", "2026-01-02 03:04:05.123456789"),
        ("decimal(4,2)", "100"),
        ("decimal(4,2)", "0.001"),
        ("decimal(4,2)", "NaN"),
        ("double", 1.5),
        ("array<int>", "1"),
        ("string", NULL_PARTITION),
    ],
)
def test_what_a_type_cannot_hold_is_refused(type_: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"^k: "):
        canonical_value(type_, value, "k")


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_spelling_is_its_own_spelling(number: int) -> None:
    once = canonical_value("bigint", number)
    assert canonical_value("bigint", once) == once


def test_a_rows_values_are_spelled_by_their_keys_types() -> None:
    keys = [Column("a", "int"), Column("b", "string")]
    assert canonical_values(keys, ["07", "07"]) == ("7", "07")


@pytest.mark.parametrize("value", ["x" * 253, "ä" * 126, "/" * 84, NULL_PARTITION, "a\nb", "é"])
def test_a_value_that_fits_is_no_problem(value: str) -> None:
    assert name_problem(["k"], [value]) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 254, "256 bytes, a file system holds 255"),
        ("ä" * 127, "256 bytes"),
        ("/" * 85, "257 bytes"),
        ("\ud800", "surrogate"),
    ],
)
def test_a_value_that_no_path_can_hold_has_a_reason(value: str, reason: str) -> None:
    assert reason in (name_problem(["k"], [value]) or "")


def test_a_name_that_no_metastore_can_hold_has_a_reason() -> None:
    assert "767" in (name_problem(list("abcd"), ["x" * 200] * 4) or "")


def test_a_key_that_hive_hides_has_a_reason() -> None:
    assert "hides" in (name_problem(["_k"], ["1"]) or "")


def test_a_metastore_on_mysql_holds_less() -> None:
    assert name_problem(["k"], ["漢"]) is None
    assert name_problem(["k"], ["漢"], latin1=True) is not None


@pytest.mark.parametrize(("value", "database"), [("a ", "Derby"), (" ", "MySQL"), ("a\0b", "PostgreSQL")])
def test_what_one_of_the_usual_databases_cannot_hold_is_no_value(value: str, database: str) -> None:
    """A metastore does not tell on which it runs, and one such value would fail every batch after it."""
    assert database in (name_problem(["k"], [value]) or "")
