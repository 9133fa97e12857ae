import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.merge.encoding import Encoding, choose_encoding, estimate_distinct, with_one_dictionary

ROWS = 100_000


def test_few_values_are_dictionaries_and_many_are_not() -> None:
    rng = np.random.default_rng(1)
    rows = pa.table(
        {
            "country": pa.array(rng.integers(0, 200, ROWS)).cast(pa.string()),
            "campaign": rng.integers(0, 5_000, ROWS),
            "title": pa.array(np.arange(ROWS)).cast(pa.string()),
            "cost": rng.random(ROWS),
        }
    )
    assert choose_encoding(rows).dictionary == ("country", "campaign")


def test_a_column_that_is_a_dictionary_already_is_judged_by_its_values() -> None:
    rows = pa.table({"few": ["a", "b"] * 500, "many": [str(number) for number in range(1_000)]})
    encoded = pa.table(
        {name: column.dictionary_encode() for name, column in zip(rows.column_names, rows.columns, strict=True)}
    )
    assert choose_encoding(encoded).dictionary == ("few",)


def test_nested_and_boolean_columns_are_left_alone() -> None:
    assert choose_encoding(pa.table({"flag": [True] * 100, "list": [["a"]] * 100})).dictionary == ()


def test_no_rows_choose_nothing() -> None:
    assert choose_encoding(pa.table({"a": pa.array([], pa.string())}), whole=True) == Encoding(columns=1)


def test_only_the_whole_of_a_file_tells_that_a_column_has_no_null() -> None:
    rows = pa.table({"full": [1.0, 2.0], "part": [1.0, None], "list": [["a"], ["b"]]})
    assert choose_encoding(rows, whole=True).required == ("full",)
    assert choose_encoding(rows).required == ()


def of_two_columns(rows: int) -> pa.Table:
    return pa.table({"few": [str(number % 3) for number in range(rows)], "many": [str(n) for n in range(rows)]})


def test_what_was_chosen_holds_until_a_tenth_of_the_rows_has_changed() -> None:
    def chosen(changed: int) -> Encoding:
        return choose_encoding(of_two_columns(1_000), before=Encoding(("many",), columns=2, changed=changed))

    assert (chosen(100).dictionary, chosen(100).changed) == (("many",), 100)
    assert (chosen(101).dictionary, chosen(101).changed) == (("few",), 0)


def test_what_is_chosen_anew_is_compressed_again() -> None:
    def stored(changed: int) -> tuple[str, ...]:
        return choose_encoding(
            of_two_columns(1_000), before=Encoding(stored=("few",), columns=2, changed=changed)
        ).stored

    assert (stored(100), stored(101)) == (("few",), ())


def test_what_was_chosen_for_other_columns_is_chosen_anew() -> None:
    rows = of_two_columns(1_000)
    assert choose_encoding(rows, before=Encoding(("many",), columns=1)).dictionary == ("few",)
    assert choose_encoding(rows, before=Encoding(("gone",), columns=2)).dictionary == ("few",)


def test_nulls_are_looked_for_in_every_file_whatever_is_remembered() -> None:
    rows = pa.table({"a": ["x", None] * 50, "b": ["y"] * 100})
    assert choose_encoding(rows, whole=True, before=Encoding((), ("a",), columns=2)).required == ("b",)


@pytest.mark.parametrize("distinct", [10, 1_000, 20_000])
def test_distinct_values_are_estimated_within_a_fifth(distinct: int) -> None:
    values = np.random.default_rng(2).integers(0, distinct, 2_048)
    assert estimate_distinct(pa.chunked_array([pa.array(values)])) == pytest.approx(distinct, rel=0.2)


def test_values_that_never_repeat_are_taken_for_endless() -> None:
    assert estimate_distinct(pa.chunked_array([pa.array(range(2_048))])) == float("inf")


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=6), min_size=1, max_size=4))
def test_one_dictionary_holds_the_values_in_use_and_nothing_else(parts: list[list[str | None]]) -> None:
    chunks = [pa.array(["gone", "a", *part, "b"], pa.string()).dictionary_encode()[2:-1] for part in parts]
    rows = pa.table({"text": pa.chunked_array(chunks), "number": list(range(sum(map(len, parts))))})
    found = with_one_dictionary(rows)
    assert found["text"].to_pylist() == [value for part in parts for value in part]
    if len(rows):
        assert {frozenset(chunk.dictionary.to_pylist()) for chunk in found["text"].chunks} == {
            frozenset(value for part in parts for value in part if value)
        }
