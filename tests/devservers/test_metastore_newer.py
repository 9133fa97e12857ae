"""The newer metastores that tests run on: complete, on loopback, and they keep what they were told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from devservers.errors import DevServerError
from devservers.metastore_base import Metastore
from devservers.postgres import Postgres
from metastore.client import connect
from tests.devservers.processes import is_running, listeners, wait_for_end
from tests.servers import METASTORES

NEWER = {version: fixture for version, fixture in METASTORES.items() if version != "2.3.10"}


@pytest.fixture(params=NEWER.values(), ids=NEWER.keys())
def newer(request: pytest.FixtureRequest) -> Metastore:
    found: Metastore = request.getfixturevalue(request.param)
    return found


def test_schema_is_of_its_version_and_has_the_lock_tables(newer: Metastore) -> None:
    assert newer.schema_version() == newer.release.schema
    assert newer.query('select count(*) from "NEXT_LOCK_ID"') == ["1"]


def test_every_listener_is_on_loopback(newer: Metastore) -> None:
    found = listeners(newer.pid)
    assert newer.port in found
    assert [port for port, loopback in found.items() if not loopback] == []


def test_database_survives_kill_and_restart(newer: Metastore) -> None:
    before, name = newer.uri, f"kept_{os.getpid()}_{newer.port}"
    metastore = connect([newer.uri])
    metastore.create_database(name, (newer.warehouse / name).as_uri())
    newer.restart()
    assert (newer.uri, metastore.database_exists(name)) == (before, True)
    metastore.close()


def test_postgres_is_on_loopback_and_leaves_nothing(tmp_path: Path) -> None:
    with Postgres.start(tmp_path / "postgres") as started:
        found, pid, folder = listeners(started.pid), started.pid, started.folder
        assert (found, is_running(pid)) == ({started.port: True}, True)
    assert (wait_for_end(pid), folder.exists()) == (True, False)


def test_a_metastore_that_fails_to_start_is_told_with_its_log(hms40: Any, tmp_path: Path) -> None:
    broken = {"javax.jdo.option.ConnectionDriverName": "no.such.Driver"}
    with pytest.raises(DevServerError, match=r"Hive metastore 4\.0\.1 failed: it ended while it started") as caught:
        type(hms40).start(tmp_path, settings=broken)
    assert "HMSHandler" in caught.value.log
