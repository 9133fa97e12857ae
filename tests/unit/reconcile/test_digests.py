"""A digest tells rows apart that differ in any column, null from empty, and nothing else."""

import struct
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from loader.ops.reconcile.digests import Digests
from partitioner.arrow_types import arrow_schema

COLUMNS = (
    ("s", "string"),
    ("i", "bigint"),
    ("d", "double"),
    ("n", "decimal(10,2)"),
    ("b", "binary"),
    ("t", "timestamp"),
    ("day", "date"),
    ("flag", "boolean"),
    ("m", "map<string,string>"),
)
ROW = {
    "s": "a",
    "i": 1,
    "d": 1.5,
    "n": Decimal("1.50"),
    "b": b"\x00",
    "t": datetime(2026, 1, 1),
    "day": date(2026, 1, 1),
    "flag": True,
    "m": [("k", "v")],
}
OTHERS = [
    {"s": ""},
    {"i": 2},
    {"d": float("nan")},
    {"n": Decimal("1.51")},
    {"b": b""},
    {"t": datetime(2026, 1, 1, 0, 0, 0, 1)},
    {"day": date(2026, 1, 2)},
    {"flag": False},
    {"m": [("k", "w")]},
    {"m": []},
    *({name: None} for name, _ in COLUMNS),
]


def digest(row: dict[str, object], partition: str = "p=1", digests: Digests | None = None) -> int:
    table = pa.Table.from_pylist([row], schema=arrow_schema(COLUMNS))
    entries = (digests or Digests(COLUMNS)).entries(pa.array([b"k"]), table, pa.array([partition]))
    found: int = entries["digest"][0].as_py()
    return found


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_any_other_value_is_another_digest(other: dict[str, object]) -> None:
    assert digest(ROW | other) != digest(ROW)


def test_another_partition_is_another_digest() -> None:
    assert digest(ROW, "p=2") != digest(ROW)


def test_the_same_row_is_the_same_digest_whoever_computes_it() -> None:
    assert digest(ROW) == digest(dict(ROW), digests=Digests(COLUMNS))


def test_values_do_not_flow_into_their_neighbours() -> None:
    columns = (("x", "string"), ("y", "string"))
    digests = Digests(columns)
    rows = pa.Table.from_pylist(
        [{"x": "ab", "y": "c"}, {"x": "a", "y": "bc"}, {"x": None, "y": "c"}, {"x": "c", "y": None}]
    )
    found = digests.entries(pa.array([b"1", b"2", b"3", b"4"]), rows, pa.array(["p"] * 4))["digest"].to_pylist()
    assert len(set(found)) == 4


def test_a_column_that_the_file_does_not_have_is_null() -> None:
    table = pa.Table.from_pylist([{"s": "a"}])
    entries = Digests(COLUMNS).entries(pa.array([b"k"]), table, pa.array(["p=1"]))
    assert entries["digest"][0].as_py() == digest({"s": "a"})


NAN, OTHER_NAN = (struct.unpack(">d", bytes.fromhex(bits))[0] for bits in ("7ff8000000000000", "7ff8000000000001"))


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (NAN, OTHER_NAN)], ids=["zeros", "NaNs"])
@pytest.mark.parametrize("kind", ["double", "map<string,double>"])
def test_a_digest_is_of_a_floats_bits(kind: str, one: float, other: float) -> None:
    columns = (("x", kind),)

    def of(value: float) -> int:
        rows = pa.table({"x": pa.array([[("k", value)] if "map" in kind else value], arrow_schema(columns).types[0])})
        found: int = Digests(columns).entries(pa.array([b"k"]), rows, pa.array(["p=1"]))["digest"][0].as_py()
        return found

    assert of(one) == of(one)
    assert of(one) != of(other)


def test_a_slice_of_rows_has_their_digests() -> None:
    columns = (("x", "map<string,double>"), ("y", "double"))
    rows = pa.table(
        {"x": pa.array([[("k", 1.0)], None, [("k", 2.0)]], arrow_schema(columns).types[0]), "y": [1.0, 2.0, 3.0]}
    )
    keys, names = pa.array([b"a", b"b", b"c"]), pa.array(["p"] * 3)
    whole = Digests(columns).entries(keys, rows, names)["digest"].to_pylist()
    part = Digests(columns).entries(keys.slice(1), rows.slice(1), names.slice(1))["digest"].to_pylist()
    assert part == whole[1:]
