"""A fence: legal for its type, lowest of it, and never the same for two epochs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metastore.api import PARQUET, Column, Partition, Table, TableName
from metastore.fence import fence_epoch, fence_values, is_fence, list_fences
from metastore.memory import InMemoryMetastore
from metastore.names import canonical_value, name_problem

ORDERED: dict[str, Callable[[str], object]] = {
    "string": str,
    "varchar(40)": str,
    "varchar(10)": str,
    "bigint": int,
    "int": int,
    "smallint": int,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "decimal(10,2)": Decimal,
}
TYPICAL = {
    "string": "0",
    "varchar(40)": "A",
    "varchar(10)": "#x",
    "bigint": "-20260101",
    "int": "-1000000",
    "smallint": "-1000",
    "date": "1753-01-01",
    "timestamp": "1753-01-01 00:00:00",
    "decimal(10,2)": "-1000000.5",
}
SPARE = st.sampled_from(sorted(ORDERED))
EPOCH = st.integers(0, 1023)


def keys(*types: str) -> list[Column]:
    return [Column(f"k{n}", type_) for n, type_ in enumerate(types)]


@given(SPARE, EPOCH)
def test_a_fence_is_known_again_by_its_epoch(type_: str, epoch: int) -> None:
    values = fence_values(keys(type_), epoch)
    assert values is not None
    assert fence_epoch(keys(type_), values) == epoch


@given(SPARE, EPOCH)
def test_a_fence_is_spelled_as_its_type_is(type_: str, epoch: int) -> None:
    [value] = fence_values(keys(type_), epoch) or ()
    assert canonical_value(type_, value) == value


@given(SPARE, EPOCH)
def test_a_fence_is_legal_in_paths_and_metastores(type_: str, epoch: int) -> None:
    assert name_problem(["k"], fence_values(keys(type_), epoch) or (), latin1=True) is None


@pytest.mark.parametrize("type_", ORDERED)
def test_a_fence_is_lower_than_data(type_: str) -> None:
    [value] = fence_values(keys(type_), 1023) or ()
    order = ORDERED[type_]
    assert order(value) < order(TYPICAL[type_])  # type: ignore[operator]


@given(SPARE, EPOCH)
def test_later_epochs_have_higher_fences(type_: str, epoch: int) -> None:
    order = ORDERED[type_]
    [[earlier], [later]] = [fence_values(keys(type_), n) or () for n in (epoch // 2, epoch // 2 + 1)]
    assert order(earlier) < order(later)  # type: ignore[operator]


@pytest.mark.parametrize("type_", ORDERED)
def test_data_is_no_fence(type_: str) -> None:
    assert not is_fence(keys(type_), (TYPICAL[type_],))


@given(st.text(max_size=40))
def test_no_text_is_taken_for_a_fence_unless_it_is_one(value: str) -> None:
    epoch = fence_epoch(keys("string"), (value,))
    assert epoch is None or fence_values(keys("string"), epoch) == (value,)


@pytest.mark.parametrize("value", ["!hotswap-fence-7", "!hotswap-fence-0000000007 ", "!hotswap-fence--000000007", "!"])
def test_what_only_looks_like_a_fence_is_none(value: str) -> None:
    assert not is_fence(keys("string"), (value,))


@pytest.mark.parametrize("types", [("boolean",), ("tinyint",), ("char(3)",), ("decimal(5,2)",), ("double",), ()])
def test_a_type_without_a_spare_value_has_no_fence(types: tuple[str, ...]) -> None:
    assert fence_values(keys(*types), 7) is None


def test_the_first_key_with_room_carries_the_epoch() -> None:
    assert fence_values(keys("boolean", "date", "string"), 7) == ("false", "0001-01-08", "!")


def test_an_epoch_beyond_one_keys_room_goes_to_the_next() -> None:
    wide = keys("smallint", "bigint")
    assert fence_values(wide, 1023) == ("-31745", str(-(2**63)))
    assert fence_values(wide, 1024) == ("-32768", str(-(2**63) + 1024))


@given(st.lists(st.sampled_from([*ORDERED, "boolean", "tinyint"]), min_size=1, max_size=3), st.integers(0, 5000))
def test_fences_of_several_keys_are_known_again(types: list[str], epoch: int) -> None:
    values = fence_values(keys(*types), epoch)
    assert values is None or fence_epoch(keys(*types), values) == epoch


def test_epochs_are_not_negative() -> None:
    with pytest.raises(ValueError, match="count up from 0"):
        fence_values(keys("int"), -1)


def test_a_tables_fences_are_listed_oldest_first() -> None:
    metastore, name = InMemoryMetastore(), TableName("default", "t")
    table = Table(name, (Column("a", "int"),), tuple(keys("int")), "file:/t", PARQUET)
    metastore.create_table(table)
    values = [("7",), *(fence_values(table.partition_keys, epoch) or () for epoch in (12, 3))]
    metastore.add_partitions(name, [Partition(v, "file:/t/x", table.columns, PARQUET) for v in values])
    assert list_fences(metastore, name) == (
        fence_values(table.partition_keys, 3),
        fence_values(table.partition_keys, 12),
    )
