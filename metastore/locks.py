"""The table lock of one attempt: taken with patience, kept alive by a heartbeat, released whatever happens.

A lock keeps well-behaved loaders apart and nothing else: no metastore call is stopped by one (4-hive-facts 11).
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from metastore.api import Lock, LockInfo, LockState, Metastore, TableName
from metastore.errors import LockHeld, MetastoreError, NoReply, NoSuchLock, describe_holder

_JOIN_S = 5.0  # a heartbeat that hangs in a call to a dead server must not keep us from going on


class TableLock:
    """`with TableLock(…) as lock: …; lock.ensure(); swap()`.

    `agent` must name the loader run and attempt, and nobody else may use it: by it a lock whose reply was lost is found
    again. `is_orphan` may widen that to locks of our own earlier attempts. `wait_s` bounds the wait for another's lock.
    `heartbeat_every_s` defaults to a quarter of the server's lock time-out; at most half of it is allowed (ValueError).
    `clock` is any steady clock in seconds.
    """

    def __init__(
        self,
        metastore: Metastore,
        name: TableName,
        *,
        user: str,
        host: str,
        agent: str,
        wait_s: float,
        poll_s: float = 1.0,
        heartbeat_every_s: float | None = None,
        is_orphan: Callable[[LockInfo], bool] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metastore, self._name = metastore, name
        self._user, self._host, self._agent = user, host, agent
        self._wait_s, self._poll_s, self._sleep, self._clock = wait_s, poll_s, sleep, clock
        self._heartbeat_every_s = heartbeat_every_s
        self._is_orphan = is_orphan or (lambda info: info.agent == agent)
        self._id: int | None = None
        self._error: MetastoreError | None = None
        self._stopped = threading.Event()
        self._beats: threading.Thread | None = None

    @property
    def id(self) -> int | None:
        """The lock's id while it is held."""
        return self._id

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        except MetastoreError:
            # The server lets go of it by itself when heartbeats stop; what happened inside matters more.
            return

    def acquire(self) -> None:
        """Take the lock and start its heartbeat.

        Raises `LockHeld` when another holds it for longer than `wait_s`; our place in the queue is given up then.
        Raises `NoReply` when replies are lost for as long; what we might hold was released as far as it could be found.
        """
        interval = self._interval()
        self._id = self._patiently(self._clock() + self._wait_s)
        self._error = None
        self._stopped = threading.Event()
        arguments = (self._stopped, interval)
        self._beats = threading.Thread(target=self._keep_alive, args=arguments, name="lock heartbeat", daemon=True)
        self._beats.start()

    def ensure(self) -> None:
        """Ask the server that the lock is still ours; call it right before what it protects.

        Raises the first error that any heartbeat met: `NoSuchLock` when the lock has expired.
        """
        self.beat()
        if self._error is not None:
            raise self._error

    def beat(self) -> None:
        """One heartbeat. Its error is kept, not raised: see `ensure`."""
        if self._id is None or self._error is not None:
            self._error = self._error or NoSuchLock(f"the lock on {self._name} is not held", "Acquire it again.")
            return
        try:
            self._metastore.heartbeat(self._id)
        except MetastoreError as error:
            self._error = error

    def release(self) -> None:
        """Stop the heartbeat and unlock. Nothing happens if it is not held."""
        self._stopped.set()
        if self._beats is not None:
            self._beats.join(_JOIN_S)
        lock_id, self._id, self._beats = self._id, None, None
        if lock_id is not None:
            self._metastore.unlock(lock_id)

    def _interval(self) -> float:
        timeout_s = self._metastore.server().lock_timeout_s
        interval = self._heartbeat_every_s if self._heartbeat_every_s is not None else timeout_s / 4
        if not 0 < interval <= timeout_s / 2:
            raise ValueError(f"a heartbeat every {interval} s is too seldom: locks live {timeout_s} s without one")
        return interval

    def _keep_alive(self, stopped: threading.Event, interval: float) -> None:
        while not stopped.wait(interval):
            self.beat()

    def _patiently(self, deadline: float) -> int:
        while True:
            try:
                return self._queue_up(deadline)
            except NoReply:
                self._release_orphans(keep=None)
                if self._clock() >= deadline:
                    raise
                self._sleep(self._poll_s)

    def _queue_up(self, deadline: float) -> int:
        """Ask once, and stand in the queue until the deadline."""
        lock = self._metastore.lock(self._name, self._user, self._host, self._agent)
        try:
            return self._wait_for(lock, deadline)
        except BaseException:
            with suppress(MetastoreError):
                self._metastore.unlock(lock.id)
            raise

    def _wait_for(self, lock: Lock, deadline: float) -> int:
        while lock.state is LockState.WAITING:
            self._release_orphans(keep=lock.id)
            lock = self._metastore.check_lock(lock.id)
            if lock.state is LockState.WAITING:
                if self._clock() >= deadline:
                    raise self._held_by_another(lock)
                self._sleep(self._poll_s)
        return lock.id

    def _release_orphans(self, keep: int | None) -> None:
        """Ours, but nobody knows its id any more: the reply to lock() was lost, or its attempt died."""
        for info in self._metastore.locks(self._name):
            if info.id != keep and self._is_orphan(info):
                self._metastore.unlock(info.id)

    def _held_by_another(self, ours: Lock) -> LockHeld:
        holders = [info for info in self._metastore.locks(self._name) if info.id < ours.id]
        who = "; ".join(describe_holder(h) for h in holders) or "nobody any more"
        return LockHeld(
            f"{self._name} is locked by {who}",
            "Wait for it and try again. A lock whose owner died goes when its heartbeat has been missing for "
            f"{self._metastore.server().lock_timeout_s:.0f} s, if the metastore runs its housekeeping threads.",
            holders,
        )
