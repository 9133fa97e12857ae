"""Fixtures: a real HBase, a real metastore and Spark, one of each a session and worker.

`HOTSWAP_TEST_HBASE=host:port` (Thrift2) and `HOTSWAP_TEST_HMS=thrift://host:port` run the tests against servers of yours instead; tests
that must flush, split, kill or pause a server skip then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from devservers import spark as spark_helper
from devservers.hbase import HBase
from devservers.metastore import Metastore23


@dataclass(frozen=True, slots=True)
class GivenHBase:
    """Someone's HBase: it can be used, not controlled."""

    thrift: str

    def __getattr__(self, operation: str) -> NoReturn:
        pytest.skip(f"HOTSWAP_TEST_HBASE is set: {operation} needs a server of our own")


@dataclass(frozen=True, slots=True)
class GivenMetastore:
    """Someone's metastore. `warehouse` must be seen by it and by the tests under the same path."""

    uri: str
    warehouse: Path

    def __getattr__(self, operation: str) -> NoReturn:
        pytest.skip(f"HOTSWAP_TEST_HMS is set: {operation} needs a server of our own")


@pytest.fixture(scope="session")
def hbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HBase | GivenHBase]:
    """A running HBase with `.thrift` ("host:port" of Thrift2)."""
    given = os.environ.get("HOTSWAP_TEST_HBASE")
    if given:
        yield GivenHBase(given)
        return
    with HBase.start(tmp_path_factory.mktemp("hbase")) as started:
        yield started


@pytest.fixture(scope="session")
def hms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore23 | GivenMetastore]:
    """A running metastore with `.uri` and `.warehouse`."""
    given = os.environ.get("HOTSWAP_TEST_HMS")
    if given:
        yield GivenMetastore(given, tmp_path_factory.mktemp("warehouse"))
        return
    with Metastore23.start(tmp_path_factory.mktemp("metastore")) as started:
        yield started


@pytest.fixture(scope="session")
def spark(hms: Metastore23 | GivenMetastore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A SparkSession with Hive support on that metastore, in UTC."""
    session = spark_helper.session(hms.uri, hms.warehouse, tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()
