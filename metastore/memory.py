"""A metastore in memory: a real implementation with the servers' semantics, and faults that a real one has on bad days.

It passes the same contract suite as the servers. It is thread-safe and can be served to other processes by reference
through a `multiprocessing` manager; all values that cross are plain and picklable.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from metastore import versions
from metastore.accuracy import with_columns_accurate
from metastore.api import (
    Column,
    ColumnStatistics,
    Lock,
    LockInfo,
    Partition,
    PartitionValues,
    Server,
    Table,
    TableName,
    Version,
)
from metastore.errors import (
    AlreadyExists,
    MetastoreError,
    NoReply,
    NoSuchDatabase,
    NoSuchPartition,
    NoSuchTable,
    Refused,
    Unreachable,
)
from metastore.memory_locks import LockQueue
from metastore.names import partition_name, partition_values
from metastore.translate import stored_parameters

P = ParamSpec("P")
T = TypeVar("T")
_UUID = "11111111-2222-3333-4444-555555555555"
_DDL_TIME = "transient_lastDdlTime"


class Fault(Enum):
    """What goes wrong with one call."""

    UNREACHABLE = "no connection: nothing is sent"
    LOSE_REQUEST = "the caller gets NoReply, nothing happens, ever"
    LOSE_REPLY = "it happens, the caller gets NoReply"
    HOLD = "the caller gets NoReply, it happens when `land_held` is called, if it still can"
    UNDER_WAY = "as HOLD, but the server has looked at what the call names already, and does not look again"
    REFUSE = "a rejection, nothing happens"
    FAIL_AFTER_COMMIT = "it happens, then a listener fails and the caller gets a rejection"


@dataclass(slots=True)
class _Stored:
    table: Table
    partitions: dict[str, Partition] = field(default_factory=dict)
    statistics: dict[str, dict[str, ColumnStatistics]] = field(default_factory=dict)

    def name_of(self, values: Sequence[str]) -> str:
        keys = [key.name for key in self.table.partition_keys]
        if len(keys) != len(values):
            raise _refused("MetaException", f"Invalid partition key & values; keys {keys}, values {list(values)}")
        return partition_name(keys, values)


def _call(method: Callable[Concatenate["InMemoryMetastore", P], T]) -> Callable[Concatenate["InMemoryMetastore", P], T]:
    """A call as a client sees it: one at a time, counted, and struck by the fault that waits for it."""

    @wraps(method)
    def sent(self: "InMemoryMetastore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._carry_out(method.__name__, partial(method, self, *args, **kwargs))

    return sent


class InMemoryMetastore:
    """`api.Metastore` in memory, with the semantics of `version`. `clock` gives seconds since 1970."""

    def __init__(
        self,
        version: str = "2.3.10",
        clock: Callable[[], float] = time.time,
        lock_timeout_s: float = 300.0,
        warehouse: str = "file:/warehouse",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        numbers: Version = versions.detect(version, knows_uuid=True)[0]
        self._server = Server(numbers, version, _UUID if numbers >= (3, 0, 0) else None, lock_timeout_s=lock_timeout_s)
        self._clock, self._warehouse = clock, warehouse
        self._settings = {"hive.txn.timeout": f"{lock_timeout_s:.0f}s", **(settings or {})}
        self._databases = {"default": warehouse}
        self._tables: dict[TableName, _Stored] = {}
        self._locks = LockQueue(clock, lock_timeout_s, versions.loader_lock_type(numbers))
        self._mutex = threading.RLock()
        self._faults: dict[str, deque[Fault]] = {}
        self._held: list[Callable[[], object]] = []
        self._counts: Counter[str] = Counter()

    # ---- for tests: what goes wrong, and what was called

    def inject(self, call: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of this name meet this fault, after those that wait already."""
        with self._mutex:
            self._faults.setdefault(call, deque()).extend([fault] * times)

    def fail_after_commit(self, call: str = "alter_partitions", times: int = 1) -> None:
        """As a failing listener does: the call commits, then raises."""
        self.inject(call, Fault.FAIL_AFTER_COMMIT, times)

    def replace_table(self, table: Table) -> None:
        """As somebody else's ALTER TABLE does; the partitions stay. Raises NoSuchTable."""
        with self._mutex:
            self._find(table.name).table = table

    def held(self) -> int:
        """How many calls are on their way and have not landed."""
        return len(self._held)

    def land_held(self) -> tuple[MetastoreError | None, ...]:
        """Let every held call land now, in order: None for one that went through, its error for one that could not."""
        with self._mutex:
            held, self._held = self._held, []
            return tuple(_error_of(effect) for effect in held)

    def call_counts(self) -> dict[str, int]:
        """How often each call was sent, lost ones included."""
        with self._mutex:
            return dict(self._counts)

    # ---- the protocol

    @_call
    def server(self) -> Server:
        return self._server

    @_call
    def setting(self, key: str) -> str | None:
        return self._settings.get(key)

    @_call
    def database_exists(self, name: str) -> bool:
        return name.lower() in self._databases

    @_call
    def create_database(self, name: str, location: str | None = None) -> None:
        if name.lower() in self._databases:
            raise AlreadyExists(f"database {name} already exists", thrift_class="AlreadyExistsException")
        self._databases[name.lower()] = location or f"{self._warehouse}/{name.lower()}.db"

    @_call
    def table(self, name: TableName) -> Table:
        return _copy_table(self._find(name).table)

    @_call
    def create_table(self, table: Table) -> None:
        if table.name.database not in self._databases:
            raise NoSuchDatabase(f"there is no database {table.name.database}", thrift_class="InvalidObjectException")
        if table.name in self._tables:
            raise AlreadyExists(f"table {table.name} already exists", thrift_class="AlreadyExistsException")
        location = table.location or f"{self._databases[table.name.database]}/{table.name.table}"
        parameters = self._dated(stored_parameters(table))
        stored = replace(table, location=location, parameters=parameters, create_time=int(self._clock()))
        self._tables[table.name] = _Stored(_copy_table(stored))

    @_call
    def alter_table_parameters(self, name: TableName, set: Mapping[str, str], remove: Iterable[str] = ()) -> None:
        stored = self._find(name)
        gone = frozenset(remove)
        kept = {key: value for key, value in stored.table.parameters.items() if key not in gone}
        changed = replace(stored.table, parameters={**kept, **set})
        stored.table = replace(changed, parameters=self._dated(stored_parameters(changed)))

    @_call
    def add_columns(self, name: TableName, columns: Sequence[Column]) -> None:
        stored = self._find(name)
        changed = replace(stored.table, columns=(*stored.table.columns, *columns))
        stored.table = replace(changed, parameters=self._dated(stored_parameters(changed)))

    @_call
    def drop_table(self, name: TableName, delete_data: bool = False) -> None:
        self._find(name)
        del self._tables[name]

    @_call
    def partition_names(self, name: TableName) -> tuple[PartitionValues, ...]:
        return tuple(partition_values(text) for text in sorted(self._find(name).partitions))

    @_call
    def partitions(self, name: TableName, values: Sequence[PartitionValues]) -> tuple[Partition, ...]:
        stored = self._find(name)
        keys = [key.name for key in stored.table.partition_keys]
        names = dict.fromkeys(partition_name(keys, v) for v in values)
        return tuple(_copy(stored.partitions[n]) for n in names if n in stored.partitions)

    @_call
    def all_partitions(self, name: TableName) -> tuple[Partition, ...]:
        return tuple(_copy(partition) for _, partition in sorted(self._find(name).partitions.items()))

    @_call
    def add_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        stored = self._find(name)
        names = [stored.name_of(_checked(name, p).values) for p in partitions]
        if there := [n for n in names if n in stored.partitions]:
            raise AlreadyExists(f"{name}: partition {there[0]} already exists", thrift_class="AlreadyExistsException")
        if len(set(names)) < len(names):
            raise _refused("MetaException", f"{name}: Duplicate partitions in the list")
        now = int(self._clock())
        added = [replace(p, create_time=now, parameters=self._dated(p.parameters)) for p in map(_copy, partitions)]
        stored.partitions.update(zip(names, added, strict=True))

    @_call
    def alter_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        stored = self._find(name)
        names = [stored.name_of(_checked(name, p).values) for p in partitions]
        if versions.refuses_duplicates(self._server.version) and len(set(names)) < len(names):
            raise _refused("InvalidOperationException", f"new parts size {len(names)} not matching {len(set(names))}")
        if missing := [p.values for n, p in zip(names, partitions, strict=True) if n not in stored.partitions]:
            raise NoSuchPartition(
                f"{name} has no partition {'/'.join(missing[0])}", "", "InvalidOperationException", missing
            )
        altered = [replace(p, parameters=self._dated(p.parameters)) for p in map(_copy, partitions)]
        stored.partitions.update(zip(names, altered, strict=True))

    @_call
    def set_column_statistics(
        self, name: TableName, statistics: Mapping[PartitionValues, Sequence[ColumnStatistics]]
    ) -> None:
        stored = self._find(name)
        if missing := [v for v in statistics if stored.name_of(v) not in stored.partitions]:
            raise NoSuchPartition(f"{name} has no partition {'/'.join(missing[0])}", "", "MetaException", missing)
        for values, columns in statistics.items():
            known = stored.statistics.setdefault(stored.name_of(values), {})
            known.update({column.name: column for column in columns})
            partition = stored.partitions[stored.name_of(values)]
            told = with_columns_accurate(partition.parameters, [column.name for column in columns])
            stored.partitions[stored.name_of(values)] = replace(partition, parameters=told)

    @_call
    def column_statistics(
        self, name: TableName, values: Sequence[PartitionValues], columns: Sequence[str]
    ) -> Mapping[PartitionValues, tuple[ColumnStatistics, ...]]:
        stored = self._find(name)
        known = {v: stored.statistics.get(stored.name_of(v), {}) for v in values}
        found = {v: tuple(of[c] for c in sorted(columns) if c in of) for v, of in known.items()}
        return {v: told for v, told in found.items() if told}

    @_call
    def drop_partition(self, name: TableName, values: PartitionValues) -> bool:
        stored = self._find(name)
        stored.statistics.pop(stored.name_of(values), None)
        return stored.partitions.pop(stored.name_of(values), None) is not None

    @_call
    def drop_partitions(self, name: TableName, values: Sequence[PartitionValues]) -> None:
        stored = self._find(name)
        missing = tuple(each for each in values if stored.name_of(each) not in stored.partitions)
        if missing:
            raise NoSuchPartition(
                f"{name} has no partition {'/'.join(missing[0])}", "", "NoSuchObjectException", missing
            )
        self._bury(name, values)

    def _bury(self, name: TableName, values: Sequence[PartitionValues]) -> None:
        """The second half of a drop: no server looks again whether all of them are still there."""
        stored = self._find(name)
        for each in values:
            stored.statistics.pop(stored.name_of(each), None)
            stored.partitions.pop(stored.name_of(each), None)

    @_call
    def lock(self, name: TableName, user: str, host: str, agent: str) -> Lock:
        return self._locks.lock(name, user, host, agent)

    @_call
    def check_lock(self, lock_id: int) -> Lock:
        return self._locks.check(lock_id)

    @_call
    def heartbeat(self, lock_id: int) -> None:
        self._locks.heartbeat(lock_id)

    @_call
    def unlock(self, lock_id: int) -> None:
        self._locks.unlock(lock_id)

    @_call
    def locks(self, name: TableName) -> tuple[LockInfo, ...]:
        return self._locks.show(name)

    def close(self) -> None:
        """Nothing to close: the content stays for whoever else uses it."""

    def _carry_out(self, call: str, effect: partial[T]) -> T:
        with self._mutex:
            self._counts[call] += 1
            waiting = self._faults.get(call)
            return self._struck(waiting.popleft(), call, effect) if waiting else effect()

    def _struck(self, fault: Fault, call: str, effect: partial[Any]) -> Any:
        """Carry a call out as the fault has it; always raises."""
        if fault is Fault.UNREACHABLE:
            raise Unreachable(f"{call}: no connection")
        if fault in (Fault.HOLD, Fault.UNDER_WAY):
            is_half_done = fault is Fault.UNDER_WAY and call == "drop_partitions"  # a swap writes all that it names
            self._held.append(partial(self._bury, *effect.args[1:]) if is_half_done else effect)
        if fault in (Fault.LOSE_REPLY, Fault.FAIL_AFTER_COMMIT):
            effect()
        if fault in (Fault.REFUSE, Fault.FAIL_AFTER_COMMIT):
            raise _refused("MetaException", f"{call}: {fault.value}")
        raise NoReply(f"{call}: the reply was lost", "Read the metastore back before anything else.")

    def _find(self, name: TableName) -> _Stored:
        stored = self._tables.get(name)
        if stored is None:
            raise NoSuchTable(f"there is no table {name}", thrift_class="NoSuchObjectException")
        return stored

    def _dated(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Servers put the time of a change where its writer did not."""
        return {_DDL_TIME: str(int(self._clock())), **parameters}


def _refused(thrift_class: str, message: str) -> Refused:
    return Refused(message, "Read the metastore back: a rejected call may have happened all the same.", thrift_class)


def _checked(name: TableName, partition: Partition) -> Partition:
    if not partition.columns:
        raise ValueError(f"{name}: partition {partition.values} has no columns")
    return partition


def _copy(partition: Partition) -> Partition:
    """Its own mappings, so that nobody's later change to one reaches in."""
    return replace(partition, format=replace(partition.format))


def _copy_table(table: Table) -> Table:
    return replace(table, format=replace(table.format))


def _error_of(effect: Callable[[], object]) -> MetastoreError | None:
    try:
        effect()
    except MetastoreError as error:
        return error
    return None
