"""What all metastores have in common: a port of 127.0.0.1, a warehouse, and a database with the whole schema."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from devservers import metastore_schema
from devservers.hive_release import HiveRelease
from devservers.jvm import Jvm
from devservers.net import answers, is_listening
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

START_SECONDS = 120.0
LARGEST_MESSAGE = 100 * 1024 * 1024  # bytes; hive.metastore.server.max.message.size, the stock default
_JAVA_OPTIONS = ("-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_GET_VERSION = b"\x80\x01\x00\x01" + b"\x00\x00\x00\x0agetVersion" + b"\x00\x00\x00\x00" + b"\x00"
"""The whole of a Thrift call without arguments, in the binary protocol."""
_OTHER_LINES = {"metastore.use.SSL", "metastore.authentication"}
"""With these nobody answers to a plain call."""


class Metastore(Server):
    """A running metastore on an embedded Derby. Made by `start` of a version's class."""

    release: ClassVar[HiveRelease]
    site_name: ClassVar[str]
    java_options: ClassVar[tuple[str, ...]] = _JAVA_OPTIONS

    def __init__(self, base: Path, port: int, settings: Mapping[str, str]) -> None:
        self.port, self.settings = port, dict(settings)
        super().__init__(base)

    @classmethod
    def start(cls, base_dir: Path, ports: int | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until it answers: 3 to 7 s.

        `ports`: its port, None for a free one. `settings`: further properties of its site file.
        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir, ports or free_ports(1)[0], settings or {})

    @property
    def uri(self) -> str:
        """thrift://host:port"""
        return f"thrift://127.0.0.1:{self.port}"

    @property
    def warehouse(self) -> Path:
        """Folder of the default database; tables without a location of their own lie below it."""
        return self.base / "warehouse"

    def schema_version(self) -> str:
        """What the VERSION table says."""
        (version,) = self.query('select "SCHEMA_VERSION" from "VERSION"')
        return version

    def schema_tables(self) -> set[str]:
        """Names of all tables of its database."""
        return set(self.query("select TABLENAME from SYS.SYSTABLES where TABLETYPE = 'T'"))

    def query(self, query: str) -> list[str]:
        """The first column of what its database answers."""
        connection = self._jvm.java.java.sql.DriverManager.getConnection(self._database_url())
        try:
            rows = connection.createStatement().executeQuery(query)
            return list(iter(lambda: rows.getString(1) if rows.next() else None, None))
        finally:
            connection.close()

    def _launch(self) -> Jvm:
        self.warehouse.mkdir(parents=True, exist_ok=True)
        self._prepare_database()
        conf = write_conf(self.base / "conf", self.site_name, self._site() | self.settings)
        properties = metastore_schema.derby_properties(self.base) | {"java.io.tmpdir": str(conf)}
        class_path = [str(conf), *self._class_path()]
        return Jvm.launch(
            f"Hive metastore {self.release.version}",
            class_path,
            self.base / "metastore.log",
            self.java_options,
            properties,
            self._java(),
        )

    def _java(self) -> Path | None:
        """Its Java; None: the one that everything runs on."""
        return None

    def _prepare_database(self) -> None:
        database = self.base / "derby"
        if not database.exists():
            shutil.copytree(metastore_schema.template(self.release), database)

    def _database_url(self) -> str:
        return f"jdbc:derby:;databaseName={self.base / 'derby'};user=APP"

    def _site(self) -> dict[str, str]:
        """The settings of its site file."""
        return {
            "javax.jdo.option.ConnectionURL": self._database_url().removesuffix(";user=APP"),
            "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
            "datanucleus.connectionPoolingType": "none",
            "datanucleus.schema.autoCreateAll": "false",
            "hive.metastore.schema.verification": "true",
            "hive.metastore.warehouse.dir": str(self.warehouse),
            "hive.metastore.execute.setugi": "false",
        }

    @abstractmethod
    def _class_path(self) -> list[str]:
        """Its jars."""

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            thread = self._serve(jvm)
            jvm.wait_until(lambda: self._is_ready() or not thread.isAlive(), f"its port {self.port}", START_SECONDS)
            if not thread.isAlive():
                raise jvm.failure("it ended while it started")

    def _is_ready(self) -> bool:
        if self.settings.keys() & _OTHER_LINES:
            return is_listening(self.port)
        return answers(self.port, _GET_VERSION)

    @abstractmethod
    def _serve(self, jvm: Jvm) -> Any:
        """Let it serve in a thread of the JVM, and return that."""


def thread_pool(java: Any, processor: Any, port: int) -> Any:
    """A Thrift server as `HiveMetaStore.startMetaStore` makes it, but on loopback; that binds every interface."""
    thrift = java.org.apache.thrift
    address = java.java.net.InetSocketAddress("127.0.0.1", port)
    protocol = thrift.protocol.TBinaryProtocol.Factory(True, True, LARGEST_MESSAGE, LARGEST_MESSAGE)
    arguments = thrift.server.TThreadPoolServer.Args(thrift.transport.TServerSocket(address))
    arguments.processor(processor).protocolFactory(protocol)
    return thrift.server.TThreadPoolServer(arguments)
