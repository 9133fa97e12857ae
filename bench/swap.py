"""The swap alone: every partition of a table in one call, beside the bare call, one call a partition, and Spark SQL.

The bare call is hmsclient's generated client on the quickest protocol, its structs made before the clock starts: what
our own client adds to that is its overhead.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count as counter
from pathlib import Path
from statistics import median
from typing import Any

from hmsclient.genthrift.hive_metastore import ThriftHiveMetastore, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from devservers.metastore import Metastore23
from devservers.spark import session
from metastore import translate
from metastore.api import PARQUET, Column, Metastore, Partition, Table, TableName
from metastore.client import connect

COLUMNS = tuple(Column(f"c{number}", "string") for number in range(10))
KEYS = (Column("p", "string"),)
MOST_ONE_BY_ONE = 1_000
"""Above, one call a partition takes minutes and tells nothing new; so does Spark SQL, above `MOST_BY_SPARK`."""
MOST_BY_SPARK = 100
MANY = 1_000
"""From here on a call takes seconds: two warm runs of each."""


@dataclass(frozen=True, slots=True)
class _Clients:
    ours: Metastore
    bare: ThriftHiveMetastore.Client
    spark: Any


def measure(folder: Path, counts: Sequence[int], runs: int) -> dict[str, dict[str, Any]]:
    """Partitions → seconds of each run and their medians, on a real metastore 2.3.10 (Derby)."""
    with Metastore23.start(folder / "metastore") as server:
        metastore = connect([server.uri])
        metastore.create_database("bench")
        spark = session(server.uri, folder / "warehouse", folder / "spark")
        bare, transport = _bare(server.uri)
        try:
            clients = _Clients(metastore, bare, spark)
            return {str(count): _of(clients, folder, count, runs if count < MANY else min(runs, 2)) for count in counts}
        finally:
            transport.close()
            spark.stop()
            metastore.close()


def _bare(uri: str) -> tuple[ThriftHiveMetastore.Client, TBufferedTransport]:
    host, _, port = uri.removeprefix("thrift://").partition(":")
    transport = TBufferedTransport(TSocket(host, int(port)), 1 << 16)
    transport.open()
    return ThriftHiveMetastore.Client(TBinaryProtocolAccelerated(transport)), transport


def _of(clients: _Clients, folder: Path, count: int, runs: int) -> dict[str, Any]:
    metastore, name = clients.ours, TableName("bench", f"swap_{count}")
    location = folder / name.table
    location.mkdir()
    metastore.create_table(Table(name, COLUMNS, KEYS, f"file://{location}", PARQUET, parameters={"EXTERNAL": "TRUE"}))
    partitions = [Partition((f"{n:05d}",), f"file://{location}/first/{n}", COLUMNS, PARQUET, {}) for n in range(count)]
    metastore.add_partitions(name, partitions)
    found: dict[str, list[float]] = {}
    numbers = counter()
    for run in range(runs + 1):  # ours and the bare one in turn, so that both meet the same server
        for way, swap in _ways(clients, name, count).items():
            seconds = _timed(metastore, name, f"{way}-{next(numbers)}", swap)
            if run:
                found.setdefault(way, []).append(round(seconds, 5))
    return {**found, **{f"{way}_median": median(seconds) for way, seconds in found.items()}} | _overhead(found)


def _overhead(found: dict[str, list[float]]) -> dict[str, float]:
    """Of our client over the bare call, as a share of it; the least of each, which other load disturbs least."""
    return {"overhead": round(min(found["one_call"]) / min(found["bare_call"]) - 1, 4)}


def _ways(clients: _Clients, name: TableName, count: int) -> dict[str, Callable[[list[Partition]], Callable[[], None]]]:
    """Each prepares a swap, and returns what is timed."""
    ways: dict[str, Callable[[list[Partition]], Callable[[], None]]] = {
        "one_call": lambda moved: lambda: clients.ours.alter_partitions(name, moved),
        "bare_call": lambda moved: _bare_call(clients.bare, name, moved),
    }
    if count <= MOST_ONE_BY_ONE:
        ways["one_by_one"] = lambda moved: lambda: _one_by_one(clients.ours, name, moved)
    if count <= MOST_BY_SPARK:
        ways["spark_sql"] = lambda moved: lambda: _by_spark(clients.spark, name, moved)
    return ways


def _bare_call(client: ThriftHiveMetastore.Client, name: TableName, moved: list[Partition]) -> Callable[[], None]:
    raw = [translate.partition_to(name, partition) for partition in moved]
    context = ttypes.EnvironmentContext({"DO_NOT_UPDATE_STATS": "true"})
    return lambda: client.alter_partitions_with_environment_context(name.database, name.table, raw, context)


def _one_by_one(metastore: Metastore, name: TableName, moved: list[Partition]) -> None:
    for partition in moved:
        metastore.alter_partitions(name, [partition])


def _by_spark(spark: Any, name: TableName, moved: list[Partition]) -> None:
    for partition in moved:
        spark.sql(f"alter table {name} partition (p='{partition.values[0]}') set location '{partition.location}'")


def _timed(
    metastore: Metastore, name: TableName, to: str, swap: Callable[[list[Partition]], Callable[[], None]]
) -> float:
    carry_out = swap(_moved(metastore, name, to))
    started = time.perf_counter()
    carry_out()
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
