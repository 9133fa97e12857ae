"""A real Hive metastore 2.3.10 (the one that pyspark carries) on an embedded Derby, on 127.0.0.1 only.

    with Metastore23.start(folder) as metastore:
        HMSClient(uri=metastore.uri) …

The stock main class binds every interface and reads a global configuration, so its parts are put together here as it does it
(`HiveMetaStore.startMetaStore` and `startMetaStoreThreads`, Hive 2.3.10).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from py4j.protocol import Py4JError

from devservers import metastore_schema, paths
from devservers.jvm import Jvm
from devservers.net import is_listening
from devservers.ports import free_ports
from devservers.site import write_conf

_START_SECONDS = 60.0
_LARGEST_MESSAGE = 100 * 1024 * 1024  # hive.metastore.server.max.message.size, the stock default
JAVA_OPTIONS = ("-Xmx512m", "-Xss512k", "-XX:+UseSerialGC")


class Metastore23:
    """A running metastore. Made by `start`; `close` (or leaving the `with`) kills it, its data stays in the base folder."""

    def __init__(self, base: Path, port: int, settings: Mapping[str, str]) -> None:
        self.base, self.port, self.settings = base, port, settings
        self._jvm = self._launch()
        try:
            self._boot()
        except BaseException:
            self._jvm.kill()
            raise

    @classmethod
    def start(cls, base_dir: Path, ports: int | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until it answers.

        `ports`: the port, or None for a free one. `settings`: further hive-site properties, e.g. {"hive.txn.timeout": "5s"}.
        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir.resolve(), ports or free_ports(1)[0], settings or {})

    @property
    def uri(self) -> str:
        return f"thrift://127.0.0.1:{self.port}"

    @property
    def warehouse(self) -> Path:
        """Folder of the default database; tables without a location of their own lie below it."""
        return self.base / "warehouse"

    @property
    def log(self) -> Path:
        return self._jvm.log

    @property
    def pid(self) -> int:
        return self._jvm.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.kill()

    def kill(self) -> None:
        """kill -9. Derby recovers at the next start."""
        self._jvm.kill()

    def restart(self) -> None:
        """Kill, and start again on the same data and port."""
        self.kill()
        self.__init__(self.base, self.port, self.settings)  # type: ignore[misc]

    def pause(self) -> None:
        """Everything stops in mid-step, the port stays open, nothing answers."""
        self._jvm.pause()

    def resume(self) -> None:
        self._jvm.resume()

    # Inside

    def _launch(self) -> Jvm:
        self.warehouse.mkdir(parents=True, exist_ok=True)
        database = self.base / "derby"
        if not database.exists():
            shutil.copytree(metastore_schema.template(), database)
        conf = write_conf(self.base / "conf", "hive-site", self._site(database) | dict(self.settings))
        properties = metastore_schema.derby_properties(self.base) | {"java.io.tmpdir": str(self.base / "conf")}
        class_path = [str(conf), f"{paths.pyspark_jars()}/*"]
        return Jvm.launch("Hive metastore", class_path, self.base / "metastore.log", JAVA_OPTIONS, properties)

    def _site(self, database: Path) -> dict[str, str]:
        return {
            "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={database}",
            "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
            "datanucleus.connectionPoolingType": "none",
            "datanucleus.schema.autoCreateAll": "false",
            "hive.metastore.schema.verification": "true",
            "hive.metastore.warehouse.dir": str(self.warehouse),
            "hive.metastore.execute.setugi": "false",
            "hive.timedout.txn.reaper.start": "1s",
            "hive.timedout.txn.reaper.interval": "1s",
        }

    def _boot(self) -> None:
        try:
            conf = self._jvm.java.org.apache.hadoop.hive.conf.HiveConf()
            server = self._server(conf)
            self._jvm.run_in_thread(server, "serve")
            self._start_housekeeping(conf)
        except Py4JError as error:
            raise self._jvm.failure(str(error)) from error
        self._jvm.wait_until(lambda: is_listening(self.port), f"its port {self.port}", _START_SECONDS)

    def _server(self, conf: Any) -> Any:
        java = self._jvm.java
        metastore, thrift = java.org.apache.hadoop.hive.metastore, java.org.apache.thrift
        handler = metastore.HiveMetaStore.HMSHandler("devservers", conf, False)
        retrying = metastore.RetryingHMSHandler.getProxy(conf, handler, True)
        address = java.java.net.InetSocketAddress("127.0.0.1", self.port)
        protocol = thrift.protocol.TBinaryProtocol.Factory(True, True, _LARGEST_MESSAGE, _LARGEST_MESSAGE)
        arguments = thrift.server.TThreadPoolServer.Args(thrift.transport.TServerSocket(address))
        arguments.processor(metastore.TSetIpAddressProcessor(retrying)).protocolFactory(protocol)
        return thrift.server.TThreadPoolServer(arguments)

    def _start_housekeeping(self, conf: Any) -> None:
        """Time out the locks of dead holders, as the stock server does when its compactor initiator is on."""
        self._jvm.java.org.apache.hadoop.hive.ql.txn.AcidHouseKeeperService().start(conf)
