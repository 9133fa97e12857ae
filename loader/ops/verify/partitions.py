"""`hotswap verify`: metastore ↔ manifests ↔ files ↔ row counts, partition by partition. Changes nothing, takes no lock.

A loader may publish meanwhile: what is compared was read between two readings of the state that agree, and partitions
of an attempt that is under way are left out and named. `verify_rows.py` reads the files themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from loader.datafiles.split_file import count_rows
from loader.publish.parameters import ATTEMPT
from loader.publish.preconditions import is_stray, specs
from loader.publish.settling import sightings
from loader.publish.suitable import unsuitable
from loader.report.findings import Finding, Grade
from loader.state.names import strays
from loader.state.open_table import Environment
from loader.state.records import Records
from loader.storage.files import Entry, join
from metastore.api import LockState, Partition
from partitioner.history.stale_writes import written_back
from partitioner.values import DataFile, PartitionValues, Version, same_location

READS = 5
PAUSE_S = 1.0

damage = partial(Finding, Grade.DAMAGE)
to_do = partial(Finding, Grade.TO_DO)
note = partial(Finding, Grade.NOTE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State and metastore as of one moment. `moving`: partitions of attempts that are not settled."""

    records: Records
    found: Mapping[PartitionValues, Partition]
    moving: frozenset[PartitionValues]

    @property
    def live(self) -> tuple[Version, ...]:
        """What is to be compared, by partition."""
        live = self.records.state.live
        return tuple(live[partition] for partition in sorted(live) if partition not in self.moving)


def snapshot(env: Environment) -> Snapshot:
    """Read until nothing was published meanwhile; after some tries what is under way is left out."""
    for attempt in range(READS):
        before = env.state.records().state.batch
        found = {partition.values: partition for partition in env.metastore.all_partitions(env.table)}
        records = env.state.records()
        moving = frozenset(
            move.partition for item in records.unsettled if item.manifest for move in item.manifest.moves
        )
        if records.state.batch == before and not records.unsettled:
            break
        if attempt < READS - 1:
            env.sleep(PAUSE_S)
    return Snapshot(records, found, moving)


def verify_table(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    """Everything but the rows themselves."""
    yield from _table(env)
    yield from _unsettled(env, seen)
    yield from _partitions(env, seen)
    yield from _strangers(env, seen)
    for version in seen.live:
        yield from _files(env, version)
    yield from _index(env, seen)
    yield from _strays(env)


def _table(env: Environment) -> Iterator[Finding]:
    for problem in unsuitable(env.metastore.table(env.table)):
        yield to_do("table", str(env.table), problem.message, problem.hint)


def _strays(env: Environment) -> Iterator[Finding]:
    """What a backup tool, or a person, has left among the state objects; nobody reads it."""
    for path in strays(env.files, env.layout):
        yield note("state", path, "is no state object of hotswap: it is ignored", "Move it out of the state folder.")


def _unsettled(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    names = ", ".join(item.intent.attempt for item in seen.records.unsettled)
    if not names:
        return
    left = f"; {len(seen.moving)} partition(s) of it were not compared" if seen.moving else ""
    if any(lock.state is LockState.ACQUIRED for lock in env.metastore.locks(env.table)):
        yield note("attempts", str(env.table), f"{names} is under way{left}", "Verify again once it has ended.")
    else:
        yield to_do("attempts", str(env.table), f"{names} is not settled{left}", f"hotswap recover {env.table}")


def _partitions(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    astray = {
        version.partition: seen.found[version.partition]
        for version in seen.live
        if version.partition in seen.found
        and not same_location(seen.found[version.partition].location, version.location)
    }
    mendable = written_back(seen.records.state.live, sightings(astray.values()), seen.records.attempts)
    for version in seen.live:
        partition, name = seen.found.get(version.partition), env.name_of(version.partition)
        back = _set_location(env, version)
        if partition is None:
            add = f"ALTER TABLE {env.table} ADD PARTITION ({_spelled(env, version)}) LOCATION '{version.location}'"
            yield to_do("metastore", name, "the partition was dropped by somebody", add)
        elif version.partition in mendable:
            what = f"a stale write (ANALYZE, ADD COLUMNS CASCADE) has put it back to {partition.location}"
            yield to_do("metastore", name, what, f"hotswap recover {env.table}")
        elif version.partition in astray:
            yield to_do("metastore", name, f"points to {partition.location}, not to {version.location}", back)
        else:
            yield from _definition(env, partition, version)
        yield from _placeholder(env, name)


def _set_location(env: Environment, version: Version) -> str:
    return f"ALTER TABLE {env.table} PARTITION ({_spelled(env, version)}) SET LOCATION '{version.location}'"


def _spelled(env: Environment, version: Version) -> str:
    """As HiveQL names a partition."""
    pairs = zip(env.partition_keys, version.partition, strict=True)
    return ", ".join(f"{key.name}='{value}'" for key, value in pairs)


def _definition(env: Environment, partition: Partition, version: Version) -> Iterator[Finding]:
    """Columns, serde and statistics of a partition that is where it should be."""
    name = env.name_of(version.partition)
    if specs(partition.columns) != version.columns or partition.format.serde != env.storage.serde:
        yield to_do("metastore", name, "its columns or its serde were changed", "Put them back with ALTER TABLE.")
    rows = partition.parameters.get("numRows")
    if rows != str(version.rows):
        what = f"numRows is {rows}, its files hold {version.rows}: Hive answers count(*) from it"
        yield to_do("statistics", name, what, f"hotswap recover {env.table}")
    if partition.parameters.get(ATTEMPT) != version.attempt:
        what = f"{ATTEMPT} is {partition.parameters.get(ATTEMPT)}, not {version.attempt}"
        yield note("statistics", name, what, f"hotswap recover {env.table}")


def _placeholder(env: Environment, name: str) -> Iterator[Finding]:
    folder = env.layout.placeholder(name)
    if not env.files.exists(folder):
        what = f"its placeholder {folder} is gone: MSCK REPAIR … SYNC PARTITIONS would drop the partition"
        yield to_do("placeholder", name, what, f"mkdir -p {folder.removeprefix('file://')}")


def _strangers(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    """Partitions that no manifest knows."""
    known = seen.records.state.live.keys() | seen.moving
    for values, partition in seen.found.items():
        if values in known or env.fences.is_fence(values) or is_stray(env, values, partition.location):
            continue
        what = f"somebody added it, at {partition.location}"
        yield to_do("metastore", env.name_of(values), what, "Drop it, or keep its rows in a table of their own.")


def _files(env: Environment, version: Version) -> Iterator[Finding]:
    name = env.name_of(version.partition)
    try:
        entries = {entry.name: entry for entry in env.files.list(version.location) if entry.name[:1] not in "_."}
    except FileNotFoundError:
        if is_live(env, version):
            yield damage("files", name, f"its directory {version.location} is gone", lost(env))
        return
    wanted = {file.name: file for file in version.files}
    for file in version.files:
        yield from _file(env, version, file, entries.get(file.name))
    for odd in sorted(entries.keys() - wanted.keys()):
        path = join(version.location, odd)
        what = f"{path} is not ours: readers see its rows, and no batch can be published over it"
        yield to_do("files", name, what, f"Move it away: mv {path.removeprefix('file://')} elsewhere")


def _file(env: Environment, version: Version, file: DataFile, entry: Entry | None) -> Iterator[Finding]:
    name, path = env.name_of(version.partition), join(version.location, file.name)
    if entry is None:
        yield damage("files", name, f"{path} is gone", lost(env))
        return
    if entry.size != file.bytes:
        yield damage("files", name, f"{path} has {entry.size} bytes, the manifest says {file.bytes}", lost(env))
        return
    try:
        rows = count_rows(env.files, path, version.format)
    except (OSError, ValueError) as error:
        yield damage("files", name, f"the footer of {path} cannot be read: {error}", lost(env))
        return
    if rows != file.rows:
        yield damage("row counts", name, f"{path} holds {rows} rows, the manifest says {file.rows}", lost(env))


def _index(env: Environment, seen: Snapshot) -> Iterator[Finding]:
    for segment in seen.records.state.index:
        path = env.layout.index_segment(segment)
        if not env.files.exists(path):
            yield damage("key index", segment, f"{path} is gone", "Restore it from a backup of the state folder.")


def is_live(env: Environment, version: Version) -> bool:
    """Whether it still is what is committed: what was superseded meanwhile may have been collected."""
    now = env.state.records().state.live.get(version.partition)
    return now is not None and same_location(now.location, version.location)


def lost(env: Environment) -> str:
    """What to do about a file that is not as it was written."""
    return (
        f"Restore it from a backup, or go back to a batch before it was written: hotswap history {env.table},"
        f" then hotswap rollback {env.table} --to BATCH"
    )
