import pyarrow as pa
import pytest

from partitioner.merge.conform import conform, conform_table

TEXT = pa.dictionary(pa.int32(), pa.string())


def test_columns_are_found_by_name_without_case_and_new_ones_are_null() -> None:
    batch = pa.record_batch({"B": [1, 2], "gone": [0, 0]})
    wanted = pa.schema([("a", pa.string()), ("b", pa.int64())])
    assert conform(batch, wanted).to_pylist() == [{"a": None, "b": 1}, {"a": None, "b": 2}]


def test_types_are_widened() -> None:
    wanted = pa.schema([("a", pa.int64())])
    assert conform(pa.record_batch({"a": pa.array([1], pa.int32())}), wanted).schema == wanted


def test_a_value_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(pa.ArrowInvalid):
        conform(pa.record_batch({"a": [2**40]}), pa.schema([("a", pa.int32())]))


@pytest.mark.parametrize("rows", [[], ["x", None, "x"]])
def test_text_becomes_a_dictionary_and_back(rows: list[str | None]) -> None:
    plain = pa.schema([("a", pa.string())])
    table = pa.table({"a": pa.array(rows, pa.string())})
    encoded = conform_table(table, pa.schema([("a", TEXT)]))
    assert encoded.schema.field("a").type == TEXT
    assert conform(encoded, plain).column("a").to_pylist() == rows
