"""What must be true of the table before a batch is planned, and again right before the swap.

`PRECONDITIONS`, at the end, lists all of it: a batch raises the first that fails, `hotswap plan` shows all that do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from loader.basics.errors import (
    ConfigError,
    Conflict,
    ForeignChange,
    Held,
    HotswapError,
    StorageError,
    UnsuitableTable,
    from_foreign,
)
from loader.publish.batch import Batch, Reading
from loader.publish.one_call import fits_one_call
from loader.publish.settling import foreign_change, sightings
from loader.publish.shares import few_deletes, few_deletes_of_each_partition, few_rejected
from loader.publish.suitable import check_format, check_suitable
from loader.state.definitions import may_follow
from loader.state.open_table import Environment
from loader.storage.files import Entry
from loader.storage.parallel import each
from metastore.api import Column, Partition, Table, TableName
from metastore.errors import MetastoreError
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


def check_table(env: Environment, table: Table | None = None) -> None:
    """The table is still the one that was configured. `table`: as read; None: not yet.

    Raises UnsuitableTable or ForeignChange.
    """
    table = table or env.metastore.table(env.table)
    check_suitable(table)
    check_format(table, env.storage)
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
        location = canonical_location(partitions[values].location)
        written = past.get((values, location))
        with suppress(FileNotFoundError):  # collected long ago: there is nothing to lose
            if written is None:
                _check_gone(env, values, location)
            elif written.version is not None:
                check_listing(env, written.version)
    return mendable


def _check_gone(env: Environment, partition: PartitionValues, location: str) -> None:
    """History forgets a version only once its directory is collected: what is there now is somebody else's."""
    names = [entry.name for entry in env.files.list(location) if not _hidden(entry.name)]
    if names:
        raise _foreign_files(env, partition, location, names)


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


PutBack = tuple[PartitionValues, ...]
"""Partitions that a stale write has put back to an earlier version: the swap mends them."""


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold before a swap: `name` says it in words; `prove` only reads, and raises what tells why it does not.

    `step`: of a batch, the one that asks for it ("swap": right before it). `of_attempt`: it is about the attempt under
    way, so there is nothing to prove before there is one.
    """

    name: str
    step: str
    prove: Callable[[Batch], PutBack | None]
    of_attempt: bool = False


def require(batch: Batch, step: str) -> PutBack:
    """Prove what `step` asks for. Raises the error of the first that fails."""
    proven = [condition.prove(batch) for condition in PRECONDITIONS if condition.step == step]
    return tuple(partition for put_back in proven for partition in put_back or ())


def failing(batch: Batch) -> tuple[HotswapError, ...]:
    """The errors of all that fail, in the order of a batch, of one that is gathered and whose `reading` is begun."""
    found: list[HotswapError] = []
    for condition in PRECONDITIONS:
        try:
            if not condition.of_attempt:
                condition.prove(batch)
        except (HotswapError, MetastoreError, OSError) as error:
            known = from_foreign(error) or HotswapError(str(error))
            if known.message not in [other.message for other in found]:
                found.append(known)
    return tuple(found)


def _not_held(batch: Batch) -> None:
    """Nobody waits for a person with the lock."""
    env, hold = batch.env, batch.before.whole_hold
    if hold is None:
        return
    how = f"at batch {hold.target} by the rollback" if hold.target is not None else "by the `hotswap hold`"
    raise Held(
        f"{env.table} is held {how} in batch {hold.batch}",
        f"Changes wait in HBase. `hotswap resume {env.table}` ends the hold and catches up.",
    )


def _same_definition(batch: Batch) -> None:
    """A loader that was started before a rebuild would put rows of the old configuration beside the new ones."""
    env, has = batch.env, batch.before.definition
    mine = env.definition
    if mine is None or has is None or mine == has or may_follow(env, mine.digest, has):
        return
    raise ConfigError(
        f"the rows of {env.table} have been made by another configuration than this loader's, up to batch"
        f" {batch.before.batch}",
        "Nothing was published. Start the loader again, with the configuration that made them.",
    )


def _same_rule(batch: Batch) -> None:
    """Rows of two merge rules do not stand in one table."""
    env, has = batch.env, batch.before.rule
    if has is None or has == env.rule.id:
        return
    raise ConfigError(
        f"the rows of {env.table} are merged by `{has.name}` {has.version}, and this configuration wants"
        f" `{env.rule.name}` {env.rule.id.version}",
        "Nothing was published. Put the table's source back, or keep the new one in another table.",
    )


def _begun(batch: Batch) -> Reading:
    if batch.reading is None:
        raise RuntimeError("nothing of the metastore is being read")
    return batch.reading


def _same_places(batch: Batch) -> PutBack:
    return check_locations(batch.env, batch.touched, batch.before, _begun(batch).partitions())


def _fence_stands(batch: Batch) -> None:
    fence = batch.attempt.fence
    if fence is not None and fence not in batch.found:
        batch.env.fences.own = None
        raise Conflict(
            f"the fence of this run was dropped from {batch.env.table}: another loader settled it",
            "Nothing was published. Run again.",
        )


def _places_as_planned(batch: Batch) -> PutBack:
    """Of every partition that moves, where the manifest says that it is."""
    env, live, now = batch.env, batch.before.live, batch.found
    wanted = {move.partition: move.old if move.old is not None else move.placeholder for move in batch.moves}
    astray = [p for p, place in wanted.items() if p not in now or not same_location(now[p].location, place or "")]
    mendable = stale(env, live, [now[partition] for partition in astray if partition in now])
    strange = {p: now[p].location if p in now else None for p in astray if p not in mendable}
    if strange:
        raise foreign_change(env, strange, {partition: wanted[partition] for partition in strange})
    return mendable


def _same_content(batch: Batch) -> None:
    """Columns, serde and files of what would be replaced. A preview has not read them again, as `check` does."""
    env, now = batch.env, batch.found or _begun(batch).partitions()
    known = [partition for partition in batch.touched if partition in now]
    each(env.files, lambda partition: _check_content(env, now[partition], batch.before.live.get(partition)), known)


def _lock_lives(batch: Batch) -> None:
    if batch.lock is not None:
        batch.lock.ensure()


PRECONDITIONS: tuple[Precondition, ...] = (
    Precondition("no hold of the whole table", "settle", _not_held),
    Precondition("the live rows are of this loader's configuration", "settle", _same_definition),
    Precondition("the live rows were merged by this loader's rule", "settle", _same_rule),
    Precondition("few enough rows are rejected", "collect", few_rejected),
    Precondition("few enough rows of the table are deleted", "collect", few_deletes),
    Precondition("few enough rows of each partition are deleted", "collect", few_deletes_of_each_partition),
    Precondition("what keys move between fits one call", "collect", fits_one_call),
    Precondition(
        "the table is as configured", "read_live", lambda batch: check_table(batch.env, _begun(batch).table())
    ),
    Precondition("partitions are where the last batch left them", "read_live", _same_places),
    Precondition("this run's fence stands", "check", _fence_stands, of_attempt=True),
    Precondition("nobody has published meanwhile", "check", lambda b: check_not_overtaken(b.env, b.before), True),
    Precondition("partitions are where the manifest says", "check", _places_as_planned, of_attempt=True),
    Precondition("columns, serde and files are as the last batch left them", "check", _same_content),
    Precondition("nobody has settled this attempt", "swap", lambda b: check_not_settled(b.env, b.attempt.batch), True),
    Precondition("the lock is still ours", "swap", _lock_lives, of_attempt=True),
)
"""In the order in which a batch proves them."""
