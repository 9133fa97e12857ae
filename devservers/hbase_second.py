"""A second region server of a running HBase of ours, in a process of its own."""

from __future__ import annotations

from devservers import fetch
from devservers.hbase import HBase
from devservers.hbase_conf import JAVA_OPTIONS, PROPERTIES, site
from devservers.jvm import Jvm
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

_SECONDS = 60.0
_SESSION_MS = "4000"
"""Its own session with ZooKeeper is short, so that it is missed soon when it is killed."""


class SecondRegionServer(Server):
    """It serves what the master gives it, or what `HBase.move` moves there."""

    def __init__(self, hbase: HBase) -> None:
        self._hbase = hbase
        (self.port,) = free_ports(1)
        super().__init__(hbase.base / "second")

    @property
    def rpc(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    def _launch(self) -> Jvm:
        settings = site(self._hbase.base, self._hbase.ports) | self._hbase.settings
        settings |= {
            "hbase.cluster.distributed": "true",  # or HBase takes it for the one of a local cluster
            "hbase.regionserver.port": str(self.port),
            "zookeeper.session.timeout": _SESSION_MS,
            "hbase.tmp.dir": str(self.base / "tmp"),
        }
        conf = write_conf(self.base / "conf", "hbase-site", settings)
        class_path = [str(conf), f"{fetch.fetch_all()}/*"]
        properties = PROPERTIES | {"java.io.tmpdir": str(conf)}
        return Jvm.launch(
            "a second region server", class_path, self.base / "region-server.log", JAVA_OPTIONS, properties
        )

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            hbase = jvm.java.org.apache.hadoop.hbase
            server = hbase.regionserver.HRegionServer(hbase.HBaseConfiguration.create())
            server.start()
            jvm.wait_until(lambda: bool(server.isOnline()), "to be online", _SECONDS)
