"""Entries of Hive's hbase.columns.mapping. Examples are those of Hive's HBaseIntegration page and TestHBaseSerDe."""

import pytest

from loader.mapping.columns_mapping import Place, PlaceKind, parse_columns_mapping, parse_place


def test_the_example_of_hives_manual_is_read_by_position() -> None:
    assert parse_columns_mapping(":key,a:b,a:c,d:e") == (
        Place(PlaceKind.KEY),
        Place(PlaceKind.CELL, b"a", b"b"),
        Place(PlaceKind.CELL, b"a", b"c"),
        Place(PlaceKind.CELL, b"d", b"e"),
    )


@pytest.mark.parametrize("suffix", ["#b", "#bin", "#binary"])
def test_any_prefix_of_binary_means_binary(suffix: str) -> None:
    assert parse_place("cf:val" + suffix).binary


@pytest.mark.parametrize("suffix", ["", "#-", "#s", "#str", "#string"])
def test_text_is_the_default_and_can_be_said(suffix: str) -> None:
    assert not parse_place("cf:val" + suffix).binary


def test_white_space_around_entries_means_nothing() -> None:
    assert parse_columns_mapping(" :key#b , cf:a\n,\n  cf:b ") == parse_columns_mapping(":key#b,cf:a,cf:b")


def test_a_family_without_qualifier_is_a_map() -> None:
    assert parse_place("cf:") == Place(PlaceKind.FAMILY, b"cf")


def test_a_wildcard_takes_the_qualifiers_with_a_prefix() -> None:
    assert parse_place("cf:col_prefix.*") == Place(PlaceKind.FAMILY, b"cf", b"col_prefix")


def test_the_second_half_of_a_maps_storage_is_that_of_its_values() -> None:
    assert [parse_place(text).binary for text in ("cf:#s:b", "cf:#b:s", "cf:#-:-")] == [True, False, False]


def test_the_newest_timestamp_of_a_row_can_be_a_column() -> None:
    assert parse_place(":timestamp").kind is PlaceKind.TIMESTAMP


@pytest.mark.parametrize(
    "bad", ["", "campaign", ":row", "a:b:c", "a:b#x", "a:b#s#b", "a:b#s:b", "a:#b", "a:b#", "a:#s:b:s"]
)
def test_what_hive_refuses_is_refused_with_the_entry_in_the_message(bad: str) -> None:
    with pytest.raises(ValueError, match=bad.replace("*", r"\*") or "''"):
        parse_place(bad)
