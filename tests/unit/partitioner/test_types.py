import pyarrow as pa
import pytest

from partitioner.arrow_types import arrow_schema, arrow_type
from partitioner.errors import UnsupportedType

CASES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "SMALLINT": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "varchar(20)": pa.string(),
    "char(3)": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "decimal": pa.decimal128(10, 0),
    "decimal(5)": pa.decimal128(5, 0),
    "decimal(38, 18)": pa.decimal128(38, 18),
    "array<string>": pa.list_(pa.string()),
    "map<string,array<decimal(10,2)>>": pa.map_(pa.string(), pa.list_(pa.decimal128(10, 2))),
    "struct<a:int,b:map<string,int>>": pa.struct([("a", pa.int32()), ("b", pa.map_(pa.string(), pa.int32()))]),
}


@pytest.mark.parametrize("hive_type", CASES)
def test_a_hive_type_has_its_arrow_type(hive_type: str) -> None:
    assert arrow_type(hive_type) == CASES[hive_type]


@pytest.mark.parametrize(
    "hive_type", ["uniontype<int>", "decimal(39,0)", "decimal(2,3)", "array<>", "map<int>", "", "x"]
)
def test_an_unknown_type_is_named(hive_type: str) -> None:
    with pytest.raises(UnsupportedType, match=r"^.*'.*'|no data file"):
        arrow_type(hive_type)


def test_a_schema_keeps_the_columns_order() -> None:
    assert arrow_schema((("b", "int"), ("a", "string"))).names == ["b", "a"]
