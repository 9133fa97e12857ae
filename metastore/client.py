"""The Thrift calls. Reads are retried on fresh connections; what changes something is sent once or not at all."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from hmsclient.genthrift.hive_metastore import ttypes
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

from metastore import statistics as of_columns
from metastore import structs, translate, versions
from metastore.api import (
    DEFAULT_LOCK_TIMEOUT_S,
    DEFAULT_MAX_MESSAGE_BYTES,
    Column,
    ColumnStatistics,
    Lock,
    LockInfo,
    Partition,
    PartitionValues,
    Server,
    Table,
    TableName,
)
from metastore.auth import Auth
from metastore.errors import (
    NOT_A_METASTORE_HINT,
    AlreadyExists,
    IncompleteAnswer,
    MetastoreError,
    NoReply,
    NoSuchDatabase,
    NoSuchLock,
    NoSuchPartition,
    NoSuchTable,
    NotAMetastore,
    Refused,
    Unreachable,
    Unsupported,
)
from metastore.names import partition_name, partition_values
from metastore.structs import Call
from metastore.transport import Pool, Timeouts, parse_uris

_ALL = -1
_NO_STATISTICS = {"DO_NOT_UPDATE_STATS": "true"}
_BATCH_SIZE_HINT = (
    "If metastore.direct.sql.batch.size is set on the server, set it to 0 or above the number of partitions: Hive 4 "
    "answers wrongly over more than that many."
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How reads are retried: at most `attempts` times, and none begins later than `deadline_s` after the first."""

    attempts: int = 4
    deadline_s: float = 120.0
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0


def connect(
    uris: Sequence[str],
    timeout_s: float = 600.0,
    auth: Auth | None = None,
    *,
    connect_timeout_s: float = 10.0,
    retries: Retries | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> "ThriftMetastore":
    """A metastore that has answered. The first of `uris` that takes a connection is used, later ones are for failover.

    `timeout_s` bounds the wait for one reply. Raises `Unreachable`, `NotAMetastore`, `NotAccepted`, ValueError on a
    malformed URI.
    """
    pool = Pool(parse_uris(uris), auth or Auth(), Timeouts(connect_timeout_s, timeout_s))
    metastore = ThriftMetastore(pool, retries or Retries(), sleep)
    try:
        metastore.server()
    except BaseException:
        metastore.close()
        raise
    return metastore


class ThriftMetastore:
    """`api.Metastore` over Thrift. Safe to use from several threads."""

    def __init__(self, pool: Pool, retries: Retries, sleep: Callable[[float], None]) -> None:
        self._pool, self._retries, self._sleep = pool, retries, sleep
        self._server: Server | None = None
        self._keys: dict[TableName, list[str]] = {}

    def server(self) -> Server:
        if self._server is None:
            self._server = self._detect()
        return self._server

    def setting(self, key: str) -> str | None:
        return self._optional(structs.GET_CONFIG, key, "") or None

    def database_exists(self, name: str) -> bool:
        try:
            self._read(structs.GET_DATABASE, name.lower())
        except Refused as error:
            if error.thrift_class == "NoSuchObjectException":
                return False
            raise
        return True

    def create_database(self, name: str, location: str | None = None) -> None:
        self._change(structs.CREATE_DATABASE, ttypes.Database(name.lower(), "", location, {}))

    def table(self, name: TableName) -> Table:
        try:
            answer = self._read(structs.GET_TABLE, ttypes.GetTableRequest(name.database, name.table))
        except Refused as error:
            if error.thrift_class == "NoSuchObjectException":
                raise _no_such_table(name) from error
            raise
        found = translate.table_from(answer.table)
        self._keys[name] = [key.name for key in found.partition_keys]
        return found

    def create_table(self, table: Table) -> None:
        try:
            self._change(structs.CREATE_TABLE, translate.table_to(table))
        except AlreadyExists:
            raise
        except Refused as error:
            if not self.database_exists(table.name.database):
                raise NoSuchDatabase(
                    f"there is no database {table.name.database}", "Create it first.", error.thrift_class
                ) from error
            raise

    def alter_table_parameters(self, name: TableName, set: Mapping[str, str], remove: Iterable[str] = ()) -> None:
        table = self.table(name)
        gone = frozenset(remove)
        kept = {key: value for key, value in table.parameters.items() if key not in gone}
        raw = translate.table_to(replace(table, parameters={**kept, **set}))
        with self._explained(name):
            self._change(structs.ALTER_TABLE, name.database, name.table, raw, _without_statistics())

    def add_columns(self, name: TableName, columns: Sequence[Column]) -> None:
        table = self.table(name)
        raw = translate.table_to(replace(table, columns=(*table.columns, *columns)))
        with self._explained(name):
            self._change(structs.ALTER_TABLE, name.database, name.table, raw, _without_statistics())

    def drop_table(self, name: TableName, delete_data: bool = False) -> None:
        with self._explained(name):
            self._change(structs.DROP_TABLE, name.database, name.table, delete_data)

    def partition_names(self, name: TableName) -> tuple[PartitionValues, ...]:
        with self._explained(name):
            names: list[str] = self._read(structs.GET_PARTITION_NAMES, name.database, name.table, _ALL)
        if not names:
            self.table(name)
        return tuple(partition_values(text) for text in sorted(names))

    def partitions(self, name: TableName, values: Sequence[PartitionValues]) -> tuple[Partition, ...]:
        """The table itself is asked for only where not all of them are found: it may be gone, or another one by now."""
        known = self._keys.get(name)
        if known and any(len(each) != len(known) for each in values):
            known = None
        found = self._partitions(name, known, values) if known else ()
        if values and len(found) == len(set(values)):
            return found
        keys = self._keys_now(name)
        return found if keys == known else self._partitions(name, keys, values)

    def _keys_now(self, name: TableName) -> list[str]:
        self.table(name)
        return self._keys[name]

    def _partitions(
        self, name: TableName, keys: Sequence[str], values: Sequence[PartitionValues]
    ) -> tuple[Partition, ...]:
        names = list(dict.fromkeys(partition_name(keys, v) for v in values))
        if not names:
            return ()
        with self._explained(name):
            raw = self._read(structs.GET_PARTITIONS_BY_NAMES, name.database, name.table, names)
        found = _by_name(name, keys, raw)
        if not found.keys() <= set(names):
            raise IncompleteAnswer(f"{name}: the server answers with partitions not asked for", _BATCH_SIZE_HINT)
        return tuple(found[n] for n in names if n in found)

    def all_partitions(self, name: TableName) -> tuple[Partition, ...]:
        keys = [key.name for key in self.table(name).partition_keys]
        with self._explained(name):
            raw = self._read(structs.GET_PARTITIONS, name.database, name.table, _ALL)
        return tuple(partition for _, partition in sorted(_by_name(name, keys, raw).items()))

    def add_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        raw = [translate.partition_to(name, partition) for partition in partitions]
        with self._explained(name):
            added = self._change(structs.ADD_PARTITIONS, raw)
        if added != len(raw):
            raise IncompleteAnswer(f"{name}: {len(raw)} partitions were to be added, {added} were", _BATCH_SIZE_HINT)

    def alter_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        raw = [translate.partition_to(name, partition) for partition in partitions]
        with self._explained(name, [partition.values for partition in partitions]):
            self._change(structs.ALTER_PARTITIONS, name.database, name.table, raw, _without_statistics())

    def set_column_statistics(
        self, name: TableName, statistics: Mapping[PartitionValues, Sequence[ColumnStatistics]]
    ) -> None:
        keys = [key.name for key in self.table(name).partition_keys]
        stored = [of_columns.partition_to(name, partition_name(keys, v), c) for v, c in statistics.items() if c]
        if not stored:
            return
        request = of_columns.SetRequest(stored, False, of_columns.ENGINE)
        with self._explained(name, tuple(statistics)):
            self._change(of_columns.SET_STATISTICS, request)

    def column_statistics(
        self, name: TableName, values: Sequence[PartitionValues], columns: Sequence[str]
    ) -> Mapping[PartitionValues, tuple[ColumnStatistics, ...]]:
        keys = [key.name for key in self.table(name).partition_keys]
        names = {partition_name(keys, v): v for v in values}
        if not names or not columns:
            return {}
        request = of_columns.GetRequest(name.database, name.table, list(columns), list(names), of_columns.ENGINE)
        with self._explained(name):
            told = self._read(of_columns.GET_STATISTICS, request).partStats or {}
        return {names[text]: of_columns.columns_from(raw) for text, raw in told.items() if raw}

    def drop_partition(self, name: TableName, values: PartitionValues) -> bool:
        try:
            self._change(structs.DROP_PARTITION, name.database, name.table, list(values), False)
        except Refused as error:
            self.table(name)
            if error.thrift_class == "NoSuchObjectException":
                return False
            raise
        return True

    def drop_partitions(self, name: TableName, values: Sequence[PartitionValues]) -> None:
        if not values:
            return
        keys = [key.name for key in self.table(name).partition_keys]
        request = ttypes.DropPartitionsRequest(
            dbName=name.database,
            tblName=name.table,
            parts=ttypes.RequestPartsSpec(names=[partition_name(keys, each) for each in values]),
            deleteData=False,
            ifExists=False,
            needResult=False,
        )
        with self._explained(name, values):
            self._change(structs.DROP_PARTITIONS, request)

    def lock(self, name: TableName, user: str, host: str, agent: str) -> Lock:
        component = ttypes.LockComponent(
            type=versions.loader_lock_type(self.server().version),
            level=ttypes.LockLevel.TABLE,
            dbname=name.database,
            tablename=name.table,
            operationType=ttypes.DataOperationType.NO_TXN,
        )
        request = ttypes.LockRequest([component], user=user, hostname=host, agentInfo=agent)
        return translate.lock_from(self._change(structs.LOCK, request))

    def check_lock(self, lock_id: int) -> Lock:
        return translate.lock_from(self._read(structs.CHECK_LOCK, ttypes.CheckLockRequest(lock_id)))

    def heartbeat(self, lock_id: int) -> None:
        self._read(structs.HEARTBEAT, ttypes.HeartbeatRequest(lockid=lock_id))

    def unlock(self, lock_id: int) -> None:
        try:
            self._read(structs.UNLOCK, ttypes.UnlockRequest(lock_id))
        except NoSuchLock:
            return

    def locks(self, name: TableName) -> tuple[LockInfo, ...]:
        answer = self._read(structs.SHOW_LOCKS, ttypes.ShowLocksRequest(name.database, name.table))
        return translate.lock_infos_from(answer.locks or ())

    def close(self) -> None:
        self._pool.close()

    def _read(self, call: Call, *arguments: Any) -> Any:
        """A call that may be sent again: one that only reads, or whose second time changes nothing."""
        try:
            return self._retrying()(self._send, call, *arguments)
        except NoReply as error:
            raise Unreachable(error.message, "Look at the metastore's log; it hangs or keeps hanging up.") from error

    def _change(self, call: Call, *arguments: Any) -> Any:
        """A call that is sent once or not at all: only connecting may be tried at several servers."""
        return self._send(call, *arguments)

    def _send(self, call: Call, *arguments: Any) -> Any:
        limit = self._server.max_message_bytes if self._server else None
        with self._pool.connection() as connection:
            return connection.call(call, *arguments, max_bytes=limit)

    def _retrying(self) -> Retrying:
        policy = self._retries
        return Retrying(
            sleep=self._sleep,
            retry=retry_if_exception_type((Unreachable, NoReply)),
            stop=stop_after_attempt(policy.attempts) | stop_after_delay(policy.deadline_s),
            wait=wait_exponential(policy.first_wait_s, max=policy.longest_wait_s),
            reraise=True,
        )

    @contextmanager
    def _explained(self, name: TableName, values: Sequence[PartitionValues] = ()) -> Iterator[None]:
        """After a rejection ask what is missing, instead of guessing it from the text. Whatever is found, `values`
        may have been changed all the same."""
        try:
            yield
        except AlreadyExists:
            raise
        except Refused as error:
            missing = self._missing(name, values)
            if missing:
                raise _no_such_partition(name, missing, error) from error
            raise

    def _missing(self, name: TableName, values: Sequence[PartitionValues]) -> tuple[PartitionValues, ...]:
        try:
            self.table(name)
            there = set(self.partition_names(name)) if values else set()
        except NoSuchTable:
            raise
        except MetastoreError:
            return ()
        return tuple(v for v in values if v not in there)

    def _detect(self) -> Server:
        """Asked once: the servers of one metastore are of one version."""
        says = self._read(structs.GET_VERSION)
        uuid = self._optional(structs.GET_UUID)
        try:
            version, text = versions.detect(says, knows_uuid=uuid is not None)
        except ValueError as error:
            raise NotAMetastore(f"this is no Hive metastore: {error}", NOT_A_METASTORE_HINT) from error
        longest = self._setting("hive.metastore.server.max.message.size", str(DEFAULT_MAX_MESSAGE_BYTES))
        timeout = self._setting("hive.txn.timeout", "")
        return Server(version, text, uuid, int(longest), versions.seconds(timeout, DEFAULT_LOCK_TIMEOUT_S))

    def _setting(self, key: str, default: str) -> str:
        return self._optional(structs.GET_CONFIG, key, default) or default

    def _optional(self, call: Call, *arguments: Any) -> str | None:
        try:
            answer: str = self._read(call, *arguments)
        except (Refused, Unsupported):
            return None
        return answer


def _without_statistics() -> Any:
    return ttypes.EnvironmentContext(dict(_NO_STATISTICS))


def _by_name(table: TableName, keys: Sequence[str], raw: Iterable[Any]) -> dict[str, Partition]:
    found: dict[str, Partition] = {}
    for partition in map(translate.partition_from, raw):
        name = partition_name(keys, partition.values)
        if name in found:
            raise IncompleteAnswer(f"{table}: the server answers twice with partition {name}", _BATCH_SIZE_HINT)
        found[name] = partition
    return found


def _no_such_table(name: TableName) -> NoSuchTable:
    return NoSuchTable(f"there is no table {name}", thrift_class="NoSuchObjectException")


def _no_such_partition(name: TableName, missing: tuple[PartitionValues, ...], error: Refused) -> NoSuchPartition:
    shown = ", ".join("/".join(values) for values in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return NoSuchPartition(
        f"{name} has no partition {shown}{more}: {error.message}", error.hint, error.thrift_class, missing
    )
