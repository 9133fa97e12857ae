"""What is put aside for a later batch, one object each: deferred by a hold, taken back by a rollback, left by a cut.

Of a keyed source these are keys, which are read again; of a log the events themselves, which cannot be read by key.
"""

from collections.abc import Iterable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from loader.state.arrow_objects import arrow_bytes, read_arrow
from loader.state.change_sets import bytes_of, change_set_at
from loader.state.open_table import Environment
from partitioner.changes.change_set import ChangeSet
from partitioner.history.manifest import KeySet
from partitioner.values import AttemptId

KEYS = pa.schema([("key", pa.binary())])


Aside: TypeAlias = pa.Array | ChangeSet
"""Keys, or events."""


def count_of(aside: Aside | None) -> int:
    """How many keys or events."""
    if aside is None:
        return 0
    return len(aside.rows) if isinstance(aside, ChangeSet) else len(aside)


def put_aside(env: Environment, attempt: AttemptId, aside: Aside, why: str) -> KeySet | None:
    """Store it durably; the name goes into the manifest, which alone makes it count. None: there is nothing."""
    size = count_of(aside)
    if not size:
        return None
    name = f"{attempt}-{why}.arrow"
    if isinstance(aside, ChangeSet):
        data = bytes_of(aside)
    else:
        data = arrow_bytes(pa.table([aside.cast(pa.binary())], schema=KEYS))
    env.files.create(env.layout.keys(name), data)
    return KeySet(name, size)


def events_of(env: Environment, sets: Iterable[KeySet]) -> list[ChangeSet]:
    """The events of each set. Raises Damage, FileNotFoundError."""
    return [change_set_at(env.files, env.layout.keys(aside.name)) for aside in sets]


def keys_of(env: Environment, sets: Iterable[KeySet]) -> pa.Array:
    """All their keys; the same key may come twice."""
    found = [_load(env, aside.name) for aside in sets]
    return pa.concat_arrays(found) if found else pa.array([], pa.binary())


def not_among(keys: pa.Array, known: pa.Array) -> pa.Array:
    return keys.filter(pc.invert(pc.is_in(keys, known)))


def _load(env: Environment, name: str) -> pa.Array:
    if name not in env.aside:
        rows = read_arrow(env.files, env.layout.keys(name), KEYS)
        env.aside[name] = rows["key"].combine_chunks()
    return env.aside[name]
