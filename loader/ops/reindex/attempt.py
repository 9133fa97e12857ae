"""`hotswap verify --rebuild-index`: the key index made anew from the files of what is live, under the lock.

An attempt of its own kind of repair: it moves nothing, and its manifest names the new segments. So the rebuilt index is
versioned like every other: a rollback to a batch before it takes that batch's own index along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.errors import Conflict, Damage
from loader.datafiles.split_file import RawKeys, read_rows
from loader.publish import preconditions
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.publish.steps import Step, claim, lock, record, settle
from loader.publish.swap import conclude
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.files import join
from partitioner.changes.hashing import hashes_of
from partitioner.changes.key_index import find, places, sorted_segment
from partitioner.history.kinds import Kind
from partitioner.values import DataFile, Version

SEGMENT_KEYS = 4_000_000
"""Keys of one segment: what a rebuild holds in memory, besides one file's keys."""

SHOWN = 3


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild came to.

    `misplaced`: living keys that the old index had elsewhere, or nowhere; `surplus`: keys that it took for living and
    that are in no file. None: it could not be read.
    """

    batch: int = 0
    keys: int = 0
    segments: tuple[str, ...] = ()
    misplaced: int | None = 0
    surplus: int | None = 0


def rebuild_index(
    env: Environment, raw_keys: RawKeys, segment_keys: int = SEGMENT_KEYS, key_columns: tuple[str, ...] = ()
) -> Rebuilt:
    """Read all live files, and publish the index that follows from them. Raises Conflict, Damage."""
    work = Rebuilding(env.keystore or KeyStore(env.files, env.layout), raw_keys, segment_keys, key_columns)
    steps: tuple[Step, ...] = (lock, settle, survey, claim, work.rebuild, ours, record, conclude)
    batch = publish(Batch(env, Kind.REPAIR), steps)
    work.done.batch, work.done.segments = batch.attempt.batch, batch.index or ()
    return work.done


def survey(batch: Batch) -> None:
    """All that is live is what is committed; else the files of the index are not the table's."""
    env = batch.env
    preconditions.check_table(env)
    found = {partition.values: partition for partition in env.metastore.all_partitions(env.table)}
    if preconditions.check_locations(env, batch.before.live, batch.before, found):
        raise Conflict(
            f"a stale write has put partitions of {env.table} back to earlier versions",
            f"Run `hotswap recover {env.table}` first.",
        )
    for version in batch.before.live.values():
        preconditions.check_listing(env, version)


def ours(batch: Batch) -> None:
    """Nothing was published while the files were read, and the lock is still this run's."""
    preconditions.check_not_settled(batch.env, batch.attempt.batch)
    preconditions.check_not_overtaken(batch.env, batch.before)
    if batch.lock is not None:
        batch.lock.ensure()


@dataclass(slots=True)
class Rebuilding:
    """`key_columns`: what `raw_keys` looks at; (): it is given all columns."""

    store: KeyStore
    raw_keys: RawKeys
    segment_keys: int = SEGMENT_KEYS
    key_columns: tuple[str, ...] = ()
    done: Rebuilt = field(default_factory=Rebuilt)
    known: int = 0  # keys of the files that the old index took for living

    def rebuild(self, batch: Batch) -> None:
        """Keys of all files into segments; each key once."""
        env = batch.env
        names: list[str] = []
        for number, segment in enumerate(_gathered(self._parts(batch), self.segment_keys)):
            self._check_once(env, names, segment)
            names.append(self.store.write_piece(batch.attempt.attempt, number, segment))
            self.done.keys += len(segment)
            self._compare(batch, segment)
        batch.index = tuple(names)
        self._count_surplus(batch)

    def _parts(self, batch: Batch) -> Iterator[pa.Table]:
        for partition in sorted(batch.before.live):
            version = batch.before.live[partition]
            name = batch.env.name_of(partition)
            for file in version.files:
                yield places(self._keys(batch.env, version, file), name)

    def _keys(self, env: Environment, version: Version, file: DataFile) -> pa.Array:
        """Of one file, proved: as many as the manifest says, each of the bucket that the file claims."""
        path = join(version.location, file.name)
        columns = [column for column in version.columns if not self.key_columns or column[0] in self.key_columns]
        batches = read_rows(env.files, path, version.format, columns)
        keys = pa.chunked_array([self.raw_keys(part, version.partition) for part in batches], pa.binary())
        joined: pa.Array = keys.combine_chunks()
        if len(joined) != file.rows or joined.null_count:
            raise _damage(f"{path} holds {len(joined)} rows, {joined.null_count} of them without key, not {file.rows}")
        strays = (hashes_of(joined) & np.uint32(file.bucket.count - 1)) != file.bucket.index
        if strays.any():
            raise _damage(f"keys in {path} belong to another file: {_shown(joined.filter(pa.array(strays)))}")
        return joined

    def _check_once(self, env: Environment, names: list[str], segment: pa.Table) -> None:
        """No key of `segment` is in it twice, or in an earlier one."""
        keys = _column(segment, "key")
        if pc.count_distinct(keys).as_py() != len(keys):
            counts = pc.value_counts(keys)
            twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
            raise _damage(f"keys of {env.table} are live more than once: {_shown(twice)}")
        hashes = np.asarray(_column(segment, "hash"))
        for name in names:
            again = find(self.store.open(name), hashes, keys) >= 0
            if again.any():
                raise _damage(f"keys of {env.table} are live more than once: {_shown(keys.filter(pa.array(again)))}")

    def _compare(self, batch: Batch, segment: pa.Table) -> None:
        """How many keys the index of before had elsewhere. It may be gone: that is why it is rebuilt."""
        if self.done.misplaced is None:
            return
        try:
            before = self.store.look_up(
                batch.before.index, np.asarray(_column(segment, "hash")), _column(segment, "key")
            )
        except (Damage, OSError, ValueError):
            self.done.misplaced = None
            return
        now = _column(segment, "partition").cast(pa.string())
        same = pc.sum(pc.fill_null(pc.equal(before, now), False)).as_py() or 0
        known = len(before) - before.null_count
        self.done.misplaced += len(segment) - same
        self.known += known

    def _count_surplus(self, batch: Batch) -> None:
        if self.done.misplaced is None:
            self.done.surplus = None
        else:
            self.done.surplus = self.store.count_living(batch.before.index) - self.known


def _gathered(parts: Iterator[pa.Table], most: int) -> Iterator[pa.Table]:
    """Sorted segments of about `most` keys."""
    waiting: list[pa.Table] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= most:
            yield sorted_segment(pa.concat_tables(waiting))
            waiting = []
    if sum(map(len, waiting)):
        yield sorted_segment(pa.concat_tables(waiting))


def _column(segment: pa.Table, name: str) -> pa.Array:
    column = segment[name].combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def _shown(keys: pa.Array) -> str:
    return ", ".join(repr(key)[1:] for key in keys[:SHOWN].to_pylist()) + (", …" if len(keys) > SHOWN else "")


def _damage(what: str) -> Damage:
    return Damage(
        what, "The index was left as it is. `hotswap verify --deep` names every such file; see Damage in docs."
    )
