"""A real Hive metastore 2.3.10 (the one that pyspark carries) on an embedded Derby, on 127.0.0.1 only.

    with Metastore23.start(folder) as metastore:
        connect(metastore.uri)

The stock main class binds every interface, so its parts are put together here as it does it
(`HiveMetaStore.startMetaStore` and `startMetaStoreThreads` of Hive 2.3.10).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from devservers import metastore_schema, paths
from devservers.jvm import Jvm
from devservers.net import is_listening
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

_START_SECONDS = 120.0
_LARGEST_MESSAGE = 100 * 1024 * 1024  # bytes; hive.metastore.server.max.message.size, the stock default
_JAVA_OPTIONS = ("-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Metastore23(Server):
    """A running metastore of Hive 2.3. Made by `start`."""

    def __init__(self, base: Path, port: int, settings: Mapping[str, str]) -> None:
        self.port, self.settings = port, dict(settings)
        super().__init__(base)

    @classmethod
    def start(cls, base_dir: Path, ports: int | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until it answers: 3 to 5 s.

        `ports`: its port, None for a free one. `settings`: further hive-site properties; `QUICK_LOCK_TIMEOUT` lets the
        lock of a dead holder go after some seconds.
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
        (version,) = self._column('select SCHEMA_VERSION from "APP"."VERSION"')
        return version

    def schema_tables(self) -> set[str]:
        """Names of all tables of its database."""
        return set(self._column("select TABLENAME from SYS.SYSTABLES where TABLETYPE = 'T'"))

    def _column(self, query: str) -> list[str]:
        manager = self._jvm.java.java.sql.DriverManager
        connection = manager.getConnection(f"jdbc:derby:;databaseName={self.base / 'derby'}")
        try:
            rows = connection.createStatement().executeQuery(query)
            return list(iter(lambda: rows.getString(1) if rows.next() else None, None))
        finally:
            connection.close()

    def _launch(self) -> Jvm:
        self.warehouse.mkdir(parents=True, exist_ok=True)
        database = self.base / "derby"
        if not database.exists():
            shutil.copytree(metastore_schema.template(), database)
        conf = write_conf(self.base / "conf", "hive-site", self._site(database) | self.settings)
        properties = metastore_schema.derby_properties(self.base) | {"java.io.tmpdir": str(conf)}
        class_path = [str(conf), f"{paths.pyspark_jars()}/*"]
        return Jvm.launch("Hive metastore", class_path, self.base / "metastore.log", _JAVA_OPTIONS, properties)

    def _site(self, database: Path) -> dict[str, str]:
        return {
            "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={database}",
            "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
            "datanucleus.connectionPoolingType": "none",
            "datanucleus.schema.autoCreateAll": "false",
            "hive.metastore.schema.verification": "true",
            "hive.metastore.warehouse.dir": str(self.warehouse),
            "hive.metastore.execute.setugi": "false",
            **_HOUSEKEEPING,
        }

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            conf = jvm.java.org.apache.hadoop.hive.conf.HiveConf()
            jvm.run_in_thread(self._server(jvm.java, conf), "serve")
            jvm.java.org.apache.hadoop.hive.ql.txn.AcidHouseKeeperService().start(conf)
            jvm.wait_until(lambda: is_listening(self.port), f"its port {self.port}", _START_SECONDS)

    def _server(self, java: Any, conf: Any) -> Any:
        metastore, thrift = java.org.apache.hadoop.hive.metastore, java.org.apache.thrift
        handler = metastore.HiveMetaStore.HMSHandler("devservers", conf, False)
        retrying = metastore.RetryingHMSHandler.getProxy(conf, handler, True)
        address = java.java.net.InetSocketAddress("127.0.0.1", self.port)
        protocol = thrift.protocol.TBinaryProtocol.Factory(True, True, _LARGEST_MESSAGE, _LARGEST_MESSAGE)
        arguments = thrift.server.TThreadPoolServer.Args(thrift.transport.TServerSocket(address))
        arguments.processor(metastore.TSetIpAddressProcessor(retrying)).protocolFactory(protocol)
        return thrift.server.TThreadPoolServer(arguments)


# The locks of dead holders go after hive.txn.timeout only if AcidHouseKeeperService runs, and it starts for the
# transactional lock manager only (HouseKeeperServiceBase.start).
QUICK_LOCK_TIMEOUT = {"hive.txn.timeout": "3s", "hive.timedout.txn.reaper.interval": "1s"}
_HOUSEKEEPING = {
    "hive.txn.manager": "org.apache.hadoop.hive.ql.lockmgr.DbTxnManager",
    "hive.support.concurrency": "true",
    "hive.timedout.txn.reaper.start": "1s",
    "hive.timedout.txn.reaper.interval": "30s",  # each round leaves 20 KB of a Derby connection behind
}
