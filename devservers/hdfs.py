"""A real HDFS: NameNode and DataNodes in one JVM, on 127.0.0.1 only.

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
_PAIR = {"dfs.replication": "2", "dfs.namenode.file.close.num-committed-allowed": "1"}
"""Two copies, and a file may be closed before the NameNode has heard of its last block: 30 ms, not 510."""
_JAVA_OPTIONS = ("-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dhadoop.root.logger=WARN")


class Hdfs(Server):
    """A running NameNode with one DataNode, or two. Made by `start`."""

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

    @classmethod
    def start_pair(cls, base_dir: Path, settings: Mapping[str, str] | None = None) -> Self:
        """With two DataNodes and quick closing: what counts where thousands of small files are written."""
        return cls(base_dir, tuple(free_ports(8)), _PAIR | dict(settings or {}))

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
        rpc, http = (f"127.0.0.1:{port}" for port in self.ports[:2])
        return {
            "dfs.namenode.name.dir": f"file://{self.base}/name",
            "dfs.namenode.rpc-address": rpc,
            "dfs.namenode.rpc-bind-host": "127.0.0.1",
            "dfs.namenode.http-address": http,
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

    def _data_site(self, number: int) -> dict[str, str]:
        ports = self.ports[2 + 3 * number : 5 + 3 * number]
        kinds = ("address", "http.address", "ipc.address")
        places = {f"dfs.datanode.{kind}": f"127.0.0.1:{port}" for kind, port in zip(kinds, ports, strict=True)}
        return {"dfs.datanode.data.dir": f"file://{self.base}/data{number or ''}", **places}

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
            for number in range((len(self.ports) - 2) // 3):
                for name, value in self._data_site(number).items():
                    conf.set(name, value)
                datanode = server.datanode.DataNode.createDataNode(none, conf)
                jvm.wait_until(datanode.isDatanodeFullyStarted, "its DataNode", _START_SECONDS)
            jvm.wait_until(lambda: not namenode.isInSafeMode(), "its NameNode", _START_SECONDS)
