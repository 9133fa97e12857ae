"""The key index: which partition each key lives in, as immutable sorted segments.

A segment says, for each key of one attempt's change set, where the key lives after it (`partition`, null: nowhere) and
where it lived before. The index of a manifest is its list of segments, oldest first: the newest one that knows a key
is right. So a rollback restores an index by naming the list of its target.
Segments are sorted by key hash and searched, never scanned: cost follows the changes, not the table. They are stored
without `before` and with each partition's name once.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partitioner.changes.change_set import NOWHERE, ChangeSet
from partitioner.changes.hashing import hashes_of

SEGMENT = pa.schema(
    [
        pa.field("hash", pa.uint32(), nullable=False),
        pa.field("key", pa.binary(), nullable=False),
        pa.field("partition", pa.string()),  # escaped partition name; null: the key lives nowhere
        pa.field("before", pa.string()),
    ]
)


STORED = pa.schema(
    [SEGMENT.field("hash"), SEGMENT.field("key"), pa.field("partition", pa.dictionary(pa.int32(), pa.string()))]
)

FAN = 8
"""So many segments are merged at the least."""
MOST_KEYS = 32_000_000
"""Segments are not merged into larger ones: Arrow's offsets end at 2 GB of keys, and memory before that."""


def stored(segment: pa.Table) -> pa.Table:
    """A segment as it is stored. Takes what is stored already as it is."""
    names = segment["partition"]
    if not pa.types.is_dictionary(names.type):
        names = names.dictionary_encode()
    return pa.table([segment["hash"], segment["key"], names], schema=STORED).unify_dictionaries().combine_chunks()


def places(keys: pa.Array, name: str) -> pa.Table:
    """Keys that live in the partition `name`, as stored, not sorted."""
    codes = pa.array(np.zeros(len(keys), np.int32))
    names = pa.DictionaryArray.from_arrays(codes, pa.array([name], pa.string()))
    return pa.table([pa.array(hashes_of(keys)), keys, names], schema=STORED)


def segment_of(changes: ChangeSet, names: Sequence[str]) -> pa.Table:
    """The index delta of a change set. `names[i]` is the escaped name of `changes.partitions[i]`."""
    rows = changes.rows
    table = pa.table(
        {
            "hash": rows[":hash"],
            "key": rows[":key"],
            "partition": _named(rows[":target"], names),
            "before": _named(rows[":origin"], names),
        },
        schema=SEGMENT,
    )
    return sorted_segment(table)


def sorted_segment(table: pa.Table) -> pa.Table:
    """By hash, rows of one hash in the order they had; in one chunk, each dictionary once.

    NumPy's stable sort merges runs that are sorted already, which is what a merge of segments hands it.
    """
    order = np.argsort(_hashes(table), kind="stable")
    return table.unify_dictionaries().take(pa.array(order)).combine_chunks()


def look_up(segments: Sequence[pa.Table], hashes: np.ndarray, keys: pa.Array) -> pa.Array:
    """Where each key lives: escaped partition names, null for keys that live nowhere.

    `segments` oldest first; `hashes` uint32, one a key.
    """
    open_ = np.argsort(hashes, kind="stable")  # in the order of the segments, so that neighbours share cache lines
    names, places = [pa.array([], pa.string())], [np.empty(0, np.int64)]
    for segment in reversed(segments):
        if not len(open_):
            break
        rows = find(segment, hashes[open_], keys.take(pa.array(open_)))
        hit = rows >= 0
        names.append(_names_at(segment, rows[hit]))
        places.append(open_[hit])
        open_ = open_[~hit]
    found, place = np.concatenate(places), np.full(len(keys), -1, np.int64)
    place[found] = np.arange(len(found))
    return pa.concat_arrays(names).take(pa.array(place, mask=place < 0))


def _names_at(segment: pa.Table, rows: np.ndarray) -> pa.Array:
    names = segment["partition"].take(pa.array(rows)).combine_chunks()
    names = names.chunk(0) if isinstance(names, pa.ChunkedArray) and names.num_chunks else names
    return names.cast(pa.string()) if len(rows) else pa.array([], pa.string())


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
    """One segment in place of a run of neighbours. `oldest`: nothing lies below, so keys that live nowhere go.

    Stable sort by hash alone: the ages of one hash's rows stay in order, and only hashes that come twice are looked at.
    """
    table = pa.concat_tables([stored(segment) for segment in segments]).unify_dictionaries().combine_chunks()
    order = np.argsort(_hashes(table), kind="stable")
    chosen = order[_newest(table, order)]
    if oldest:
        living = table["partition"].is_valid().to_numpy()
        chosen = chosen[living[chosen]]
    return table.take(pa.array(chosen)).combine_chunks()


def _newest(table: pa.Table, order: np.ndarray) -> np.ndarray:
    """Mask of the last row of each key; `order` sorts by hash, and by age within one."""
    hashes = _hashes(table)[order]
    kept = np.ones(len(hashes), dtype=bool)
    again = np.flatnonzero(hashes[:-1] == hashes[1:])
    shared = np.union1d(again, again + 1)
    if len(shared):
        keys = table["key"].take(pa.array(order[shared])).combine_chunks()
        codes = (keys.chunk(0) if isinstance(keys, pa.ChunkedArray) else keys).dictionary_encode().indices.to_numpy()
        by_key = np.argsort(codes, kind="stable")
        last = np.append(codes[by_key][1:] != codes[by_key][:-1], True)
        kept[shared] = False
        kept[shared[by_key[last]]] = True
    return kept


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


def compaction(sizes: Sequence[int], fan: int = FAN, most: int = MOST_KEYS) -> slice | None:
    """Which run of neighbouring segments to merge next (sizes in keys, oldest first), or None.

    The newest run of at least `fan` segments in which none outweighs the rest: each key is merged O(log n) times. No
    run makes a segment of more than `most` keys.
    """
    start, total, largest = len(sizes), 0, 0
    while start > 0 and total + sizes[start - 1] <= most and not _is_a_run(len(sizes) - start, total, largest, fan):
        start -= 1
        total, largest = total + sizes[start], max(largest, sizes[start])
    if not _is_a_run(len(sizes) - start, total, largest, fan):
        return None
    while start > 0 and sizes[start - 1] <= total and total + sizes[start - 1] <= most:
        start -= 1
        total += sizes[start]
    return slice(start, len(sizes))


def _is_a_run(segments: int, total: int, largest: int, fan: int) -> bool:
    """Enough segments, of which none outweighs the others: so each key's segment at least doubles."""
    return segments >= fan and largest <= total - largest


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
