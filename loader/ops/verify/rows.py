"""`hotswap verify --deep`: every file is read whole; each key stands once in the table, where the key index has it.

Once in its file, and in the one partition and bucket that its key says: then it is once in the table. So memory is one
file's keys, however large the table is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.datafiles.split_file import read_rows
from loader.mapping import Mapping
from loader.ops.verify.partitions import Snapshot, damage, is_live, lost
from loader.report.findings import Finding
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.files import join
from partitioner.changes.hashing import hashes_of
from partitioner.values import DataFile, Version

T = TypeVar("T")

SHOWN = 3
DRIFT = "Stop the loader and keep the state folder as it is; see Damage in docs/operate.md of hotswap's source."


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    rows: int = 0
    files: int = 0


def verify_rows(env: Environment, seen: Snapshot, mapping: Mapping, done: Reading) -> Iterator[Finding]:
    """Read all files of what is live. `done` counts."""
    index = None if mapping.partition_from_key else KeyStore(env.files, env.layout)
    segments = seen.records.state.index
    for version in seen.live:
        for file in version.files:
            yield from _file(env, version, file, mapping, (index, segments), done)
    if index is not None and not seen.moving:
        yield from _index_total(index, segments, seen)


def verify_events(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    """The same of a table of events: they have no keys, so each file is read whole and its rows are counted."""
    for version in seen.live:
        for file in version.files:
            path = join(version.location, file.name)
            rows, findings = _read(env, version, path, lambda batch: batch.num_rows)
            yield from findings
            if rows is not None and sum(rows) != file.rows:
                told = f"{path} holds {sum(rows)} rows, and its manifest says {file.rows}"
                yield damage("rows", env.name_of(version.partition), told, lost(env))


def _read(
    env: Environment, version: Version, path: str, of: Callable[[pa.RecordBatch], T]
) -> tuple[list[T] | None, list[Finding]]:
    """`of` each batch of a file, or what keeps it from being read; neither if it has gone with its version."""
    name = env.name_of(version.partition)
    try:
        return [of(batch) for batch in read_rows(env.files, path, version.format, version.columns)], []
    except FileNotFoundError:
        return None, [damage("rows", name, f"{path} is gone", lost(env))] if is_live(env, version) else []
    except (OSError, ValueError, pa.ArrowException) as error:
        return None, [damage("rows", name, f"{path} cannot be read: {error}", lost(env))]


def _file(
    env: Environment,
    version: Version,
    file: DataFile,
    mapping: Mapping,
    index: tuple[KeyStore | None, Sequence[str]],
    done: Reading,
) -> Iterator[Finding]:
    name, path = env.name_of(version.partition), join(version.location, file.name)
    read, findings = _read(env, version, path, lambda batch: mapping.raw_keys(batch, version.partition))
    yield from findings
    if read is None:
        return
    keys = pa.chunked_array(read, pa.binary())
    done.rows, done.files = done.rows + len(keys), done.files + 1
    if keys.null_count:
        yield damage("keys", name, f"{keys.null_count} row(s) of {path} have no key", lost(env))
        return
    yield from _once(keys, name, path, env)
    yield from _bucket(keys, name, path, file)
    yield from _place(env, keys, version, mapping, index, path)


def _once(keys: pa.ChunkedArray, name: str, path: str, env: Environment) -> Iterator[Finding]:
    distinct = pc.count_distinct(keys).as_py()
    if distinct != len(keys):
        counts = pc.value_counts(keys)
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        what = f"{len(keys) - distinct} key(s) stand more than once in {path}: {_shown(twice)}"
        yield damage("keys", name, what, lost(env))


def _bucket(keys: pa.ChunkedArray, name: str, path: str, file: DataFile) -> Iterator[Finding]:
    count, index = file.bucket.count, file.bucket.index
    wrong = (hashes_of(keys) & np.uint32(count - 1)) != index
    if wrong.any():
        shown = _shown(keys.filter(pa.array(wrong)))
        yield damage("keys", name, f"{int(wrong.sum())} key(s) of {path} belong to another file: {shown}", DRIFT)


def _place(
    env: Environment,
    keys: pa.ChunkedArray,
    version: Version,
    mapping: Mapping,
    index: tuple[KeyStore | None, Sequence[str]],
    path: str,
) -> Iterator[Finding]:
    """The key index, or the key itself, says that each key lives in this partition."""
    name, (store, segments) = env.name_of(version.partition), index
    joined = keys.combine_chunks()
    if store is None:
        partitions, targets = mapping.place_keys(joined.to_pylist())
        places = pa.array([None if t is None else env.name_of(partitions[t]) for t in targets], pa.string())
    else:
        places = store.look_up(segments, hashes_of(joined), joined)
    wrong = pc.fill_null(pc.not_equal(places, name), True)
    if pc.any(wrong).as_py():
        says = "the key index" if store else "its key"
        shown = _shown(joined.filter(wrong))
        what = f"{pc.sum(wrong).as_py()} key(s) of {path} live elsewhere, or nowhere, as {says} says: {shown}"
        yield damage("key index", name, what, DRIFT)


def _index_total(store: KeyStore, segments: Sequence[str], seen: Snapshot) -> Iterator[Finding]:
    """The index knows no key besides those of the files: then it finds none that is not there."""
    rows = sum(version.rows for version in seen.records.state.live.values())
    known = store.count_living(segments)
    if known != rows:
        what = f"the key index has {known} living keys, the files hold {rows} rows"
        yield damage("key index", "the whole table", what, DRIFT)


def _shown(keys: pa.Array | pa.ChunkedArray) -> str:
    texts = [repr(key)[1:] for key in keys.slice(0, SHOWN).to_pylist()]
    return ", ".join(texts) + (", …" if len(keys) > SHOWN else "")
