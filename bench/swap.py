"""The swap alone: every partition of a table in one call, beside the bare call, one call a partition, and Spark SQL.

The bare call is hmsclient's generated client on the quickest protocol, its structs made before the clock starts: what
our own client adds to that is its overhead. Both take turns in going first, for the server is not equally quick after
either. What the protocol asks of the metastore besides (lock, fence, reads) is no overhead of the client, and measured
by itself.

python -m bench --only swap       10, 100, 1,000 and 10,000 partitions
python -m bench.swap --counts 10  some of them, on the metastore alone
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
PAIRS = ((10, 30), (100, 15), (1_000, 4))
"""Partitions, and so many pairs of both calls up to there; above two. A few milliseconds want many."""
PROTOCOL_RUNS = 5


Swap = Callable[[list[Partition]], Callable[[], None]]
"""Prepares a swap, and returns what is timed."""


@dataclass(frozen=True, slots=True)
class _Clients:
    ours: Metastore
    bare: ThriftHiveMetastore.Client
    spark: Any | None


def measure(folder: Path, counts: Sequence[int], runs: int, by_spark: bool = True) -> dict[str, dict[str, Any]]:
    """Partitions → seconds of each run and their medians, on a real metastore 2.3.10 (Derby)."""
    with Metastore23.start(folder / "metastore") as server:
        metastore = connect([server.uri])
        metastore.create_database("bench")
        spark = session(server.uri, folder / "warehouse", folder / "spark") if by_spark else None
        bare, transport = _bare(server.uri)
        try:
            clients = _Clients(metastore, bare, spark)
            return {str(count): _of(clients, folder, count, runs) for count in counts}
        finally:
            transport.close()
            if spark is not None:
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
    pairs = _pairs(clients, name, pairs_of(count))
    slow = _slow_ways(clients, name, count, runs)
    found = {"one_call": [ours.seconds for ours, _ in pairs], "bare_call": [bare.seconds for _, bare in pairs]} | slow
    medians = {f"{way}_median": round(median(seconds), 5) for way, seconds in found.items()}
    return {**found, **medians} | overhead(pairs) | {"protocol": _protocol(metastore, name)}


def pairs_of(count: int) -> int:
    """How many pairs are measured of so many partitions."""
    return next((pairs for most, pairs in PAIRS if count <= most), 2)


@dataclass(frozen=True, slots=True)
class Call:
    """Seconds on the clock, and of the client's processor."""

    seconds: float
    processor: float


def overhead(pairs: Sequence[tuple[Call, Call]]) -> dict[str, float]:
    """Of our client over the bare call, as shares of the bare call's time: by the clock, which has the server's ups and
    downs in it, and by the processor time that the clients themselves take. Medians of pairs.
    """
    bare = median(bare.seconds for _, bare in pairs)
    clock = median(ours.seconds - bare.seconds for ours, bare in pairs)
    processor = median(ours.processor - bare.processor for ours, bare in pairs)
    return {
        "overhead": round(clock / bare, 4),
        "overhead_seconds": round(clock, 5),
        "processor_overhead": round(processor / bare, 4),
        "processor_overhead_seconds": round(processor, 5),
    }


def _pairs(clients: _Clients, name: TableName, pairs: int) -> list[tuple[Call, Call]]:
    """Ours and the bare one; the first pair warms up."""
    ways: tuple[Swap, Swap] = (
        lambda moved: lambda: clients.ours.alter_partitions(name, moved),
        lambda moved: _bare_call(clients.bare, name, moved),
    )
    found = []
    for number in range(pairs + 1):
        order = (0, 1) if number % 2 else (1, 0)
        calls = {way: _timed(clients.ours, name, f"pair-{number}-{way}", ways[way]) for way in order}
        found.append((calls[0], calls[1]))
    return found[1:]


def _slow_ways(clients: _Clients, name: TableName, count: int, runs: int) -> dict[str, list[float]]:
    ways: dict[str, Swap] = {}
    if count <= MOST_ONE_BY_ONE:
        ways["one_by_one"] = lambda moved: lambda: _one_by_one(clients.ours, name, moved)
    if clients.spark is not None and count <= MOST_BY_SPARK:
        ways["spark_sql"] = lambda moved: lambda: _by_spark(clients.spark, name, moved)
    runs = runs if count < MOST_ONE_BY_ONE else min(runs, 2)
    return {
        way: [_timed(clients.ours, name, f"{way}-{run}", swap).seconds for run in range(runs + 1)][1:]
        for way, swap in ways.items()
    }


def _protocol(metastore: Metastore, name: TableName) -> dict[str, float]:
    """Median seconds of what a batch of these partitions asks the metastore besides the swap, in its order."""
    values = metastore.partition_names(name)
    locks: list[int] = []

    def lock() -> None:
        locks.append(metastore.lock(name, "bench", "localhost", "bench swap").id)

    calls: dict[str, Callable[[], object]] = {
        "lock": lock,
        "look for the fence": lambda: metastore.partitions(name, values[:1]),
        "read the table": lambda: metastore.table(name),
        "read the partitions": lambda: metastore.partitions(name, values),
        "check them before the swap": lambda: metastore.partitions(name, values),
        "ask for the lock": lambda: metastore.heartbeat(locks[-1]),
        "read them back": lambda: metastore.partitions(name, values),
        "unlock": lambda: metastore.unlock(locks[-1]),
    }
    runs = [{what: _clocked(call).seconds for what, call in calls.items()} for _ in range(PROTOCOL_RUNS)]
    return {what: round(median(run[what] for run in runs), 5) for what in calls}


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


def _timed(metastore: Metastore, name: TableName, to: str, swap: Swap) -> Call:
    call = _clocked(swap(_moved(metastore, name, to)))
    strays = [p.location for p in metastore.all_partitions(name) if f"/{to}/" not in p.location]
    if strays:
        raise AssertionError(f"{len(strays)} partitions of {name} were not moved, {strays[0]} for one")
    return call


def _clocked(carry_out: Callable[[], object]) -> Call:
    started, processor = time.perf_counter(), time.thread_time()
    carry_out()
    return Call(round(time.perf_counter() - started, 5), round(time.thread_time() - processor, 5))


def _moved(metastore: Metastore, name: TableName, to: str) -> list[Partition]:
    found = sorted(metastore.all_partitions(name), key=lambda partition: partition.values)
    return [
        replace(p, location=f"{p.location.rpartition('/')[0].rpartition('/')[0]}/{to}/{p.values[0]}") for p in found
    ]


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.swap", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1_000])
    parser.add_argument("--runs", type=int, default=2, help="of one call a partition")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hotswap-swap-") as folder:
        print(json.dumps(measure(Path(folder), chosen.counts, chosen.runs, by_spark=False)))


if __name__ == "__main__":
    main()
