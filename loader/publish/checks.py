"""What must be true of the table before a batch is planned, and again right before the swap."""

from collections.abc import Iterable, Mapping

from loader.errors import Conflict, ForeignChange, StorageError, UnsuitableTable
from loader.publish.environment import Environment
from loader.publish.settling import foreign_change
from metastore.api import Partition, Table
from partitioner.history import Attempt
from partitioner.manifest import PartitionMove
from partitioner.values import DataFile, PartitionValues, Version, same_location

UNSUITABLE = {
    "transactional": "a transactional table keeps its own versions; hotswap needs a plain external table",
    "discover.partitions": "the server would run MSCK by itself and drop live partitions",
    "partition.retention.period": "the server would delete partitions by their age",
    "external.table.purge": "the server would delete data with every dropped partition",
}
"""Table parameters that break the promise when they are set (4-hive-facts 17)."""


def check_table(env: Environment) -> None:
    """The table is still the one that was configured. Raises UnsuitableTable or ForeignChange."""
    table = env.metastore.table(env.table)
    check_suitable(table)
    found = tuple((column.name, column.type) for column in table.columns)
    if found != env.columns:
        raise ForeignChange(
            f"the columns of {env.table} are {_spell(found)}, but the configuration says {_spell(env.columns)}",
            "Change the configuration, or the table, so that both name the same columns in the same order.",
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


def stray_placeholders(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Empty versions at which aborted attempts may have left partitions (an add that landed late)."""
    return frozenset(
        move.placeholder
        for attempt in attempts
        if attempt.manifest and not attempt.committed
        for move in attempt.manifest.moves
        if move.placeholder
    )


def check_locations(
    env: Environment,
    touched: Iterable[PartitionValues],
    live: Mapping[PartitionValues, Version],
    found: Mapping[PartitionValues, Partition],
    strays: frozenset[str],
) -> None:
    """Every touched partition is where the committed manifests say. Raises ForeignChange."""
    strange = {}
    for partition in touched:
        known, seen = live.get(partition), found.get(partition)
        if not _as_known(known, seen, strays):
            strange[partition] = seen.location if seen else None
    if strange:
        expected = {p: live[p].location if p in live else None for p in strange}
        raise foreign_change(env, strange, expected)


def _as_known(known: Version | None, seen: Partition | None, strays: frozenset[str]) -> bool:
    if seen is None:
        return known is None
    if known is None:
        return any(same_location(seen.location, stray) for stray in strays)
    return same_location(seen.location, known.location)


def check_before_swap(
    env: Environment,
    moves: Iterable[PartitionMove],
    live: Mapping[PartitionValues, Version],
    now: Mapping[PartitionValues, Partition],
) -> None:
    """Locations, columns, serde and files of every touched partition are as the manifest expects."""
    strange: dict[PartitionValues, str | None] = {}
    expected: dict[PartitionValues, str | None] = {}
    for move in moves:
        seen = now.get(move.partition)
        wanted = move.old if move.old is not None else move.placeholder
        if seen is None or wanted is None or not same_location(seen.location, wanted):
            strange[move.partition], expected[move.partition] = (seen.location if seen else None), wanted
        elif move.old is not None and move.partition in live:
            _check_version(env, seen, live[move.partition])
    if strange:
        raise foreign_change(env, strange, expected)


def _check_version(env: Environment, seen: Partition, version: Version) -> None:
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
        raise ForeignChange(
            f"the files of partition {env.name_of(version.partition)} of {env.table} were changed by somebody else"
            f" in {version.location}: {', '.join(odd[:5])}",
            "Nothing was overwritten. Move foreign files away (or run their INSERT elsewhere), then run again.",
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


def _hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _spell(columns: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
