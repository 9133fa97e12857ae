"""The bootstrap as an attempt: its files are there already, so it links them, records them and swaps."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa

from loader.basics.errors import Conflict
from loader.datafiles.split_file import write_empty
from loader.publish import moves, preconditions
from loader.publish.batch import Batch, DirtyKeys
from loader.publish.publish import publish
from loader.publish.steps import Step, claim, lock, read_live, record, settle
from loader.publish.swap import add_missing, check, conclude, read_back, swap
from loader.state.change_sets import store_change_set
from loader.state.open_table import Environment
from loader.state.quarantine import Rejected, quarantined, store_rejected
from loader.storage.files import join
from partitioner.arrow_types import arrow_schema
from partitioner.changes.change_set import META, ChangeSet
from partitioner.history.kinds import Kind
from partitioner.history.manifest import Counts
from partitioner.history.position import Position
from partitioner.values import DataFile, PartitionValues, Version, canonical_location


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is published: partition → (folder, its files); the key index's segments; what could not be decoded."""

    files: dict[PartitionValues, tuple[str, tuple[DataFile, ...]]]
    index: tuple[str, ...]
    rejected: Sequence[Rejected]
    position: Position

    @property
    def rows(self) -> int:
        return sum(file.rows for _, files in self.files.values() for file in files)


def publish_bootstrap(env: Environment, prepared: Prepared) -> Batch:
    """Raises Conflict if anything was published meanwhile, and what a publish raises."""
    return _publish(env, prepared, Kind.BOOTSTRAP, check_unloaded)


def publish_rebuild(env: Environment, prepared: Prepared, may_replace: Step) -> Batch:
    """All that is live is replaced, in one swap. `may_replace` raises, under the lock, what stands in the way."""
    return _publish(env, prepared, Kind.REBUILD, may_replace)


def _publish(env: Environment, prepared: Prepared, kind: Kind, allowed: Step) -> Batch:
    def place(batch: Batch) -> None:
        _place(batch, prepared)

    steps: tuple[Step, ...] = (
        lock,
        settle,
        allowed,
        claim,
        place,
        read_live,
        record,
        add_missing,
        check,
        swap,
        read_back,
        conclude,
    )
    return publish(Batch(env, kind), steps)


def check_unloaded(batch: Batch) -> None:
    """Nothing was ever published. Raises Conflict."""
    if batch.before.batch:
        raise Conflict(
            f"{batch.env.table} is loaded already, up to batch {batch.before.batch}",
            "Bootstrap is for a table's first load. `hotswap reconcile` finds what is missing.",
        )


def _place(batch: Batch, prepared: Prepared) -> None:
    """Version directories with links to the files; the change set without rows tells a crash what to delete."""
    env, attempt = batch.env, batch.attempt.attempt
    emptied = sorted(batch.before.live.keys() - prepared.files.keys())
    partitions = tuple(sorted([*prepared.files, *emptied]))
    empty = pa.schema([*META, *arrow_schema(env.columns)]).empty_table()
    for name in prepared.index:  # under the lock: what no manifest names yet, a clean would delete
        env.files.make_dirs(env.layout.index_segment(name).rpartition("/")[0])
        with suppress(FileExistsError):
            env.files.link(join(env.layout.bootstrap, name), env.layout.index_segment(name))
    store_rejected(env.files, env.layout, attempt, prepared.rejected)
    store_change_set(env.files, env.layout, attempt, ChangeSet(empty, partitions))
    batch.found = {seen.values: seen for seen in env.metastore.partitions(env.table, list(partitions))}
    batch.moves = tuple(
        moves.move(batch, values, _empty(batch, values) if values in emptied else _version(batch, values, prepared))
        for values in partitions
    )
    batch.carried = replace(
        batch.carried,
        paid=batch.before.owed,
        taken=tuple(aside.name for aside in batch.before.released),
        healed=_healed(batch, prepared),
    )
    batch.index, batch.counts = prepared.index, Counts(upserts=prepared.rows, rejected=len(prepared.rejected))
    batch.dirty = DirtyKeys(pa.array([], pa.binary()), prepared.position)


def _healed(batch: Batch, prepared: Prepared) -> tuple[str, ...]:
    """Quarantined keys (hex) that were read with all others, and not rejected again."""
    env, still = batch.env, {row.key.hex() for row in prepared.rejected}
    return tuple(sorted(quarantined(env.files, env.layout, env.state.records().attempts).keys() - still))


def _empty(batch: Batch, values: PartitionValues) -> Version:
    """A partition that no row is in any more points at a version without rows."""
    env = batch.env
    location = canonical_location(env.layout.version(env.name_of(values), batch.attempt.attempt))
    env.files.make_dirs(location)
    file = write_empty(env.files, location, env.columns, env.format)
    return Version(values, batch.attempt.attempt, location, env.format, env.columns, _by(batch, [file]))


def _by(batch: Batch, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
    return tuple(replace(file, by=batch.attempt.attempt) for file in files)


def _version(batch: Batch, values: PartitionValues, prepared: Prepared) -> Version:
    env, (folder, files) = batch.env, prepared.files[values]
    name = env.name_of(values)
    location = canonical_location(env.layout.version(name, batch.attempt.attempt))
    env.files.make_dirs(location)
    for file in files:
        env.files.link(join(folder, file.name), join(location, file.name))
    preconditions.check_written(env, location, files)
    folders = [location]
    for _ in env.partition_keys:
        folders.append(folders[-1].rpartition("/")[0])
    env.files.sync([*(join(location, file.name) for file in files), *folders])
    return Version(values, batch.attempt.attempt, location, env.format, env.columns, _by(batch, files))
