"""What the last committed batches published, key by key: a row that reads the same again is no change.

Windows overlap, and a restarted loader reads the last minutes once more. Without this each such row would rewrite its
file to no effect. The memory is made of committed change sets only, in their order, so it is what the table holds.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partitioner.bits import bits_of
from partitioner.changes.change_set import UNKNOWN_ORIGIN, ChangeSet, Op

UNTIL = ":until"
NAME = ":partition"
LEFT_OUT = (":hash", ":version", ":target", ":origin")


@dataclass(frozen=True, slots=True)
class Recent:
    """`rows`: `:key`, `:op`, `:partition` (its values, joined), the data columns and `:until`; each key once."""

    rows: pa.Table | None = None

    def __len__(self) -> int:
        return 0 if self.rows is None else len(self.rows)

    def after(self, changes: ChangeSet, until: int) -> "Recent":
        """The memory once a batch with `changes`, whose window ended at `until`, is committed."""
        new = _remembered(changes).append_column(UNTIL, pa.array([until] * len(changes.rows), pa.int64()))
        if self.rows is None or self.rows.schema != new.schema:
            return Recent(new)
        kept = self.rows.filter(pc.invert(pc.is_in(self.rows[":key"], new[":key"])))
        return Recent(pa.concat_tables([kept, new]).combine_chunks())

    def since(self, low: int) -> "Recent":
        """Without what no window will read again: windows never start before the low watermark."""
        return self if self.rows is None else Recent(self.rows.filter(pc.greater(self.rows[UNTIL], low)))


def without_unchanged(changes: ChangeSet, recent: Recent, asked: pa.Array | None = None) -> ChangeSet:
    """Leave out the upserts that would write what the key's partition holds already.

    Not those of `asked` keys (binary): somebody has seen that the table does not hold what was published.
    """
    if not len(recent) or not len(changes.rows):
        return changes
    left_out = _unchanged(changes, recent.rows)
    if asked is not None and len(asked):
        left_out = pc.and_(left_out, pc.invert(pc.is_in(changes.rows[":key"], asked)))
    return ChangeSet(changes.rows.filter(pc.invert(left_out)), changes.partitions)


def _unchanged(changes: ChangeSet, rows: pa.Table) -> pa.Array:
    """Columns are compared only where there is a chance: mostly nowhere."""
    new = _remembered(changes)
    if new.schema != rows.drop_columns([UNTIL]).schema:
        return pa.repeat(False, len(new))
    at_home = pc.or_(
        pc.equal(changes.rows[":origin"], changes.rows[":target"]),
        pc.equal(changes.rows[":origin"], UNKNOWN_ORIGIN),
    )
    places = pc.index_in(new[":key"], rows[":key"])
    could = pc.and_(pc.and_(at_home, pc.equal(new[":op"], int(Op.UPSERT))), pc.is_valid(places))
    candidates = np.flatnonzero(could.to_numpy())
    unchanged = np.zeros(len(new), np.bool_)
    unchanged[candidates] = _same_rows(new.take(pa.array(candidates)), rows.take(places.take(pa.array(candidates))))
    return pa.array(unchanged)


def _same_rows(new: pa.Table, old: pa.Table) -> np.ndarray:
    same = np.ones(len(new), np.bool_)
    for name in new.column_names:
        if name != ":key":
            same &= _equal(new[name], old[name]).to_numpy(zero_copy_only=False)
    return same


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.Array:
    """Element by element and bit by bit; two nulls are equal."""
    mine, theirs = bits_of(one.combine_chunks()), bits_of(other.combine_chunks())
    if pa.types.is_nested(mine.type):  # Arrow cannot compare them
        return pa.array([a == b for a, b in zip(mine.to_pylist(), theirs.to_pylist(), strict=True)], pa.bool_())
    both_null = pc.and_(pc.is_null(mine), pc.is_null(theirs))
    return pc.or_(both_null, pc.fill_null(pc.equal(mine, theirs), False))


def _remembered(changes: ChangeSet) -> pa.Table:
    """Arrow's own comparison needs the partition's values, not its number, which differs from batch to batch."""
    names = pa.array(["\x00".join(values) for values in changes.partitions], pa.string())
    targets = changes.rows[":target"].combine_chunks()
    known = pc.if_else(pc.greater_equal(targets, 0), targets, None)
    return changes.rows.drop_columns(list(LEFT_OUT)).append_column(NAME, names.take(known))
