"""The key index: which partition each key lives in, as immutable sorted segments.

A segment says, for each key of one attempt's change set, where the key lives after it (`partition`, null: nowhere) and
where it lived before. The index of a manifest is its list of segments, oldest first: the newest one that knows a key
is right. So a rollback restores an index by naming the list of its target.
Segments are sorted by key hash and searched, never scanned: cost follows the changes, not the table.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changeset import NOWHERE, ChangeSet

SEGMENT = pa.schema(
    [
        pa.field("hash", pa.uint32(), nullable=False),
        pa.field("key", pa.binary(), nullable=False),
        pa.field("partition", pa.string()),  # escaped partition name; null: the key lives nowhere
        pa.field("before", pa.string()),
    ]
)


def segment_of(changes: ChangeSet, names: Sequence[str]) -> pa.Table:
    """The index delta of a change set. `names[i]` is the escaped name of `changes.partitions[i]`."""
    rows = changes.rows
    table = pa.table(
        {
            "hash": rows["__hash"],
            "key": rows["__key"],
            "partition": _named(rows["__target"], names),
            "before": _named(rows["__origin"], names),
        },
        schema=SEGMENT,
    )
    return sorted_segment(table)


def sorted_segment(table: pa.Table) -> pa.Table:
    return table.take(pc.sort_indices(table, [("hash", "ascending")])).combine_chunks()


def look_up(segments: Sequence[pa.Table], hashes: np.ndarray, keys: pa.Array) -> pa.Array:
    """Where each key lives: escaped partition names, null for keys that live nowhere.

    `segments` oldest first; `hashes` uint32, one a key.
    """
    found = np.full(len(keys), None, dtype=object)
    open_ = np.arange(len(keys))
    for segment in reversed(segments):
        if not len(open_):
            break
        rows = find(segment, hashes[open_], keys.take(pa.array(open_)))
        hit = rows >= 0
        found[open_[hit]] = segment["partition"].take(pa.array(rows[hit])).to_pylist()
        open_ = open_[~hit]
    return pa.array(found, pa.string())


def find(segment: pa.Table, hashes: np.ndarray, keys: pa.Array) -> np.ndarray:
    """Row of each key in a sorted segment, −1 where it is not there."""
    known = _hashes(segment)
    rows = np.full(len(keys), -1, dtype=np.int64)
    place = np.searchsorted(known, hashes, side="left")
    open_ = np.arange(len(keys))
    while len(open_):
        open_ = open_[place[open_] < len(known)]
        open_ = open_[known[place[open_]] == hashes[open_]]
        same = _equal_keys(segment, place[open_], keys, open_)
        rows[open_[same]] = place[open_[same]]
        open_ = open_[~same]
        place[open_] += 1  # another key of the same hash
    return rows


def merge_segments(segments: Sequence[pa.Table], oldest: bool) -> pa.Table:
    """One segment in place of a run of neighbours. `oldest`: nothing lies below, so keys that live nowhere go."""
    ages = [pa.array(np.full(len(segment), age, dtype=np.int32)) for age, segment in enumerate(segments)]
    stacked = pa.concat_tables(segments).append_column("age", pa.chunked_array(ages, pa.int32()))
    order = [("hash", "ascending"), ("key", "ascending"), ("age", "ascending")]
    stacked = stacked.take(pc.sort_indices(stacked, order)).combine_chunks()
    first, last = _run_edges(stacked)
    merged = stacked.filter(pa.array(last)).drop_columns(["age", "before"])
    before = stacked["before"].filter(pa.array(first))
    merged = merged.append_column(SEGMENT.field("before"), before)
    return merged.filter(pc.is_valid(merged["partition"])) if oldest else merged


def count_living(segments: Sequence[pa.Table]) -> int:
    """How many keys live somewhere, by these segments, oldest first."""
    total = 0
    for age, segment in enumerate(segments):
        alive = segment.filter(pc.is_valid(segment["partition"])).combine_chunks()
        keys, hashes = pa.chunked_array(alive["key"].chunks, pa.binary()).combine_chunks(), _hashes(alive)
        newest = np.ones(len(alive), dtype=bool)
        for newer in segments[age + 1 :]:
            newest &= find(newer, hashes, keys) < 0
        total += int(newest.sum())
    return total


def compaction(sizes: Sequence[int], fan: int = 8) -> slice | None:
    """Which run of neighbouring segments to merge next (sizes in keys, oldest first), or None.

    The newest run of at least `fan` segments in which none outweighs the rest: each key is merged O(log n) times.
    """
    start = len(sizes)
    total = 0
    while start > 0 and (len(sizes) - start < fan or sizes[start - 1] <= total):
        start -= 1
        total += sizes[start]
    return slice(start, len(sizes)) if len(sizes) - start >= fan else None


def _named(indices: pa.ChunkedArray, names: Sequence[str]) -> pa.Array:
    numbers = indices.combine_chunks() if isinstance(indices, pa.ChunkedArray) else indices
    known = pc.if_else(pc.greater(numbers, NOWHERE), numbers, None)
    return pa.array(list(names), pa.string()).take(known)


def _hashes(segment: pa.Table) -> np.ndarray:
    column = segment["hash"]
    return np.asarray(column.chunk(0) if column.num_chunks == 1 else column)


def _equal_keys(segment: pa.Table, rows: np.ndarray, keys: pa.Array, wanted: np.ndarray) -> np.ndarray:
    found = segment["key"].take(pa.array(rows))
    return np.asarray(pc.equal(found, keys.take(pa.array(wanted))), dtype=bool)


def _run_edges(stacked: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the first and the last row of each run of one key."""
    count = len(stacked)
    changes = np.ones(count + 1, dtype=bool)
    if count > 1:
        keys = stacked["key"].combine_chunks() if stacked["key"].num_chunks != 1 else stacked["key"].chunk(0)
        changes[1:count] = pc.not_equal(keys.slice(1), keys.slice(0, count - 1)).to_numpy(zero_copy_only=False)
    return changes[:-1], changes[1:]
