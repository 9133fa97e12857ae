"""Two streams of entries in key order, compared step by step. Pure; memory is two blocks."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.ops.reconcile.digests import ENTRY
from loader.ops.reconcile.values import Drift, DriftKind


@dataclass(frozen=True, slots=True)
class Step:
    """Everything up to and including key `upto` has been compared."""

    upto: bytes
    hbase_rows: int
    hive_rows: int
    drift: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """A block of HBase's entries. `last`: the last key looked at; `rejected`: keys that cannot be decoded."""

    entries: pa.Table
    last: bytes
    rejected: frozenset[bytes] = frozenset()


def compare(hbase: Iterator[Looked], hive: Iterator[pa.Table]) -> Iterator[Step]:
    """Both of one range of keys, sorted by key; Hive may hold a key twice. Rejected keys are left out on both sides."""
    mine = _Hive(hive)
    for looked in hbase:
        rest = looked
        while (block := mine.ends_before(rest.last)) is not None:
            upto = block["key"][-1].as_py()
            yield _step(_upto(rest, upto), block, upto)
            rest = _after(rest, upto)
        yield _step(rest, mine.upto(rest.last), rest.last)
    for block in mine.rest():
        last = block["key"][-1].as_py()
        yield _step(Looked(ENTRY.empty_table(), last), block, last)


class _Hive:
    """Hive's blocks, cut where the comparison wants them."""

    def __init__(self, blocks: Iterator[pa.Table]) -> None:
        self._blocks = blocks
        self._rest = ENTRY.empty_table()

    def ends_before(self, key: bytes) -> pa.Table | None:
        """The next block whole, if its last key is before `key`; keys that stand twice are never cut apart."""
        block = self._next()
        if not len(block) or block["key"][-1].as_py() >= key:
            self._rest = block
            return None
        return block

    def upto(self, key: bytes) -> pa.Table:
        block = self._next()
        cut = bisect_right(block["key"].to_pylist(), key)
        self._rest = block.slice(cut)
        return block.slice(0, cut)

    def rest(self) -> Iterator[pa.Table]:
        while len(block := self._next()):
            yield block

    def _next(self) -> pa.Table:
        """A block that ends where its last key ends: the rows of one key stay together."""
        block, self._rest = self._rest, ENTRY.empty_table()
        while True:
            following = next(self._blocks, None)
            if following is None:
                return block
            if not len(following):
                continue
            if not len(block):
                block = following
                continue
            if following["key"][0].as_py() == block["key"][-1].as_py():
                block = pa.concat_tables([block, following])
                continue
            self._blocks = _pushed_back(following, self._blocks)
            return block


def _pushed_back(block: pa.Table, blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield block
    yield from blocks


def _upto(looked: Looked, key: bytes) -> Looked:
    cut = bisect_right(looked.entries["key"].to_pylist(), key)
    return Looked(looked.entries.slice(0, cut), key, looked.rejected)


def _after(looked: Looked, key: bytes) -> Looked:
    cut = bisect_right(looked.entries["key"].to_pylist(), key)
    return Looked(looked.entries.slice(cut), looked.last, looked.rejected)


def _step(looked: Looked, hive: pa.Table, upto: bytes) -> Step:
    if looked.rejected:
        hive = hive.filter(pc.invert(pc.is_in(hive["key"], pa.array(sorted(looked.rejected), pa.binary()))))
    return Step(upto, len(looked.entries), len(hive), tuple(_drift(looked.entries, hive)))


def _drift(hbase: pa.Table, hive: pa.Table) -> Iterator[Drift]:
    places = pc.index_in(hbase["key"], hive["key"]).combine_chunks()
    missing = hbase.filter(pc.is_null(places))
    yield from (Drift(key, DriftKind.MISSING, name) for key, name in _pairs(missing))
    known = pc.is_valid(places)
    there, here = hive.take(pc.drop_null(places)), hbase.filter(known)
    other = pc.not_equal(here["digest"], there["digest"])
    yield from (Drift(key, DriftKind.DIFFERENT, name) for key, name in _pairs(there.filter(other)))
    extra = hive.filter(pc.invert(pc.is_in(hive["key"], hbase["key"])))
    yield from (Drift(key, DriftKind.EXTRA, name) for key, name in _pairs(extra))
    if pc.count_distinct(hive["key"]).as_py() != len(hive):
        counts = pc.value_counts(hive["key"])
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        first = hive.take(pc.index_in(twice, hive["key"]))
        yield from (Drift(key, DriftKind.DOUBLED, name) for key, name in _pairs(first))


def _pairs(entries: pa.Table) -> Iterator[tuple[bytes, str]]:
    yield from zip(entries["key"].to_pylist(), entries["partition"].to_pylist(), strict=True)
