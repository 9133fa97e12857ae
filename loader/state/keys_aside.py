"""Keys put aside for a later batch, one object each: deferred by a hold, taken back by a rollback, or left by a cut."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from loader.state.arrow_objects import read_arrow
from loader.state.open_table import Environment
from partitioner.history.manifest import KeySet
from partitioner.values import AttemptId

KEYS = pa.schema([("key", pa.binary())])


def put_aside(env: Environment, attempt: AttemptId, keys: pa.Array, why: str) -> KeySet | None:
    """Store them durably; the name goes into the manifest, which alone makes them count. None: there are no keys."""
    if not len(keys):
        return None
    name = f"{attempt}-{why}.arrow"
    table = pa.table([keys.cast(pa.binary())], schema=KEYS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    env.files.create(env.layout.keys(name), sink.getvalue().to_pybytes())
    return KeySet(name, len(keys))


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
