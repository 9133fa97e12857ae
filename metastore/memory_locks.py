"""The in-memory metastore's table locks: one holder a table, a queue behind it, and an end without heartbeats."""

from collections.abc import Callable
from dataclasses import replace

from metastore.api import Lock, LockInfo, LockState, TableName
from metastore.errors import NoSuchLock
from metastore.versions import LOCK_TYPE_NAMES


class LockQueue:
    """Not thread-safe: its metastore serves one call at a time."""

    def __init__(self, clock: Callable[[], float], timeout_s: float, lock_type: int) -> None:
        self._clock, self._timeout_s, self._type = clock, timeout_s, LOCK_TYPE_NAMES[lock_type]
        self._locks: dict[int, LockInfo] = {}
        self._last_id = 0

    def lock(self, name: TableName, user: str, host: str, agent: str) -> Lock:
        self._last_id += 1
        self._locks[self._last_id] = LockInfo(
            id=self._last_id,
            state=LockState.WAITING,
            user=user,
            host=host,
            agent=agent,
            acquired_at=None,
            last_heartbeat=self._clock(),
            database=name.database,
            table=name.table,
            type=self._type,
        )
        return self.check(self._last_id)

    def check(self, lock_id: int) -> Lock:
        """As in Hive, a waiting lock is acquired when its owner asks and nobody older is left."""
        self.heartbeat(lock_id)
        lock = self._locks[lock_id]
        if lock.state is LockState.WAITING and not self._older_than(lock):
            lock = replace(lock, state=LockState.ACQUIRED, acquired_at=lock.last_heartbeat)
            self._locks[lock_id] = lock
        return Lock(lock_id, lock.state)

    def heartbeat(self, lock_id: int) -> None:
        self._expire()
        if lock_id not in self._locks:
            raise NoSuchLock(f"no such lock: {lock_id}", "It was released or has expired.", "NoSuchLockException")
        self._locks[lock_id] = replace(self._locks[lock_id], last_heartbeat=self._clock())

    def unlock(self, lock_id: int) -> None:
        self._locks.pop(lock_id, None)

    def show(self, name: TableName) -> tuple[LockInfo, ...]:
        self._expire()
        return tuple(
            lock for lock in self._locks.values() if (lock.database, lock.table) == (name.database, name.table)
        )

    def _older_than(self, lock: LockInfo) -> bool:
        return any(
            other.id < lock.id and (other.database, other.table) == (lock.database, lock.table)
            for other in self._locks.values()
        )

    def _expire(self) -> None:
        limit = self._clock() - self._timeout_s
        self._locks = {
            id_: lock for id_, lock in self._locks.items() if lock.last_heartbeat is None or lock.last_heartbeat > limit
        }
