"""What ties a rollback's partitions together: the keys that live elsewhere now than at its target."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.state.change_sets import load_change_set
from loader.state.key_index_files import KeyStore
from loader.state.keys_aside import keys_of
from loader.state.open_table import Environment
from loader.state.records import Records
from metastore.names import parse_partition_name
from partitioner.changes.deferral import touching
from partitioner.changes.key_index import SEGMENT, sorted_segment
from partitioner.history.rollback_plan import KeyMove, RollbackPlan, later_batches
from partitioner.history.table_state import Attempt, fold
from partitioner.values import PartitionValues

NOTHING = SEGMENT.empty_table()


def keystore_of(env: Environment) -> KeyStore:
    """The verbs open a table without its key index: this reads what the manifests name."""
    return env.keystore or KeyStore(env.files, env.layout)


def moved_since(env: Environment, records: Records, target: int) -> pa.Table:
    """Keys that live elsewhere now than after batch `target`, as an index segment: `partition` then, `before` now.

    Only a segment that one index has and the other has not can tell them apart. A table without a key index has none:
    its keys never leave their partition.
    """
    then, now = fold(records.attempts, up_to=target).index, records.state.index
    store = keystore_of(env)
    names = sorted(set(then) ^ set(now))
    if not names:
        return NOTHING
    told = pa.concat_tables([store.open(name).select(["hash", "key"]) for name in names])
    told = told.group_by(["hash", "key"]).aggregate([]).combine_chunks()
    hashes, keys = np.asarray(told["hash"]), told["key"].combine_chunks()
    places = [store.look_up(index, hashes, keys) for index in (then, now)]
    table = pa.table([told["hash"], told["key"], *places], schema=SEGMENT)
    return table.filter(_differ(table["partition"], table["before"]))


def key_moves(moved: pa.Table) -> tuple[KeyMove, ...]:
    """Every way that some key took, once."""
    ways = moved.group_by(["partition", "before"]).aggregate([]).to_pylist()
    return tuple((_values(way["partition"]), _values(way["before"])) for way in ways)


def index_delta(env: Environment, moved: pa.Table, held: Collection[PartitionValues]) -> pa.Table:
    """The keys of the held partitions go back with them: the segment that says so."""
    names = pa.array([env.name_of(partition) for partition in held], pa.string())
    concerned = pc.or_(pc.is_in(moved["partition"], names), pc.is_in(moved["before"], names))
    return sorted_segment(moved.filter(concerned))


def undone_keys(env: Environment, records: Records, plan: RollbackPlan) -> pa.Array:
    """The keys that later batches changed in the held partitions, each once, sorted.

    Raises FileNotFoundError where retention has removed a change set.
    """
    later, held = set(later_batches(records.attempts, plan.target)), plan.held or ()
    found = [_touching(env, attempt, held) for attempt in records.attempts if attempt.intent.batch in later]
    if not found:
        return pa.array([], pa.binary())
    keys = pc.unique(pa.concat_arrays(found))
    return keys.take(pc.sort_indices(keys))


def _touching(env: Environment, attempt: Attempt, held: Sequence[PartitionValues]) -> pa.Array:
    """Keys that the attempt itself put aside are on record already: they wait, or were read by a later batch."""
    changes = load_change_set(env.files, env.layout, attempt.intent.attempt)
    return changes.rows.filter(touching(changes, held))[":key"].combine_chunks()


def changed_keys(env: Environment, attempt: Attempt) -> pa.Array:
    """Every key that a batch read: those it published, and those it put aside. Raises FileNotFoundError."""
    manifest = attempt.manifest
    rows = load_change_set(env.files, env.layout, attempt.intent.attempt).rows
    aside = [item for item in (manifest.deferred, manifest.rest) if item] if manifest else []
    return pa.concat_arrays([rows[":key"].combine_chunks(), keys_of(env, aside)])


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    same = pc.or_(pc.and_(pc.is_null(one), pc.is_null(other)), pc.fill_null(pc.equal(one, other), False))
    return pc.invert(same)


def _values(name: str | None) -> PartitionValues | None:
    return tuple(parse_partition_name(name).values()) if name is not None else None
