"""The oracle on real servers: whatever was done to HBase, Hive shows after each batch what a plain HBase scan shows.

HOTSWAP_SEED chooses the sequence, HOTSWAP_ORACLE_OPERATIONS its length (default 2000). What no window can see is left
out; `oracle/dice.py` lists it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from tests.integration.oracle.kept import Kept, fresh_name, keep
from tests.integration.oracle.oracle import Oracle, Round, pool_of
from tests.integration.oracle.truth import BY_COLUMN, BY_KEY, Shape

SEED = int(os.environ.get("HOTSWAP_SEED", "20260701"))
OPERATIONS = int(os.environ.get("HOTSWAP_ORACLE_OPERATIONS", "2000"))

KEEP_MARKERS = {"VERSIONS": "1000", "hbase.hstore.time.to.purge.deletes": "3600000"}
"""A compaction between two batches must not take markers away, nor versions that a delete would bring back."""

NewKept = Callable[..., Kept]


@pytest.fixture
def kept(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[NewKept]:
    """A configured and initialised table of a shape."""
    made: list[str] = []

    def make(shape: Shape, **options: str) -> Kept:
        name = fresh_name(shape.name)
        hbase.create_table(name, ["d", "e", "x"], splits=[b"ad00100"], settings=KEEP_MARKERS)
        made.append(name)
        table = keep(tmp_path, hbase.thrift, hms.uri, name, f"default.{name}", shape.settings, **options)
        table.initialise()
        return table

    yield make
    for name in made:
        hbase.drop(name)


def stirred(hbase: Any, table: str) -> tuple[tuple[float, Callable[[], None]], ...]:
    """Files are written and compacted in the middle of a round; only on an HBase of ours."""
    if not isinstance(hbase, HBase):
        return ()
    return (
        (0.2, lambda: hbase.flush(table)),
        (0.4, lambda: hbase.flush(table)),
        (0.5, lambda: hbase.minor_compact(table)),
        (0.7, lambda: hbase.flush(table)),
        (0.8, lambda: hbase.major_compact(table)),
    )


def rounds_of(operations: int, hbase: Any, table: str) -> list[Round]:
    """A first load, then every kind of round."""
    first, each = operations * 3 // 10, operations // 10
    return [
        Round(first),
        Round(each),
        Round(each, deep=True),
        Round(each, stir=stirred(hbase, table)),
        Round(each, restart=True),
        Round(each, busy=True),
        Round(each, deep=True, restart=True, stir=stirred(hbase, table)),
        Round(each, deletes=8.0),
    ]


def check(shape: Shape, kept: NewKept, hbase: Any, spark: Any, operations: int, seed: int = SEED) -> None:
    table = kept(shape)
    oracle = Oracle(table, shape, spark, seed, pool_of(shape, seed, operations // 6))
    oracle.run(rounds_of(operations, hbase, table.table.hbase_table))


def test_hive_equals_hbase_after_every_batch(hbase: Any, kept: NewKept, spark: Any) -> None:
    check(BY_COLUMN, kept, hbase, spark, OPERATIONS)


def test_hive_equals_hbase_where_partitions_follow_from_the_key(hbase: Any, kept: NewKept, spark: Any) -> None:
    check(BY_KEY, kept, hbase, spark, OPERATIONS // 2)
