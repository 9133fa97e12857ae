"""Tables that a swap cannot keep are refused at the start, and stop a loader that runs before its next batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import UnsuitableTable
from loader.publish.suitable import check_format, check_suitable, partition_problem
from metastore.api import ORC, PARQUET, Column, Partition, Table
from metastore.memory import InMemoryMetastore
from tests.world import COLUMNS, KEYS, TABLE, Source, create_table, open_world, run_batch, visible

PLAIN = Table(TABLE, tuple(Column(name, kind) for name, kind in COLUMNS), KEYS, "file:///t", PARQUET)
HUDI = replace(PARQUET, input_format="org.apache.hudi.hadoop.HoodieParquetInputFormat")
SYMLINKS = replace(PARQUET, input_format="org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat")

Change = Callable[[Table], Table]


def having(**parameters: str) -> Change:
    named = {name.replace("__", "."): value for name, value in parameters.items()}
    return lambda table: replace(table, parameters={**table.parameters, **named})


def in_serde(name: str, value: str) -> Change:
    return lambda table: replace(table, format=replace(table.format, serde_parameters={name: value}))


BAD: dict[str, Change] = {
    "clustered": lambda table: replace(table, bucketed_by=("id",)),
    "skewed": lambda table: replace(table, skewed_by=("id",)),
    "managed": lambda table: replace(table, kind="MANAGED_TABLE"),
    "spark's own": having(spark__sql__sources__provider="parquet"),
    "delta": having(spark__sql__sources__provider="delta"),
    "buckets that only Spark sees": having(spark__sql__sources__schema__numBuckets="4"),
    "storage handler": having(storage_handler="org.apache.hadoop.hive.hbase.HBaseStorageHandler"),
    "iceberg": having(table_type="ICEBERG"),
    "avro url": having(avro__schema__url="hdfs:///x.avsc"),
    "avro literal in the serde": in_serde("avro.schema.literal", "{}"),
    "transactional": having(transactional="TRUE"),
    "header": having(skip__header__line__count="1"),
    "projected": having(projection__enabled="true"),
}
FORMATS: dict[str, Change] = {
    "orc": lambda table: replace(table, format=ORC),
    "hudi": lambda table: replace(table, format=HUDI),
    "symlinks": lambda table: replace(table, format=SYMLINKS),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_a_table_that_a_swap_cannot_keep_is_refused(change: Change) -> None:
    with pytest.raises(UnsuitableTable, match=r"ads\.clicks") as refused:
        check_suitable(change(PLAIN))
    assert refused.value.hint


@pytest.mark.parametrize("change", FORMATS.values(), ids=FORMATS)
def test_a_table_that_is_read_by_another_class_is_refused(change: Change) -> None:
    with pytest.raises(UnsuitableTable, match="is read by"):
        check_format(change(PLAIN), PARQUET)


@pytest.mark.parametrize(
    "change",
    [
        having(),
        having(transactional="false", skip__header__line__count="0", table_type="EXTERNAL_TABLE"),
        having(spark__sql__create__version="4.2.0", spark__sql__sources__schema="{}"),
        having(spark__sql__sources__provider="hive", bucketing_version="2"),
    ],
)
def test_a_plain_table_is_taken_whatever_spark_has_noted_beside(change: Change) -> None:
    check_suitable(change(PLAIN))
    check_format(change(PLAIN), PARQUET)


@pytest.mark.parametrize("change", [*BAD.values(), *FORMATS.values()], ids=[*BAD, *FORMATS])
def test_a_table_that_becomes_one_stops_the_next_batch_and_loses_nothing(tmp_path: Path, change: Change) -> None:
    store, source = InMemoryMetastore("2.3.10", clock=lambda: 0.0), Source()
    create_table(store, tmp_path / "clicks")
    env = open_world(store, tmp_path / "clicks", "loader")
    source.put("a", "mon", 1)
    run_batch(env, source)
    source.put("a", "tue", 2)
    store.replace_table(change(store.table(TABLE)))
    with pytest.raises(UnsuitableTable):
        run_batch(env, source)
    assert visible(store) == {"a": ("mon", 1)}
    assert source.dirty == {b"a"}


@pytest.mark.parametrize(
    "partition",
    [
        Partition(("mon",), "file:///t/day=mon", PLAIN.columns, PARQUET, bucketed_by=("id",)),
        Partition(("mon",), "file:///t/day=mon", PLAIN.columns, PARQUET, skewed_by=("id",)),
        Partition(("mon",), "file:///t/day=mon", PLAIN.columns, ORC),
        Partition(("mon",), "file:///t/day=mon", PLAIN.columns, SYMLINKS),
    ],
)
def test_a_partition_of_such_a_kind_is_not_adopted(partition: Partition) -> None:
    assert partition_problem(partition, PARQUET) is not None
