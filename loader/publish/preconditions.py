"""What must be true of the table before a batch is planned, and again right before the swap."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from loader.basics.errors import Conflict, ForeignChange, StorageError, UnsuitableTable
from loader.publish.settling import foreign_change, sightings
from loader.state.open_table import Environment
from loader.storage.files import Entry
from loader.storage.parallel import each
from metastore.api import Column, Partition, Table, TableName
from partitioner.history.manifest import PartitionMove
from partitioner.history.stale_writes import past_of, written_back
from partitioner.history.table_state import TableState
from partitioner.planning.plan import file_name
from partitioner.values import (
    AttemptId,
    Bucket,
    ColumnSpec,
    DataFile,
    PartitionValues,
    Version,
    canonical_location,
    same_location,
)

UNSUITABLE = {
    "transactional": "a transactional table keeps its own versions; hotswap needs a plain external table",
    "discover.partitions": "the server would run MSCK by itself and drop live partitions",
    "partition.retention.period": "the server would delete partitions by their age",
    "external.table.purge": "the server would delete data with every dropped partition",
}
"""Table parameters that break the promise when they are set (4-hive-facts 17)."""


def check_table(env: Environment, table: Table | None = None) -> None:
    """The table is still the one that was configured. `table`: as read; None: not yet.

    Raises UnsuitableTable or ForeignChange.
    """
    table = table or env.metastore.table(env.table)
    check_suitable(table)
    found = tuple((column.name, column.type) for column in table.columns)
    if found != env.columns:
        raise ForeignChange(
            f"the columns of {env.table} were changed: they are {_spell(found)}, and were {_spell(env.columns)}",
            "Put them back, or change the configuration as well and start again.",
        )


def specs(columns: Iterable[Column]) -> tuple[ColumnSpec, ...]:
    return tuple((column.name, column.type) for column in columns)


def check_configured(table: TableName, what: str, has: Sequence[ColumnSpec], wants: Sequence[ColumnSpec]) -> None:
    """The Hive table's columns or partition keys are those of the configuration. Raises UnsuitableTable."""
    if tuple(has) != tuple(wants):
        raise UnsuitableTable(
            f"the {what} of {table} are ({_spell(has)}), but the configuration says ({_spell(wants)})",
            "Make both name the same columns, types and order. `hotswap evolve` adds new columns behind the others.",
        )


def check_suitable(table: Table) -> None:
    if table.kind != "EXTERNAL_TABLE":
        raise UnsuitableTable(
            f"{table.name} is a {table.kind}, not an EXTERNAL_TABLE",
            "Create an external partitioned table, or let `hotswap init` create one under another name.",
        )
    for name, why in UNSUITABLE.items():
        value = table.parameters.get(name, "")
        if value and value.lower() != "false":
            raise UnsuitableTable(
                f"{table.name} has {name} = {value}: {why}",
                f"ALTER TABLE {table.name} UNSET TBLPROPERTIES ('{name}')",
            )


def is_stray(env: Environment, partition: PartitionValues, location: str) -> bool:
    """Whether a partition waits, empty, where some attempt of ours added it before a swap that never came.

    Told by the place and not by manifests: an attempt that slept may add one after it was settled without manifest.
    """
    name = canonical_location(location).rpartition("/")[2]
    attempt, ending, rest = name.rpartition("-empty")
    empty = env.layout.empty_version(env.name_of(partition), AttemptId(attempt))
    return bool(ending) and not rest and same_location(location, empty)


def check_locations(
    env: Environment,
    touched: Iterable[PartitionValues],
    before: TableState,
    found: Mapping[PartitionValues, Partition],
) -> tuple[PartitionValues, ...]:
    """Every touched partition is where the committed manifests say. Raises ForeignChange, or Conflict if overtaken.

    Returns those that a stale write has put back to an earlier version: a swap mends them.
    """
    live = before.live
    astray = [partition for partition in touched if not _as_known(env, live.get(partition), found.get(partition))]
    if astray:
        check_not_overtaken(env, before)
    mendable = stale(env, live, [found[partition] for partition in astray if partition in found])
    strange = {p: found[p].location if p in found else None for p in astray if p not in mendable}
    if strange:
        raise foreign_change(env, strange, {p: live[p].location if p in live else None for p in strange})
    return mendable


def _as_known(env: Environment, known: Version | None, seen: Partition | None) -> bool:
    if seen is None:
        return known is None
    if known is None:
        return is_stray(env, seen.values, seen.location)
    return same_location(seen.location, known.location)


def stale(
    env: Environment, live: Mapping[PartitionValues, Version], found: Iterable[Partition]
) -> tuple[PartitionValues, ...]:
    """The partitions of `found` that a stale write has put to another version of ours than the committed one.

    Raises ForeignChange if somebody has written to such a version meanwhile: it would be lost.
    """
    partitions = {partition.values: partition for partition in found}
    attempts = env.state.records().attempts if partitions else ()
    mendable = written_back(live, sightings(partitions.values()), attempts)
    past = past_of(attempts) if mendable else {}
    for values in mendable:
        version = past[values, canonical_location(partitions[values].location)].version
        if version is not None:
            with suppress(FileNotFoundError):  # collected long ago: there is nothing to lose
                check_listing(env, version)
    return mendable


def check_before_swap(
    env: Environment,
    moves: Iterable[PartitionMove],
    before: TableState,
    now: Mapping[PartitionValues, Partition],
) -> tuple[PartitionValues, ...]:
    """Locations, columns, serde and files of every touched partition are as the manifest expects.

    Returns those that a stale write has put back meanwhile. Raises ForeignChange.
    """
    check_not_overtaken(env, before)
    live = before.live
    strange: dict[PartitionValues, str | None] = {}
    expected: dict[PartitionValues, str | None] = {}
    wanted = {move.partition: move.old if move.old is not None else move.placeholder for move in moves}
    astray = [p for p, place in wanted.items() if p not in now or not same_location(now[p].location, place or "")]
    mendable = stale(env, live, [now[partition] for partition in astray if partition in now])
    for partition in astray:
        if partition not in mendable:
            strange[partition] = now[partition].location if partition in now else None
            expected[partition] = wanted[partition]
    if strange:
        raise foreign_change(env, strange, expected)
    each(env.files, lambda partition: _check_content(env, now[partition], live.get(partition)), wanted)
    return mendable


def _check_content(env: Environment, seen: Partition, known: Version | None) -> None:
    """Nobody has put anything into what the swap replaces."""
    if known is None:
        _check_empty(env, seen)
    elif same_location(seen.location, known.location):
        check_version(env, seen, known)
    else:
        check_listing(env, known)


def _check_empty(env: Environment, seen: Partition) -> None:
    """A partition that was added before its swap holds no row, but somebody's INSERT may have found it."""
    own = file_name(Bucket(0, 1), "")
    entries: tuple[Entry, ...] = ()
    with suppress(FileNotFoundError):
        entries = env.files.list(seen.location)
    odd = [entry.name for entry in entries if not _hidden(entry.name) and not entry.name.startswith(own)]
    if odd:
        raise _foreign_files(env, seen.values, seen.location, odd)


def check_version(env: Environment, seen: Partition, version: Version) -> None:
    """Columns, serde and files are the manifest's. Raises ForeignChange, FileNotFoundError."""
    columns = tuple((column.name, column.type) for column in seen.columns)
    if columns != version.columns or seen.format.serde != env.storage.serde:
        raise ForeignChange(
            f"the columns or the serde of partition {env.name_of(seen.values)} of {env.table} were changed:"
            f" {_spell(columns)}, {seen.format.serde}",
            "Nothing was overwritten. Put them back with ALTER TABLE, then run again.",
        )
    check_listing(env, version)


def check_listing(env: Environment, version: Version) -> None:
    """A live directory holds exactly the manifest's files: somebody's INSERT would be lost by the swap."""
    found = {entry.name: entry.size for entry in env.files.list(version.location) if not _hidden(entry.name)}
    wanted = {file.name: file.bytes for file in version.files}
    if found != wanted:
        odd = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise _foreign_files(env, version.partition, version.location, odd)


def _foreign_files(env: Environment, partition: PartitionValues, location: str, names: list[str]) -> ForeignChange:
    return ForeignChange(
        f"the files of partition {env.name_of(partition)} of {env.table} were changed by somebody else"
        f" in {location}: {', '.join(names[:5])}",
        f"Nothing was overwritten. `hotswap verify {env.table}` names each file to move away; then run again.",
    )


def check_written(env: Environment, location: str, files: Iterable[DataFile]) -> None:
    """A new version holds exactly the planned files, at the sizes the writers reported."""
    found = {entry.name: entry.size for entry in env.files.list(location)}
    wanted = {file.name: file.bytes for file in files}
    if found != wanted:
        odd = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise StorageError(
            f"{location} does not hold what was written to it: {', '.join(odd[:5])}",
            "Nothing was published. Check the file system, then run again.",
        )


def check_not_settled(env: Environment, batch: int) -> None:
    """Nobody else has settled this attempt while it slept."""
    ending = env.state.ending(batch)
    if ending is not None:
        raise Conflict(
            f"batch {batch} of {env.table} was settled as {ending.verdict} by another loader: {ending.reason}",
            "This loader was stopped for longer than its lock lives. Nothing was published; run again.",
        )


def check_not_overtaken(env: Environment, before: TableState) -> None:
    """What this attempt was planned on is still the last that was committed."""
    now = env.state.records().state.batch
    if now != before.batch:
        raise Conflict(
            f"another loader has published batch {now} of {env.table} meanwhile",
            "This loader was stopped for longer than its lock lives. Nothing was published; run again.",
        )


def _hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _spell(columns: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
