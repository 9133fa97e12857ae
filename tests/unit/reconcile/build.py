"""The dict source of tests/world.py as a source of ranges, and a comparison of it with the table."""

import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from loader.mapping.rejected import Rejected
from loader.ops.reconcile.run import Reconcile, Rules
from loader.ops.reconcile.tally import Outcome, Progress
from loader.sources.hbase.key_ranges import Block
from loader.state.open_table import Environment
from partitioner.values import ColumnSpec, PartitionValues
from tests.world import COLUMNS, Source, raw_keys


@dataclass
class DictRanges:
    """`stamps`: the newest cell of a key, where it is not older than anything that counts."""

    source: Source
    splits: tuple[bytes, ...] = ()
    size: int = 4
    stamps: dict[bytes, int] = field(default_factory=dict)
    bad: frozenset[bytes] = frozenset()
    on_block: Callable[[list[bytes]], object] = lambda keys: None

    def regions(self) -> tuple[tuple[bytes, bytes], ...]:
        edges = (b"", *self.splits, b"")
        return tuple(itertools.pairwise(edges))

    def blocks(self, start: bytes, stop: bytes) -> Iterator[Block]:
        yield from self._blocks(sorted(key for key in self.source.rows if key >= start and (not stop or key < stop)))

    def sampled(self, start: bytes, stop: bytes, chance: float) -> Iterator[Block]:
        for block in self.blocks(start, stop):
            kept = [zlib.crc32(key) < chance * 2**32 for key in block.keys.to_pylist()]
            targets = [target for target, keep in zip(block.targets, kept, strict=True) if keep]
            yield replace(block, keys=block.keys.filter(kept), table=block.table.filter(kept), targets=targets)

    def rows(self, keys: list[bytes]) -> Iterator[Block]:
        yield from self._blocks([key for key in keys if key in self.source.rows])

    def touched_since(self, keys: list[bytes], low_ms: int) -> set[bytes]:
        return {key for key in keys if self.stamps.get(key, -1) >= low_ms}

    def _blocks(self, keys: list[bytes]) -> Iterator[Block]:
        for first in range(0, len(keys), self.size):
            these = keys[first : first + self.size]
            self.on_block(these)
            yield self._block([key for key in these if key in self.source.rows], these[-1])

    def _block(self, keys: list[bytes], last: bytes) -> Block:
        good = [key for key in keys if key not in self.bad]
        days = sorted({self.source.rows[key][0] for key in good})
        table = pa.table(
            {
                "id": pa.array([key.decode() for key in good], pa.string()),
                "clicks": pa.array([self.source.rows[key][1] for key in good], pa.int64()),
            }
        )
        rejected = tuple(Rejected(key, "bad", ()) for key in keys if key in self.bad)
        targets = [days.index(self.source.rows[key][0]) for key in good]
        partitions = tuple((day,) for day in days)
        return Block(pa.array(good, pa.binary()), [1] * len(good), table, partitions, targets, rejected, last)


@dataclass(frozen=True)
class PlainMapping:
    """That of tests/world.py."""

    columns: tuple[ColumnSpec, ...] = COLUMNS
    digest: str = "m1"
    partition_from_key: bool = False

    def raw_keys(self, batch: pa.RecordBatch, partition: PartitionValues) -> pa.Array:
        return raw_keys(batch, partition)


def refuse(extra: int, rows: int) -> None:
    raise AssertionError(f"asked to confirm {extra} of {rows}")


def comparison(
    env: Environment,
    ranges: DictRanges,
    rules: Rules | None = None,
    confirm: Callable[[int, int], None] = refuse,
    told: Callable[[Progress], None] = lambda progress: None,
    piece_rows: int = 6,
) -> Reconcile:
    return Reconcile(env, ranges, PlainMapping(), rules or Rules(wait_s=0), confirm, told, piece_rows=piece_rows)


def found(outcome: Outcome) -> dict[str, list[str]]:
    """Kind → keys."""
    return {kind: sorted(drift.key.decode() for drift in samples) for kind, samples in outcome.samples.items()}
