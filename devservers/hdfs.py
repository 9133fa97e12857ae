"""A real HDFS: NameNode and DataNode in one JVM, on 127.0.0.1 only.

with Hdfs.start(folder) as hdfs:
    hdfs.uri  # hdfs://127.0.0.1:port
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from devservers import fetch, paths
from devservers.jvm import Jvm
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

GROUP = "hdfs"
_START_SECONDS = 60.0
_NO_QUOTA = (1 << 63) - 1
_JAVA_OPTIONS = ("-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dhadoop.root.logger=WARN")


class Hdfs(Server):
    """A running NameNode with one DataNode. Made by `start`."""

    def __init__(self, base: Path, ports: tuple[int, ...], settings: Mapping[str, str]) -> None:
        self.ports, self.settings = ports, dict(settings)
        super().__init__(base)

    @classmethod
    def start(cls, base_dir: Path, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until it takes files: 4 to 8 s.

        `settings`: further hdfs-site properties. Fetches its jar (56 MB) the first time.
        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir, tuple(free_ports(5)), settings or {})

    @property
    def uri(self) -> str:
        """hdfs://host:port, no path."""
        return f"hdfs://127.0.0.1:{self.ports[0]}"

    @property
    def conf(self) -> Path:
        """The folder of core-site.xml and hdfs-site.xml, as HADOOP_CONF_DIR names it to clients."""
        return self.base / "conf"

    def limit(self, path: str, names: int) -> None:
        """A quota: at most so many files and folders below `path`, itself included."""
        self._namenode.getNamesystem().setQuota(path, names, _NO_QUOTA, None)

    def _launch(self) -> Jvm:
        (jar,) = fetch.fetch_all(GROUP).glob("hadoop-client-minicluster-*.jar")
        write_conf(self.conf, "core-site", {"fs.defaultFS": self.uri, "hadoop.tmp.dir": str(self.base / "tmp")})
        write_conf(self.conf, "hdfs-site", self._site() | self.settings)
        class_path = [str(self.conf), str(jar), f"{paths.pyspark_jars()}/*"]
        return Jvm.launch("HDFS", class_path, self.base / "hdfs.log", _JAVA_OPTIONS)

    def _site(self) -> dict[str, str]:
        rpc, http, data, data_http, data_ipc = (f"127.0.0.1:{port}" for port in self.ports)
        return {
            "dfs.namenode.name.dir": f"file://{self.base}/name",
            "dfs.datanode.data.dir": f"file://{self.base}/data",
            "dfs.namenode.rpc-address": rpc,
            "dfs.namenode.rpc-bind-host": "127.0.0.1",
            "dfs.namenode.http-address": http,
            "dfs.datanode.address": data,
            "dfs.datanode.http.address": data_http,
            "dfs.datanode.ipc.address": data_ipc,
            "dfs.datanode.hostname": "127.0.0.1",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.replication": "1",
            "dfs.permissions.superusergroup": getpass.getuser(),
            "dfs.namenode.safemode.extension": "0",
            "dfs.namenode.handler.count": "4",
            "dfs.namenode.fs-limits.min-block-size": "4096",
            "dfs.blocksize": "1m",
            "dfs.client.read.shortcircuit": "false",
        }

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            jvm.java.org.apache.hadoop.metrics2.lib.DefaultMetricsSystem.setMiniClusterMode(True)  # format, then run
            server = jvm.java.org.apache.hadoop.hdfs.server
            conf = jvm.java.org.apache.hadoop.hdfs.HdfsConfiguration()
            none = jvm.array("java.lang.String", [])
            if not (self.base / "name" / "current").exists():
                server.namenode.NameNode.format(conf)
            namenode = server.namenode.NameNode.createNameNode(none, conf)
            self._namenode = namenode
            datanode = server.datanode.DataNode.createDataNode(none, conf)
            jvm.wait_until(datanode.isDatanodeFullyStarted, "its DataNode", _START_SECONDS)
            jvm.wait_until(lambda: not namenode.isInSafeMode(), "its NameNode", _START_SECONDS)
