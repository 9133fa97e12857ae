"""One split: the rows of its files and its changes in, its rows after the batch out. Pure, streaming, in Arrow.

Memory: one batch, the split's changes, and (only under a rule that combines) the rows that they replace. Rows that stay
keep their order; the changes' rows follow them, so the result does not depend on where batches end.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changes.change_set import Routed
from partitioner.changes.keys_in_bucket import keys_within
from partitioner.changes.probe import found_among
from partitioner.errors import SAMPLE_KEYS, DriftError, InvalidChange
from partitioner.merge.conform import conform, conform_table
from partitioner.merge.rules import NEWEST_WINS, Combine, MergeRule
from partitioner.planning.routing import KIND
from partitioner.values import Bucket, SplitId

Keys = Callable[[pa.RecordBatch], pa.Array]
"""The raw keys (binary) of a batch's rows."""

MUST_BE_THERE = (Routed.UPDATE, Routed.DELETE, Routed.MOVE_OUT)
MUST_NOT_BE_THERE = (Routed.INSERT, Routed.MOVE_IN)
LEAVES_A_ROW = (Routed.INSERT, Routed.UPDATE, Routed.MOVE_IN, Routed.UPSERT)


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """The books of one split: before − deleted − moved_out + inserted + moved_in = after."""

    before: int
    inserted: int
    updated: int
    deleted: int
    moved_out: int
    moved_in: int

    @property
    def after(self) -> int:
        return self.before - self.deleted - self.moved_out + self.inserted + self.moved_in


def merge_split(
    batches: Iterable[tuple[Bucket, pa.RecordBatch]],
    keys: Keys,
    changes: pa.Table,
    schema: pa.Schema,
    *,
    split: SplitId,
    rule: MergeRule = NEWEST_WINS,
) -> Generator[pa.RecordBatch, None, MergeCounts]:
    """Yield the split's rows as batches of `schema`; return its books.

    `batches`: existing rows, each batch with the bucket that its file claims; rows of another bucket than `split`'s
    (a resize) are left out. `changes`: one split's part of `RoutedChanges`. `schema`: data columns; dictionary columns
    stay dictionaries. Raises DriftError, at the latest at the end: nothing may be published before it is done.
    """
    merge = _Merge(changes, split, collects=rule.combine is not None)
    for claimed, batch in batches:
        yield merge.stay(claimed, conform(batch, schema), keys)
    merge.check()
    yield from merge.images(schema, rule)
    return merge.counts()


def append_rows(
    batches: Iterable[tuple[Bucket, pa.RecordBatch]], new: pa.Table, schema: pa.Schema
) -> Generator[pa.RecordBatch, None, MergeCounts]:
    """The same under a rule without keys: the existing rows, then the new ones. Nothing is looked for."""
    before = 0
    for _, batch in batches:
        before += len(batch)
        yield conform(batch, schema)
    yield conform_table(new, schema)
    return MergeCounts(before, inserted=len(new), updated=0, deleted=0, moved_out=0, moved_in=0)


def _kept(batch: pa.RecordBatch, mask: pa.Array) -> pa.RecordBatch:
    """Column by column: Arrow copies runs then, where for a batch it takes row by row; nearly all rows stay."""
    return pa.RecordBatch.from_arrays([column.filter(mask) for column in batch.columns], schema=batch.schema)


class _Merge:
    """The state of one merge: how often each change's key was found so far."""

    def __init__(self, changes: pa.Table, split: SplitId, collects: bool) -> None:
        self.changes = changes
        self.keys = changes[":key"].combine_chunks()
        self.kinds = changes[KIND].to_numpy().astype(np.int8)
        self.split = split
        self.found = np.zeros(len(changes), np.int64)
        self.before = 0
        self.collects = collects
        self.replaced: list[pa.RecordBatch] = []
        self.replaced_by: list[npt.NDArray[np.int64]] = []
        if pc.count_distinct(self.keys).as_py() != len(self.keys):
            raise InvalidChange(f"{split}: a key has two changes in one split; a batch holds one change a key")

    def stay(self, claimed: Bucket, batch: pa.RecordBatch, keys: Keys) -> pa.RecordBatch:
        """The rows of `batch` that belong to the split and have no change."""
        batch, raw = self._own(claimed, batch, keys(batch))
        self.before += len(batch)
        rows, places = found_among(raw, self.keys)
        if not len(rows):
            return batch
        self.found += np.bincount(places, minlength=len(self.found))
        if self.collects:
            self.replaced.append(batch.take(pa.array(rows)))
            self.replaced_by.append(places)
        stays = np.ones(len(batch), np.bool_)
        stays[rows] = False
        return _kept(batch, pa.array(stays))

    def _own(self, claimed: Bucket, batch: pa.RecordBatch, raw: pa.Array) -> tuple[pa.RecordBatch, pa.Array]:
        """Leave out rows of a sibling split; refuse rows that are not of the bucket that their file claims."""
        wanted = self.split.bucket
        if claimed.count == wanted.count == 1:
            return batch, raw
        if not (right := keys_within(raw, claimed)).all():
            self._drift(
                "keys hash to another bucket than that of the file that holds them", raw.filter(pa.array(~right))
            )
        if wanted.count <= claimed.count:
            return batch, raw
        mine = pa.array(keys_within(raw, wanted))
        return batch.filter(mine), raw.filter(mine)

    def check(self) -> None:
        """Compare what was found with what each kind of change says must be there. Raises DriftError."""
        for kinds, wrong, what in (
            (tuple(Routed), self.found > 1, "changed keys are in the files more than once"),
            (MUST_BE_THERE, self.found == 0, "keys that the key index places here are not in the files"),
            (MUST_NOT_BE_THERE, self.found > 0, "keys that the key index does not place here are in the files"),
        ):
            if wrong.any() and (bad := wrong & np.isin(self.kinds, kinds)).any():
                self._drift(what, self.keys.filter(pa.array(bad)))

    def _drift(self, what: str, keys: pa.Array) -> NoReturn:
        sample = tuple(keys[:SAMPLE_KEYS].to_pylist())
        raise DriftError(self.split.partition, self.split.bucket, what, sample, len(keys))

    def images(self, schema: pa.Schema, rule: MergeRule) -> Iterator[pa.RecordBatch]:
        """The rows that the changes leave."""
        leaves = np.isin(self.kinds, LEAVES_A_ROW)
        if rule.combine is None:
            yield conform_table(self.changes.filter(pa.array(leaves)), schema)
            return
        yield conform_table(self.changes.filter(pa.array(leaves & (self.found == 0))), schema)
        yield from self._combined(schema, rule.combine, leaves)

    def _combined(self, schema: pa.Schema, combine: Combine, leaves: npt.NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
        if not self.replaced:
            return
        by = np.concatenate(self.replaced_by)
        kept = leaves[by]
        existing = pa.Table.from_batches(self.replaced, schema).filter(pa.array(kept))
        images = conform_table(self.changes.take(pa.array(by[kept])), schema)
        yield conform_table(combine(existing, pa.Table.from_batches([images])), schema)

    def counts(self) -> MergeCounts:
        """The books, once everything was seen."""
        there = self.found > 0
        return MergeCounts(
            before=self.before,
            inserted=self._count(Routed.INSERT) + self._count(Routed.UPSERT, ~there),
            updated=self._count(Routed.UPDATE) + self._count(Routed.UPSERT, there),
            deleted=self._count(Routed.DELETE) + self._count(Routed.DROP, there),
            moved_out=self._count(Routed.MOVE_OUT),
            moved_in=self._count(Routed.MOVE_IN),
        )

    def _count(self, kind: Routed, among: npt.NDArray[np.bool_] | bool = True) -> int:
        return int(((self.kinds == kind) & among).sum())
