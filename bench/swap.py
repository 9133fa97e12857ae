"""The swap alone: every partition of a table in one call, against one call a partition."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from devservers.metastore import Metastore23
from metastore.api import PARQUET, Column, Metastore, Partition, Table, TableName
from metastore.client import connect

COLUMNS = tuple(Column(f"c{number}", "string") for number in range(10))
KEYS = (Column("p", "string"),)


def measure(folder: Path, counts: Sequence[int], runs: int) -> dict[str, dict[str, list[float]]]:
    """Partitions → seconds of each run, `one_call` and `one_by_one`, on a real metastore 2.3.10."""
    with Metastore23.start(folder / "metastore") as server:
        metastore = connect([server.uri])
        metastore.create_database("bench")
        try:
            return {str(count): _of(metastore, folder, count, runs) for count in counts}
        finally:
            metastore.close()


def _of(metastore: Metastore, folder: Path, count: int, runs: int) -> dict[str, list[float]]:
    name = TableName("bench", f"swap_{count}")
    location = folder / name.table
    location.mkdir()
    metastore.create_table(Table(name, COLUMNS, KEYS, f"file://{location}", PARQUET, parameters={"EXTERNAL": "TRUE"}))
    partitions = [Partition((f"{n:05d}",), f"file://{location}/first/{n}", COLUMNS, PARQUET, {}) for n in range(count)]
    metastore.add_partitions(name, partitions)
    return {
        "one_call": [_one_call(metastore, name, f"call-{run}") for run in range(runs + 1)][1:],
        "one_by_one": [_one_by_one(metastore, name, f"each-{run}") for run in range(runs + 1)][1:],
    }


def _one_call(metastore: Metastore, name: TableName, to: str) -> float:
    moved = _moved(metastore, name, to)
    started = time.perf_counter()
    metastore.alter_partitions(name, moved)
    return _checked(metastore, name, to, time.perf_counter() - started)


def _one_by_one(metastore: Metastore, name: TableName, to: str) -> float:
    moved = _moved(metastore, name, to)
    started = time.perf_counter()
    for partition in moved:
        metastore.alter_partitions(name, [partition])
    return _checked(metastore, name, to, time.perf_counter() - started)


def _moved(metastore: Metastore, name: TableName, to: str) -> list[Partition]:
    found = sorted(metastore.all_partitions(name), key=lambda partition: partition.values)
    return [
        replace(p, location=f"{p.location.rpartition('/')[0].rpartition('/')[0]}/{to}/{p.values[0]}") for p in found
    ]


def _checked(metastore: Metastore, name: TableName, to: str, seconds: float) -> float:
    strays = [p.location for p in metastore.all_partitions(name) if f"/{to}/" not in p.location]
    if strays:
        raise AssertionError(f"{len(strays)} partitions of {name} were not moved, {strays[0]} for one")
    return seconds
