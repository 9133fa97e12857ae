"""The metastore that tests and the demo run on: complete, on loopback, and it keeps what it was told."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hmsclient import HMSClient
from hmsclient.genthrift.hive_metastore.ttypes import (
    CheckLockRequest,
    Database,
    LockComponent,
    LockLevel,
    LockRequest,
    LockState,
    LockType,
    UnlockRequest,
)

from devservers.metastore import QUICK_LOCK_TIMEOUT, Metastore23
from tests.devservers.processes import listeners

_names = (f"servers{number}" for number in itertools.count())


@contextlib.contextmanager
def client(metastore: Metastore23) -> Iterator[Any]:
    host, port = metastore.uri.removeprefix("thrift://").split(":")
    opened = HMSClient(host=host, port=int(port))
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


def lock(opened: Any, table: str) -> Any:
    component = LockComponent(type=LockType.SHARED_WRITE, level=LockLevel.TABLE, dbname="default", tablename=table)
    return opened.lock(LockRequest(component=[component], user="u", hostname="h", agentInfo="test"))


def test_locks_exclude_each_other_until_unlock(hms: Metastore23) -> None:
    table = next(_names)
    with client(hms) as opened:
        first, second = lock(opened, table), lock(opened, table)
        opened.unlock(UnlockRequest(lockid=first.lockid))
        after = opened.check_lock(CheckLockRequest(lockid=second.lockid))
        opened.unlock(UnlockRequest(lockid=second.lockid))
    assert (first.state, second.state, after.state) == (LockState.ACQUIRED, LockState.WAITING, LockState.ACQUIRED)


def test_lock_of_a_dead_holder_expires(tmp_path: Path) -> None:
    with Metastore23.start(tmp_path, settings=QUICK_LOCK_TIMEOUT) as metastore, client(metastore) as opened:
        lock(opened, "t")
        waiting = lock(opened, "t").lockid
        state = LockState.WAITING
        end = time.monotonic() + 30
        while state == LockState.WAITING and time.monotonic() < end:
            time.sleep(0.2)
            state = opened.check_lock(CheckLockRequest(lockid=waiting)).state
    assert state == LockState.ACQUIRED


def test_schema_is_complete_and_of_its_version(hms: Metastore23) -> None:
    tables = hms.schema_tables()
    assert hms.schema_version() == "2.3.0"
    assert {"PARTITIONS", "HIVE_LOCKS", "NEXT_LOCK_ID", "TXNS", "AUX_TABLE", "NOTIFICATION_LOG"} <= tables


def test_database_survives_kill_and_restart(hms: Metastore23) -> None:
    name = next(_names)
    with client(hms) as opened:
        opened.create_database(Database(name, "", (hms.warehouse / name).as_uri(), {}))
    before = hms.uri
    hms.restart()
    with client(hms) as opened:
        assert (hms.uri, name in opened.get_all_databases()) == (before, True)


def test_every_listener_is_on_loopback(hms: Metastore23) -> None:
    found = listeners(hms.pid)
    assert hms.port in found
    assert [port for port, loopback in found.items() if not loopback] == []


def test_metastore_writes_only_below_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with Metastore23.start(tmp_path / "metastore"):
        assert list(elsewhere.iterdir()) == []
