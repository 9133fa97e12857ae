"""A real HBase with its Thrift2 server: ZooKeeper, master, region server and Thrift in one JVM, on 127.0.0.1 only.

    with HBase.start(folder) as hbase:
        hbase.create_table("ads", ["d"], splits=[b"m"])
        connect(hbase.thrift)          # Thrift2, binary protocol on a buffered transport

What Thrift2 cannot do (flush, compact, split, merge, stop the clock) goes through the same JVM.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from devservers import fetch
from devservers.hbase_conf import JAVA_OPTIONS, PROPERTIES, Ports, site
from devservers.hbase_inside import Inside
from devservers.hbase_tables import Tables
from devservers.jvm import Jvm
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

_THRIFT1, _THRIFT2 = "thrift", "thrift2"  # HBase's names of the two


class HBase(Tables, Server):
    """A running HBase. Made by `start`; table operations in `Tables`, kill, restart and pause in `Server`."""

    def __init__(self, base: Path, ports: Ports, settings: Mapping[str, str]) -> None:
        self.ports, self.settings = ports, dict(settings)
        self._booted: Inside | None = None
        super().__init__(base)

    @classmethod
    def start(cls, base_dir: Path, ports: Ports | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until Thrift2 answers: 5 to 7 s.

        `ports`: None for free ones. `settings`: further hbase-site properties.
        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir, ports or Ports(*free_ports(5)), settings or {})

    @property
    def thrift(self) -> str:
        """`host:port` of the Thrift2 server (binary protocol, buffered transport)."""
        return f"127.0.0.1:{self.ports.thrift2}"

    @property
    def rpc(self) -> str:
        """`host:port` of the region server itself, which also tells where hbase:meta is."""
        return f"127.0.0.1:{self.ports.region_server}"

    @property
    def master(self) -> str:
        """`host:port` of the master."""
        return f"127.0.0.1:{self.ports.master}"

    @property
    def zookeeper(self) -> str:
        """`host:port` of its ZooKeeper."""
        return f"127.0.0.1:{self.ports.zookeeper}"

    def start_thrift(self, settings: Mapping[str, str] | None = None) -> None:
        """Start Thrift2. `settings`: hbase-site properties of it alone."""
        self._inside.start_thrift(_THRIFT2, self.ports.thrift2, settings)

    def stop_thrift(self) -> None:
        """Thrift2 goes away, HBase itself stays up."""
        self._inside.stop_thrift(_THRIFT2, self.ports.thrift2)

    def start_thrift1(self) -> str:
        """Also start the older Thrift1 server, as many clusters run it; returns its `host:port`."""
        self._inside.start_thrift(_THRIFT1, self.ports.thrift1)
        return f"127.0.0.1:{self.ports.thrift1}"

    def stop_thrift1(self) -> None:
        self._inside.stop_thrift(_THRIFT1, self.ports.thrift1)

    @property
    def _inside(self) -> Inside:
        assert self._booted is not None
        return self._booted

    def _launch(self) -> Jvm:
        conf = write_conf(self.base / "conf", "hbase-site", site(self.base, self.ports) | self.settings)
        class_path = [str(conf), f"{fetch.fetch_all()}/*"]
        properties = PROPERTIES | {"java.io.tmpdir": str(conf)}
        return Jvm.launch("HBase", class_path, self.base / "hbase.log", JAVA_OPTIONS, properties)

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            self._booted = Inside(jvm, self.base, self.ports)
            self.start_thrift()
