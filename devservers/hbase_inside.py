"""What runs inside the one JVM of an HBase: ZooKeeper, master, region server, Thrift servers, and a client of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from devservers.hbase_conf import Ports
from devservers.jvm import Jvm
from devservers.net import is_listening

_SECONDS = 120.0


class Inside:
    """Handles on the servers of one JVM. Making one boots ZooKeeper, master and region server and waits for them."""

    def __init__(self, jvm: Jvm, base: Path, ports: Ports) -> None:
        self._jvm, self.hadoop, self._base = jvm, jvm.java.org.apache.hadoop, base
        self._thrifts: dict[str, Any] = {}
        self.hadoop.metrics2.lib.DefaultMetricsSystem.setMiniClusterMode(True)
        self._conf = self.hadoop.hbase.HBaseConfiguration.create()
        self._start_zookeeper(base / "zookeeper", ports.zookeeper)
        servers = (self.java_class("hbase.master.HMaster"), self.java_class("hbase.regionserver.HRegionServer"))
        self._cluster = self.hadoop.hbase.LocalHBaseCluster(self._conf, 1, 1, *servers)
        self._cluster.startup()
        self.wait(self._master_is_ready, "its master")
        self.connection = self.hadoop.hbase.client.ConnectionFactory.createConnection(self._conf)

    def _start_zookeeper(self, folder: Path, port: int) -> None:
        """Always in an empty folder: what lasts is in HBase's own files, and old sessions would be waited for."""
        if folder.exists():
            shutil.rmtree(folder)
        zookeeper = self.hadoop.hbase.zookeeper.MiniZooKeeperCluster(self._conf)
        zookeeper.setDefaultClientPort(port)
        if zookeeper.startup(self._jvm.java.java.io.File(str(folder))) != port:  # it takes the next one by itself
            raise self._jvm.failure(f"port {port} for ZooKeeper is taken")

    def _master_is_ready(self) -> bool:
        masters = self._cluster.getMasters()
        if masters.isEmpty() or masters.get(0).getMaster().isAborted():  # its JVM would hang around for ever
            raise self._jvm.failure("its master gave up")
        active = self._cluster.getActiveMaster()
        return active is not None and bool(active.isInitialized())

    def start_thrift(self, package: str, port: int, settings: Mapping[str, str] | None = None) -> None:
        """`package`: "thrift2", or "thrift" for the older one. Returns when its port is open."""
        if is_listening(port):
            raise self._jvm.failure(f"port {port} for its {package} server is taken")
        conf = self.hadoop.conf.Configuration(self._conf)
        conf.set("hbase.regionserver.thrift.port", str(port))
        for name, value in (settings or {}).items():
            conf.set(name, value)
        server = getattr(self.hadoop.hbase, package).ThriftServer(conf)
        start = self._jvm.array("java.lang.String", ["start"])
        self._jvm.run_in_thread(self.java_class("util.ToolRunner"), "run", conf, server, start)
        self.wait(lambda: is_listening(port), f"its {package} server on port {port}")
        self._thrifts[package] = server

    def stop_thrift(self, package: str, port: int) -> None:
        self._thrifts.pop(package).stop()
        self.wait(lambda: not is_listening(port), f"the end of its {package} server")

    def bulk_load(self, table: Any, family: str, cells: Sequence[tuple[bytes, bytes, int, bytes]]) -> None:
        """See `Tables.bulk_load`."""
        folder = self._base / "bulk"
        (folder / family).mkdir(parents=True)
        hfile, path = self.hadoop.hbase.io.hfile, self.hadoop.fs.Path(str(folder / family / "cells"))
        factory = hfile.HFile.getWriterFactoryNoCache(self._conf).withPath(path.getFileSystem(self._conf), path)
        writer = factory.withFileContext(hfile.HFileContextBuilder().build()).create()
        for key, qualifier, timestamp, value in cells:
            stamp = self._jvm.java.java.lang.Long(timestamp)
            writer.append(self.hadoop.hbase.KeyValue(key, family.encode(), qualifier, stamp, value))
        writer.close()
        loader = self.hadoop.hbase.tool.BulkLoadHFiles.create(self._conf)
        loader.bulkLoad(table, self.hadoop.fs.Path(str(folder)))
        shutil.rmtree(folder)

    def region_server(self) -> Any:
        return self._cluster.getRegionServers().get(0).getRegionServer()

    def threads_named(self, prefix: str) -> list[Any]:
        """Java threads of the servers."""
        threads = self._jvm.java.java.lang.Thread.getAllStackTraces().keySet()
        return [thread for thread in list(threads) if thread.getName().startswith(prefix)]

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        self._jvm.wait_until(ready, what, _SECONDS)

    def byte_arrays(self, items: list[bytes]) -> Any:
        """A Java byte[][]."""
        return self._jvm.array("[B", items)

    def java_class(self, name: str) -> Any:
        return self._jvm.java.java.lang.Class.forName(f"org.apache.hadoop.{name}")
