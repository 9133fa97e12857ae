"""Fixtures: a real HBase, real metastores and Spark, one of each a session and worker, started when first asked for.

`HOTSWAP_TEST_HBASE=host:port` (Thrift2) and `HOTSWAP_TEST_HMS=thrift://host:port` run the tests on servers of yours
instead; tests that must flush, split, kill or pause a server skip then. `HOTSWAP_TEST_WAREHOUSE` is a folder that your
metastore sees under the same path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from devservers.hbase import HBase
from devservers.hiveserver2 import HiveMetastore40, HiveServer2
from devservers.metastore import Metastore23
from devservers.metastore_base import Metastore
from devservers.metastore_newer import Metastore31, Metastore40, Metastore40OnPostgres
from devservers.postgres import Postgres
from tests import hbase_ddl
from tests.contract.proxy import Proxy

METASTORES = {"2.3.10": "hms", "3.1.3": "hms31", "4.0.1": "hms40", "4.0.1 on PostgreSQL": "hms40_postgres"}
"""What each metastore's fixture is called. The first may be given by HOTSWAP_TEST_HMS."""


class Given:
    """A server of someone's: it can be used, not controlled."""

    variable: str

    def __getattr__(self, operation: str) -> NoReturn:
        if operation.startswith("_"):
            raise AttributeError(operation)
        pytest.skip(f"{self.variable} is set: {operation} needs a server of our own")


@dataclass(frozen=True)
class GivenHBase(Given):
    """Tables can be made and dropped (through its Thrift2 server), all else skips."""

    thrift: str
    variable = "HOTSWAP_TEST_HBASE"

    def create_table(
        self,
        name: str,
        families: Sequence[str],
        splits: Sequence[bytes] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """As `HBase.create_table`; a table of an earlier run is dropped first."""
        with hbase_ddl.connect(self.thrift) as ddl:
            if ddl.exists(name):
                ddl.drop(name)
            ddl.create(name, families, splits, settings or {})

    def drop(self, name: str) -> None:
        with hbase_ddl.connect(self.thrift) as ddl:
            ddl.drop(name)

    def truncate(self, name: str) -> None:
        with hbase_ddl.connect(self.thrift) as ddl:
            ddl.truncate(name)


@dataclass(frozen=True)
class GivenMetastore(Given):
    """`warehouse` must be seen by the metastore and by the tests under the same path."""

    uri: str
    warehouse: Path
    variable = "HOTSWAP_TEST_HMS"


@pytest.fixture(scope="session")
def hbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HBase | GivenHBase]:
    """A running HBase; `.thrift` is "host:port" of its Thrift2 server."""
    given = os.environ.get("HOTSWAP_TEST_HBASE")
    if given:
        yield GivenHBase(given)
        return
    with HBase.start(tmp_path_factory.mktemp("hbase")) as started:
        yield started


@pytest.fixture(scope="session")
def hms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore23 | GivenMetastore]:
    """A running metastore; `.uri` and `.warehouse`, a folder that it and the tests see."""
    given = os.environ.get("HOTSWAP_TEST_HMS")
    if given:
        warehouse = os.environ.get("HOTSWAP_TEST_WAREHOUSE")
        yield GivenMetastore(given, Path(warehouse) if warehouse else tmp_path_factory.mktemp("warehouse"))
        return
    with Metastore23.start(tmp_path_factory.mktemp("metastore")) as started:
        yield started


def _skip_without_postgres() -> None:
    if not Postgres.runs_here():
        pytest.skip("the PostgreSQL of the tests is for Linux on x86-64")


@pytest.fixture(scope="session")
def hms31(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore31]:
    """A metastore of Hive 3.1.3 on Derby."""
    with Metastore31.start(tmp_path_factory.mktemp("metastore-3.1")) as started:
        yield started


@pytest.fixture(scope="session")
def hms40(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore40]:
    """A metastore of Hive 4.0.1 on Derby."""
    with Metastore40.start(tmp_path_factory.mktemp("metastore-4.0")) as started:
        yield started


@pytest.fixture(scope="session")
def hms40_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore40OnPostgres]:
    """A metastore of Hive 4.0.1 on PostgreSQL."""
    _skip_without_postgres()
    with Metastore40OnPostgres.start(tmp_path_factory.mktemp("metastore-4.0-postgres")) as started:
        yield started


@pytest.fixture(scope="session")
def hive_metastore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiveMetastore40]:
    """HiveServer2's metastore of Hive 4.0.1, on PostgreSQL."""
    _skip_without_postgres()
    with HiveMetastore40.start(tmp_path_factory.mktemp("hive-metastore")) as started:
        yield started


@pytest.fixture(scope="session")
def hive_proxy(hive_metastore: HiveMetastore40) -> Iterator[Proxy]:
    """Between HiveServer2 and its metastore."""
    proxy = Proxy(hive_metastore.uri)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def hive(
    hive_metastore: HiveMetastore40, hive_proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HiveServer2]:
    """A HiveServer2 4.0.1 on local Tez; it reaches its metastore through `hive_proxy`."""
    settings = {"hive.metastore.uris": hive_proxy.uri}
    with HiveServer2.start(tmp_path_factory.mktemp("hive"), hive_metastore, settings) as started:
        yield started


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(fixture, id=version, marks=[pytest.mark.slow] if version in ("3.1.3", "4.0.1") else [])
        for version, fixture in METASTORES.items()
    ],
)
def each_hms(request: pytest.FixtureRequest) -> Metastore | GivenMetastore:
    """Every metastore, one after the other; `make test` takes the oldest and the newest with the better database."""
    found: Metastore | GivenMetastore = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def spark_proxy(hms: Metastore23 | GivenMetastore) -> Iterator[Proxy]:
    """Between Spark and its metastore."""
    proxy = Proxy(hms.uri)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def spark(
    hms: Metastore23 | GivenMetastore, spark_proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A SparkSession with Hive support, in UTC; it reaches that metastore through `spark_proxy`."""
    from devservers.spark import session as start  # here, because pyspark takes a second to import

    session = start(spark_proxy.uri, hms.warehouse, tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()
