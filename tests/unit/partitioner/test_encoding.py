import numpy as np
import pyarrow as pa
import pytest

from partitioner.encoding import Encoding, choose_encoding, estimate_distinct

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
    assert choose_encoding(rows) == Encoding(("country", "campaign"))


def test_a_column_that_is_a_dictionary_already_is_judged_by_its_values() -> None:
    rows = pa.table({"few": ["a", "b"] * 500, "many": [str(number) for number in range(1_000)]})
    encoded = pa.table(
        {name: column.dictionary_encode() for name, column in zip(rows.column_names, rows.columns, strict=True)}
    )
    assert choose_encoding(encoded) == Encoding(("few",))


def test_nested_and_boolean_columns_are_left_alone() -> None:
    assert choose_encoding(pa.table({"flag": [True] * 100, "list": [["a"]] * 100})) == Encoding()


def test_no_rows_choose_nothing() -> None:
    assert choose_encoding(pa.table({"a": pa.array([], pa.string())})) == Encoding()


@pytest.mark.parametrize("distinct", [10, 1_000, 50_000])
def test_distinct_values_are_estimated_within_the_stated_factor(distinct: int) -> None:
    values = np.random.default_rng(2).integers(0, distinct, ROWS)
    truth = len(np.unique(values))
    sample = pa.chunked_array([pa.array(values[::10])])
    assert truth / 10**0.5 <= estimate_distinct(sample, ROWS) <= truth * 10**0.5
