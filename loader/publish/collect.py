"""Read the dirty rows once, find where each key lives now, and store the result: the change set.

Everything after this reads only the change set. HBase answers differently each time it is asked.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.publish.batch import Batch, Carried
from loader.publish.key_moves import changed_keys
from loader.sources.rows import ReadRows
from loader.state.condemned import condemned_locations
from loader.state.keys_aside import keys_of, not_among, put_aside
from loader.state.open_table import Environment
from loader.state.quarantine import RejectedRow, quarantined
from metastore.names import parse_partition_name
from partitioner.changes.change_set import META, NOWHERE, UNKNOWN_ORIGIN, ChangeSet, Op, keys_in
from partitioner.changes.deferral import without_held
from partitioner.history.manifest import Counts, KeySet
from partitioner.history.merged_segments import with_merged
from partitioner.history.table_state import TableState
from partitioner.values import PartitionValues


def change_set_of(env: Environment, before: TableState, read: ReadRows) -> ChangeSet:
    """Every row read, each with the partition its key lives in now."""
    partitions = list(read.partitions)
    if env.keystore is None:
        origins = pa.array(np.full(len(read.rows), UNKNOWN_ORIGIN, dtype=np.int32))
    else:
        segments = index_of(env, before)
        hashes = np.asarray(read.rows[":hash"])
        names = env.keystore.look_up(segments, hashes, read.rows[":key"].combine_chunks())
        origins = _indices(env, names, partitions)
    return _with_origins(read, origins, tuple(partitions))


def appended(read: ReadRows) -> ChangeSet:
    """Every event read, as a new row."""
    return _with_origins(read, pa.array(np.full(len(read.rows), NOWHERE, dtype=np.int32)), read.partitions)


def _with_origins(read: ReadRows, origins: pa.Array, partitions: tuple[PartitionValues, ...]) -> ChangeSet:
    position = META.get_field_index(":origin")
    return ChangeSet(read.rows.add_column(position, META.field(":origin"), origins), partitions)


def index_of(env: Environment, before: TableState) -> tuple[str, ...]:
    """The key index's segments, a merged one in place of its run. Under the lock, where nobody condemns it."""
    if env.keystore is None:
        return before.index
    if not env.compacted.sought:
        env.compacted.ready = env.compacted.ready or env.keystore.merge_waiting(before.index)
        env.compacted.sought = True
    ready = env.compacted.ready
    if ready is None:
        return before.index
    merged = with_merged(before.index, ready)
    if merged != before.index and not _may_be_named(env, ready.merged):
        env.compacted.ready, env.compacted.sought = None, False  # cleaned away, by this loader or another
        return before.index
    return merged


def _may_be_named(env: Environment, segment: str) -> bool:
    """Whether it is there and stays there: a cleaner that slept past its lock's life deletes what it has condemned."""
    assert env.keystore is not None
    gone = condemned_locations(env.files, env.layout)
    return env.layout.index_segment(segment) not in gone and env.keystore.has(segment)


def effective(changes: ChangeSet, before: TableState) -> ChangeSet:
    """Without the deletes of keys that live nowhere. The stored change set keeps them: a resume reads them again."""
    rows = changes.rows
    exists = pa.array([partition in before.live for partition in changes.partitions], pa.bool_())
    unknown = pc.equal(rows[":origin"], UNKNOWN_ORIGIN)
    could_be = pc.and_(unknown, pc.fill_null(exists.take(_index_or_null(rows[":target"])), False))
    lives = pc.or_(pc.greater(rows[":origin"], NOWHERE), could_be)
    return ChangeSet(rows.filter(pc.or_(pc.equal(rows[":op"], int(Op.UPSERT)), lives)), changes.partitions)


def _index_or_null(numbers: pa.ChunkedArray) -> pa.Array:
    whole = numbers.combine_chunks()
    return pc.if_else(pc.greater(whole, NOWHERE), whole, None)


def _indices(env: Environment, names: pa.Array, partitions: list[PartitionValues]) -> pa.Array:
    """Partition names → indices into `partitions`, which grows by what it lacks."""
    known = {values: index for index, values in enumerate(partitions)}
    encoded = names.dictionary_encode()
    numbers = []
    for name in encoded.dictionary.to_pylist():
        values = tuple(parse_partition_name(name).values())
        if values not in known:
            known[values] = len(partitions)
            partitions.append(values)
        numbers.append(known[values])
    indices = pa.array(numbers, pa.int32()).take(encoded.indices)
    return pc.fill_null(indices, NOWHERE).cast(pa.int32())


def counts_of(changes: ChangeSet, rejected: int) -> Counts:
    rows = changes.rows
    upserts = pc.sum(pc.equal(rows[":op"], int(Op.UPSERT))).as_py() or 0
    elsewhere = pc.and_(pc.greater(rows[":origin"], NOWHERE), pc.not_equal(rows[":origin"], rows[":target"]))
    moved = pc.and_(pc.equal(rows[":op"], int(Op.UPSERT)), elsewhere)
    return Counts(upserts, len(rows) - upserts, pc.sum(moved).as_py() or 0, rejected)


def what_goes_on(env: Environment, before: TableState, changes: ChangeSet) -> tuple[ChangeSet, pa.Array | None]:
    """Without the changes that a hold keeps back, and their keys as far as they are not waiting yet (None: none)."""
    if not before.held:
        return changes, None
    published, held = without_held(changes, before.held)
    waiting = not_among(keys_in(held), keys_of(env, before.deferred))
    return published, waiting if len(waiting) else None


def put_off(batch: Batch) -> Carried:
    """What waits for a hold, or for the next call, is durable before anything else of the batch is."""
    env, attempt, carried, known = batch.env, batch.attempt.attempt, batch.carried, batch.before.position
    deferred = put_aside(env, attempt, carried.waiting, "deferred") if carried.waiting is not None else None
    rest = put_aside(env, attempt, carried.left, "rest") if carried.left is not None else None
    low = known.low_ms if known else 0
    return replace(carried, deferred=deferred, rest=rest, watermark=low if deferred or rest else None)


def owed_keys(env: Environment, owed: Sequence[int], released: Sequence[KeySet] = ()) -> pa.Array:
    """The keys that the batches `owed` read, by their change sets and what they put aside; and the keys `released`."""
    attempts = {attempt.intent.batch: attempt for attempt in env.state.records().attempts}
    keys = [changed_keys(env, attempts[batch]) for batch in owed]
    return pa.concat_arrays([*keys, keys_of(env, released)])


def with_owed(dirty: pa.Array, owed: pa.Array) -> pa.Array:
    """Both, sorted, each key once."""
    keys = pc.unique(pa.concat_arrays([dirty.cast(pa.binary()), owed]))
    return keys.take(pc.sort_indices(keys))


def healed_keys(env: Environment, read: pa.Array, rejected: Sequence[RejectedRow]) -> tuple[str, ...]:
    """Quarantined keys (hex) that were read again now, and not rejected again."""
    waiting = quarantined(env.files, env.layout, env.state.records().attempts)
    if not waiting:
        return ()
    still = {row.key.hex() for row in rejected}
    return tuple(sorted({key.hex() for key in read.to_pylist()} & waiting.keys() - still))
