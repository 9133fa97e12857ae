"""What others wrote: every partition that is not as the committed manifests have it, and what lies there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from loader.basics.errors import UnsuitableTable
from loader.datafiles.split_file import count_rows
from loader.publish import preconditions
from loader.publish.settling import sightings
from loader.publish.suitable import partition_problem
from loader.state.open_table import Environment
from loader.storage.files import Entry, join
from metastore.api import Partition
from partitioner.history.stale_writes import written_back
from partitioner.history.table_state import TableState
from partitioner.values import Bucket, DataFile, PartitionValues, Version, canonical_location, same_location

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Find:
    """One partition. `what`: new, moved, changed or dropped; `seen` None: it is dropped."""

    partition: PartitionValues
    name: str
    what: str
    seen: Partition | None
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def survey(env: Environment, state: TableState) -> tuple[Find, ...]:
    """Sorted by partition. Reads the footers of foreign files only. Raises UnsuitableTable for what cannot be kept."""
    found = {partition.values: partition for partition in env.metastore.all_partitions(env.table)}
    stale = set(written_back(state.live, sightings(found.values()), env.state.records().attempts))
    return tuple(sorted(_finds(env, state, found, stale), key=lambda find: find.partition))


def version_of(env: Environment, find: Find, attempt: str) -> Version:
    """The find as a version: its own location, columns and files."""
    seen = find.seen
    if seen is None:
        raise ValueError(f"{find.name} is dropped")
    columns = tuple((column.name, column.type) for column in seen.columns)
    location = canonical_location(seen.location)
    return Version(find.partition, attempt, location, env.format, columns, find.files)  # type: ignore[arg-type]


def _finds(
    env: Environment, state: TableState, found: Mapping[PartitionValues, Partition], stale: set[PartitionValues]
) -> Iterator[Find]:
    for values, seen in found.items():
        if env.fences.is_fence(values) or values in stale:
            continue
        known = state.live.get(values)
        if known is None:
            if not preconditions.is_stray(env, values, seen.location):
                yield _foreign(env, seen, "new")
        elif not same_location(seen.location, known.location):
            yield _foreign(env, seen, "moved")
        elif _listed(env, seen) != {file.name: file.bytes for file in known.files} or _columns(seen) != known.columns:
            yield _foreign(env, seen, "changed")
    for values in state.live.keys() - found.keys():
        yield Find(values, env.name_of(values), "dropped", None, ())


def _foreign(env: Environment, seen: Partition, what: str) -> Find:
    name = env.name_of(seen.values)
    if problem := partition_problem(seen, env.storage):
        raise UnsuitableTable(
            f"partition {name} of {env.table} {problem}",
            "Write that partition anew in the table's format first.",
        )
    return Find(seen.values, name, what, seen, tuple(_files(env, seen, name)))


def _files(env: Environment, seen: Partition, name: str) -> Iterator[DataFile]:
    for entry in _entries(env, seen):
        path = join(seen.location, entry.name)
        if entry.is_dir:
            raise UnsuitableTable(
                f"{path} is a folder inside of partition {name} of {env.table}",
                "Files must lie right in the partition's location: write that partition anew first.",
            )
        try:
            rows = count_rows(env.files, path, env.format)
        except (OSError, pa.ArrowException) as error:
            raise UnsuitableTable(f"{path} is no {env.format} file that can be read: {error}") from error
        yield DataFile(entry.name, Bucket(0, 1), rows, entry.size)


def _entries(env: Environment, seen: Partition) -> list[Entry]:
    try:
        return [entry for entry in env.files.list(seen.location) if entry.name[:1] not in "_."]
    except FileNotFoundError:
        return []


def _listed(env: Environment, seen: Partition) -> dict[str, int]:
    return {entry.name: entry.size for entry in _entries(env, seen)}


def _columns(seen: Partition) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type) for column in seen.columns)
