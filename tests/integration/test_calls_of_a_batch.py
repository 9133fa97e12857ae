"""What goes over the wire to a real metastore: the client knows the partition keys, and notices when they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metastore.api import Column, Partition
from metastore.errors import NoSuchTable
from tests.integration.line import ALTER, DAYS, Line, loaded_line
from tests.world import TABLE, run_batch

OF_A_BATCH = [
    "lock",
    "get_partitions_by_names",
    "get_table_req",
    "get_partitions_by_names",
    "get_partitions_by_names",
    "heartbeat",
    ALTER,
    "get_partitions_by_names",
    "unlock",
]


@pytest.fixture
def line(each_hms: Any, tmp_path: Path) -> Iterator[Line]:
    with loaded_line(each_hms, tmp_path / "clicks") as line:
        yield line


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_batch_makes_these_calls_and_no_more(line: Line, partitions: int) -> None:
    env = line.open("counted")
    line.source.put("k0", "mon", 1_000)
    run_batch(env, line.source)  # a run's first batch makes its fence
    before = len(line.proxy.seen)
    for number in range(partitions):
        line.source.put(f"k{number}", DAYS[number], 2_000)
    run_batch(env, line.source)
    assert line.proxy.seen[before:] == OF_A_BATCH


def test_a_table_that_is_made_anew_with_other_keys_is_read_by_those(line: Line) -> None:
    store = line.open("reads").metastore
    assert store.partitions(TABLE, [("mon",)])
    table = line.beside.table(TABLE)
    line.beside.drop_table(TABLE)
    line.beside.create_table(replace(table, partition_keys=(Column("week", "string"),), rest=None))
    partition = Partition(("mon",), f"{table.location}/anew", table.columns, table.format)
    line.beside.add_partitions(TABLE, [partition])
    assert [found.location for found in store.partitions(TABLE, [("mon",)])] == [partition.location]


def test_a_table_that_is_dropped_is_missed(line: Line) -> None:
    store = line.open("reads").metastore
    assert store.partitions(TABLE, [("mon",)])
    table = line.beside.table(TABLE)
    line.beside.drop_table(TABLE)
    with pytest.raises(NoSuchTable):
        store.partitions(TABLE, [("mon",)])
    line.beside.create_table(table)
