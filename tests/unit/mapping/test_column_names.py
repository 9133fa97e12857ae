"""What a column may be called, how long its text may be, and which column a mapping of another length leaves out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.mapping import MappingError
from loader.mapping.build import build_mapping
from loader.mapping.column_names import LONGEST, name_problem
from loader.mapping.hive_types import parse_hive_type


@pytest.mark.parametrize(
    "name", [*(f"a{char}b" for char in "(),.:;={}`"), "row__id", "input__file__name", " a", "a\tb", "a\x00b", ""]
)
def test_a_name_that_hive_cannot_read_is_refused_with_the_column(name: str) -> None:
    with pytest.raises(MappingError) as refused:
        build_mapping({"id": "string", name: "string"}, {"id": ":key", name: "d:x"}, ["id"], None, None, ())
    assert name in refused.value.message
    assert refused.value.path == ("columns", name)


@pytest.mark.parametrize("name", ["__op", "__key", "größe", "漢字", "ad-id", "$ref", "1st", "select", "a" * LONGEST])
def test_a_name_that_readers_were_seen_to_read_is_taken(name: str) -> None:
    assert name_problem(name) is None


def test_a_name_longer_than_a_metastore_holds_is_refused() -> None:
    assert f"holds {LONGEST}" in (name_problem("a" * (LONGEST + 1)) or "")


@pytest.mark.parametrize("name", ["_day", "row__id", "a=b", "p" * 129])
def test_a_partition_key_of_a_bad_name_is_refused(name: str) -> None:
    entry = {"name": name, "from": "id", "as": "prefix(1)"}
    with pytest.raises(MappingError, match="partition key"):
        build_mapping({"id": "string", "x": "string"}, ":key,d:x", [entry], None, None, ())


@given(st.text(st.characters(exclude_categories=("L", "N")), min_size=1))
def test_no_name_of_the_loaders_own_columns_is_ever_taken(rest: str) -> None:
    assert name_problem(f":{rest}".lower()) is not None


@pytest.mark.parametrize("kind", ["char(300)", "char(0)", "varchar(65536)", "varchar(0)", "map<string,char(256)>"])
def test_a_length_that_hive_does_not_know_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        parse_hive_type(kind)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        (":key,d:clicks,d:day", "Without an entry seems to be: title. "),
        (":key,d:title,d:clicks", "Without an entry seems to be: day. "),
        (":key,d:title,d:other,d:clicks,d:day", "Without a column seems to be: d:other. "),
        (":key,d:a,d:b", "They meet in order: id :key, title d:a, clicks d:b, day ?."),
    ],
)
def test_a_mapping_of_another_length_names_the_column_that_is_left_out(mapping: str, told: str) -> None:
    columns = {"id": "string", "title": "string", "clicks": "bigint", "day": "string"}
    with pytest.raises(MappingError) as refused:
        build_mapping(columns, mapping, ["day"], None, None, ())
    assert refused.value.hint.startswith(told)
