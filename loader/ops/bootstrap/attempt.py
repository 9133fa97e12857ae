"""The bootstrap as an attempt: its files are there already, so it links them, records them and swaps."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa

from loader.basics.errors import Conflict
from loader.publish import moves, preconditions
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.publish.steps import Step, claim, lock, read_live, record, settle
from loader.publish.swap import add_missing, check, conclude, read_back, swap
from loader.sources.api import moved_to
from loader.state.change_sets import store_change_set
from loader.state.open_table import Environment
from loader.state.quarantine import RejectedRow, store_rejected
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
    rejected: Sequence[RejectedRow]
    position: Position
    begun_ms: int

    @property
    def rows(self) -> int:
        return sum(file.rows for _, files in self.files.values() for file in files)


def publish_bootstrap(env: Environment, prepared: Prepared) -> Batch:
    """Raises Conflict if anything was published meanwhile, and what a publish raises."""

    def put(batch: Batch) -> None:
        place(batch, prepared)

    return publish(Batch(env, Kind.BOOTSTRAP), whole_table_steps(check_unloaded, put))


def whole_table_steps(judge: Step, put: Step) -> tuple[Step, ...]:
    """Of an attempt whose files are there already. `judge`, under the lock, says what stands in the way of it."""
    return (
        lock,
        settle,
        judge,
        claim,
        put,
        read_live,
        record,
        add_missing,
        check,
        swap,
        read_back,
        conclude,
    )


def check_unloaded(batch: Batch) -> None:
    """Nothing was ever published. Raises Conflict."""
    _refuse_loaded(batch.env, batch.before.batch)


def _refuse_loaded(env: Environment, batch: int) -> None:
    if batch:
        raise Conflict(
            f"{env.table} is loaded already, up to batch {batch}",
            "Bootstrap is for a table's first load. `hotswap reconcile` finds what is missing, and"
            f" `hotswap rebuild {env.table}` makes all of it anew.",
        )


def place(batch: Batch, prepared: Prepared, emptied: Sequence[PartitionValues] = ()) -> None:
    """Version directories with links to the files; the change set without rows tells a crash what to delete.

    `emptied`: partitions that get no row.
    """
    env, attempt = batch.env, batch.attempt.attempt
    partitions = (*sorted(prepared.files), *emptied)
    empty = pa.schema([*META, *arrow_schema(env.columns)]).empty_table()
    for name in prepared.index:  # under the lock: what no manifest names yet, a clean would delete
        env.files.make_dirs(env.layout.index_segment(name).rpartition("/")[0])
        with suppress(FileExistsError):
            env.files.link(join(env.layout.bootstrap, name), env.layout.index_segment(name))
        env.files.sync([env.layout.index_segment(name), env.layout.index_segment(name).rpartition("/")[0]])
    store_rejected(env.files, env.layout, attempt, prepared.rejected)
    store_change_set(env.files, env.layout, attempt, ChangeSet(empty, partitions))
    batch.found = {seen.values: seen for seen in env.metastore.partitions(env.table, list(partitions))}
    batch.moves = tuple(moves.move(batch, values, _version(batch, values, prepared)) for values in partitions)
    batch.index, batch.counts = prepared.index, Counts(upserts=prepared.rows, rejected=len(prepared.rejected))
    batch.poll = moved_to(prepared.position)


def _by(batch: Batch, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
    return tuple(replace(file, by=batch.attempt.attempt) for file in files)


def _version(batch: Batch, values: PartitionValues, prepared: Prepared) -> Version:
    if values not in prepared.files:
        return moves.empty_version(batch, values)
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


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """How a bootstrap is published: into a table in which nothing ever was."""

    salt: str = ""

    def check(self, env: Environment) -> None:
        """Before anything is read. Raises Conflict."""
        _refuse_loaded(env, env.state.records().state.batch)

    def is_over(self, env: Environment, begun_ms: int) -> bool:
        """Whether work that began then is published already: what is left of it is not gone on with."""
        return False

    def publish(self, env: Environment, prepared: Prepared) -> Batch:
        return publish_bootstrap(env, prepared)
