"""The oracle on real servers: whatever was done to HBase, Hive shows after each batch what a plain HBase scan shows.

HOTSWAP_SEED chooses the sequence, HOTSWAP_ORACLE_OPERATIONS its length (default 1000). What no window can see happens
in rounds of its own, which end with a reconcile; `oracle/dice.py` lists it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.wiring.table import now_ms
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.integration.oracle.kept import Kept, fresh_name, keep
from tests.integration.oracle.operations import Delete, Deletes, Put, Puts
from tests.integration.oracle.oracle import Oracle, Round, pool_of
from tests.integration.oracle.truth import BY_COLUMN, BY_KEY, Shape

SEED = int(os.environ.get("HOTSWAP_SEED", "20260701"))
OPERATIONS = int(os.environ.get("HOTSWAP_ORACLE_OPERATIONS", "1000"))

KEEP_MARKERS = {"VERSIONS": "1000", "hbase.hstore.time.to.purge.deletes": "3600000"}
"""A compaction between two batches must not take markers away, nor versions that a delete would bring back."""

NewKept = Callable[..., Kept]


@pytest.fixture
def kept(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[NewKept]:
    """A configured and initialised table of a shape."""
    made: list[Kept] = []

    def make(shape: Shape, **options: str) -> Kept:
        name = fresh_name(shape.name)
        hbase.create_table(name, ["d", "e", "x"], splits=[b"ad00100"], settings=KEEP_MARKERS)
        table = keep(tmp_path, hbase.thrift, hms.uri, name, f"default.{name}", shape.settings, **options)
        made.append(table)
        table.initialise()
        return table

    yield make
    if isinstance(hbase, HBase):
        hbase.set_clock(None)  # a failed round may have left it standing
    for table in made:
        table.drop()
        hbase.drop(table.table.hbase_table)


def stirred(hbase: Any, table: str) -> tuple[tuple[float, Callable[[], None]], ...]:
    """Files are written and compacted in the middle of a round; only on an HBase of ours."""
    if not isinstance(hbase, HBase):
        return ()
    return (
        (0.1, lambda: hbase.flush(table)),
        (0.4, lambda: hbase.flush(table)),
        (0.5, lambda: hbase.minor_compact(table)),
        (0.7, lambda: hbase.flush(table)),
        (0.8, lambda: hbase.major_compact(table)),
    )


def split(hbase: Any, table: str, key: bytes) -> tuple[tuple[float, Callable[[], None]], ...]:
    """A region becomes two; only on an HBase of ours."""
    return ((0.3, lambda: hbase.split(table, key)),) if isinstance(hbase, HBase) else ()


def frozen(hbase: Any) -> tuple[tuple[float, Callable[[], None]], ...]:
    """The server's clock stands still: puts and deletes without a timestamp share one millisecond."""
    if not isinstance(hbase, HBase):
        return ()
    return ((0.1, lambda: hbase.set_clock(now_ms())), (0.8, lambda: hbase.set_clock(None)))


def rounds_of(operations: int, hbase: Any, table: str) -> list[Round]:
    """A first load, then every kind of round."""
    each = operations // 10
    return [
        Round(each),
        Round(each),
        Round(each, deep=True),
        Round(each, stir=stirred(hbase, table)),
        Round(each, restart=True, stir=split(hbase, table, b"ad00050")),
        Round(each, busy=True, stir=split(hbase, table, b"m")),
        Round(each, deep=True, restart=True, stir=stirred(hbase, table)),
        Round(each, stir=frozen(hbase)),
        Round(each, reconcile=True, stir=stirred(hbase, table)),
        Round(each, deletes=8.0, restart=True),
    ]


def check(shape: Shape, table: Kept, hbase: Any, spark: Any, operations: int, seed: int = SEED, every: int = 1) -> None:
    """`every`: 2 leaves out every second kind of round."""
    oracle = Oracle(table, shape, spark, seed, pool_of(shape, seed, operations // 6))
    oracle.run(rounds_of(operations, hbase, table.table.hbase_table)[::every])


def test_hive_equals_hbase_after_every_batch(hbase: Any, kept: NewKept, spark: Any) -> None:
    check(BY_COLUMN, kept(BY_COLUMN), hbase, spark, OPERATIONS)


def test_hive_equals_hbase_where_partitions_follow_from_the_key(hbase: Any, kept: NewKept, spark: Any) -> None:
    check(BY_KEY, kept(BY_KEY), hbase, spark, OPERATIONS // 2, every=2)


# Growing and shrinking

MANY = [b"row%05d" % number for number in range(3000)]


def load(keys: list[bytes]) -> Puts:
    return Puts(tuple(Put(key, ((b"d", b"campaign", b"red"), (b"d", b"title", key))) for key in keys))


def unload(keys: list[bytes]) -> Deletes:
    return Deletes(tuple(Delete(key) for key in keys))


def test_hive_equals_hbase_while_partitions_grow_and_shrink(kept: NewKept, spark: Any) -> None:
    table = kept(BY_COLUMN, max_delete_share="100%")
    oracle = Oracle(table, BY_COLUMN, spark, SEED, MANY[::10], (b"red", b"red", b"blue"))
    oracle.loop.rules = PlanRules(sizing=SizingRules(rows_before_measured=200))
    each = OPERATIONS // 20
    oracle.run(
        [
            Round(each, first=(load(MANY[:500]),)),
            Round(each, first=(load(MANY[500:1500]), load(MANY[1500:]))),
            Round(each),
            Round(each, first=(unload(MANY[:1400]), unload(MANY[1400:2700]))),
            Round(each, first=(unload(MANY[2700:]),), deletes=8.0),
        ]
    )
    files = [splits["campaign=red"] for splits in oracle.splits]
    assert files[0] < files[2] > files[-1], f"files of one partition, round by round: {files}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shape", [BY_COLUMN, BY_KEY], ids=lambda shape: shape.name)
@pytest.mark.parametrize("seed", range(SEED + 1, SEED + 11))
def test_hive_equals_hbase_over_longer_sequences(
    hbase: Any, kept: NewKept, spark: Any, shape: Shape, seed: int
) -> None:
    """100,000 operations in all, in twenty pieces."""
    check(shape, kept(shape), hbase, spark, OPERATIONS * 5, seed)
