"""A real HBase with its Thrift2 server: ZooKeeper, master, region server and Thrift in one JVM, on 127.0.0.1 only.

    with HBase.start(folder) as hbase:
        hbase.create_table("ads", ["d"], splits=[b"m"])
        client = connect(hbase.thrift)          # Thrift2, binary protocol on a buffered transport

What Thrift2 cannot do (flush, compact, split, merge, stop the clock) goes through the same JVM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from py4j.protocol import Py4JError

from devservers import fetch
from devservers.hbase_conf import JAVA_OPTIONS, PROPERTIES, Ports, site
from devservers.jvm import Jvm
from devservers.net import is_listening
from devservers.ports import free_ports
from devservers.site import write_conf

_START_SECONDS = 120.0
_CHANGE_SECONDS = 60.0
_THRIFT1, _THRIFT2 = "thrift", "thrift2"  # packages of the two server classes


class HBase:
    """A running HBase. Made by `start`; `close` (or leaving the `with`) kills it, its data stays in the base folder."""

    def __init__(self, base: Path, ports: Ports, settings: Mapping[str, str]) -> None:
        self.base, self.ports, self.settings = base, ports, settings
        self._thrifts: dict[str, Any] = {}
        self._jvm = self._launch()
        try:
            self._boot()
        except BaseException:
            self._jvm.kill()
            raise

    @classmethod
    def start(cls, base_dir: Path, ports: Ports | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until Thrift2 answers: 4 to 8 s.

        `ports`: those of an earlier server on the same data, or None for free ones. `settings`: further hbase-site properties.
        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir.resolve(), ports or Ports(*free_ports(5)), settings or {})

    @property
    def thrift(self) -> str:
        """`host:port` of the Thrift2 server (binary protocol, buffered transport)."""
        return f"127.0.0.1:{self.ports.thrift2}"

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

    # The process

    def kill(self) -> None:
        """kill -9. What was acknowledged is in the write-ahead log; `restart` or a new `start` on the same folder replays it."""
        self._jvm.kill()
        self._thrifts.clear()

    def restart(self) -> None:
        """Kill, and start again on the same data and ports."""
        self.kill()
        self.__init__(self.base, self.ports, self.settings)  # type: ignore[misc]

    def pause(self) -> None:
        """Everything stops in mid-step, ports stay open, nothing answers."""
        self._jvm.pause()

    def resume(self) -> None:
        self._jvm.resume()

    # Thrift servers

    def start_thrift(self) -> None:
        self._start_thrift(_THRIFT2, self.ports.thrift2)

    def stop_thrift(self) -> None:
        """Thrift2 goes away, HBase itself stays up."""
        self._stop_thrift(_THRIFT2, self.ports.thrift2)

    def start_thrift1(self) -> str:
        """Also start the older Thrift1 server, as many clusters run it; returns its `host:port`."""
        self._start_thrift(_THRIFT1, self.ports.thrift1)
        return f"127.0.0.1:{self.ports.thrift1}"

    def stop_thrift1(self) -> None:
        self._stop_thrift(_THRIFT1, self.ports.thrift1)

    # Tables

    def create_table(
        self,
        name: str,
        families: Sequence[str],
        splits: Sequence[bytes] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`splits` are the first keys of the regions after the first; `settings` (VERSIONS, TTL, KEEP_DELETED_CELLS …) go to each family."""
        client = self._hadoop.hbase.client
        table = client.TableDescriptorBuilder.newBuilder(self._table(name))
        for family in families:
            column = client.ColumnFamilyDescriptorBuilder.newBuilder(family.encode())
            for key, value in (settings or {}).items():
                column.setValue(key, value)
            table.setColumnFamily(column.build())
        self._admin(lambda admin: admin.createTable(table.build(), *([self._byte_arrays(splits)] if splits else [])))

    def drop(self, name: str) -> None:
        self._disabled(name, lambda admin: admin.deleteTable(self._table(name)))

    def truncate(self, name: str) -> None:
        self._disabled(name, lambda admin: admin.truncateTable(self._table(name), True))

    def flush(self, name: str) -> None:
        self._admin(lambda admin: admin.flush(self._table(name)))

    def major_compact(self, name: str) -> None:
        """Returns when it is done: deleted cells and their markers are gone."""
        for region in self._regions(name):
            region.compact(True)

    def minor_compact(self, name: str) -> None:
        """Returns when it is done; HBase chooses the files."""
        for region in self._regions(name):
            region.compact(False)

    def split(self, name: str, row: bytes) -> None:
        """Split the region of `row` there, and wait until both halves serve."""
        before = len(self._regions(name))
        self._admin(lambda admin: admin.split(self._table(name), row))
        self._wait(lambda: len(self._regions(name)) > before and self._available(name), f"the split of {name}")

    def merge(self, name: str) -> None:
        """Merge the table's first two regions, and wait until the result serves."""

        def merged(admin: Any) -> None:
            names = [region.getRegionName() for region in list(admin.getRegions(self._table(name)))[:2]]
            admin.mergeRegionsAsync(self._byte_arrays(names), False).get()

        self._admin(merged)

    def region_count(self, name: str) -> int:
        return len(self._regions(name))

    def store_files(self, name: str) -> int:
        """HFiles of the table now."""
        return sum(store.getStorefilesCount() for region in self._regions(name) for store in region.getStores())

    def set_clock(self, milliseconds: int | None) -> None:
        """Stop the servers' clock at this time (cells get it as their timestamp), or None: let it run again."""
        manager = self._hadoop.hbase.util.EnvironmentEdgeManager
        if milliseconds is None:
            manager.reset()
            return
        clock = self._hadoop.hbase.util.ManualEnvironmentEdge()
        clock.setValue(milliseconds)
        manager.injectEdge(clock)

    # Inside

    def _launch(self) -> Jvm:
        conf = write_conf(self.base / "conf", "hbase-site", site(self.base, self.ports) | dict(self.settings))
        jars = fetch.fetch_all()
        properties = PROPERTIES | {"java.io.tmpdir": str(conf)}
        return Jvm.launch("HBase", [str(conf), f"{jars}/*"], self.base / "hbase.log", JAVA_OPTIONS, properties)

    def _boot(self) -> None:
        hbase = self._hadoop.hbase
        self._hadoop.metrics2.lib.DefaultMetricsSystem.setMiniClusterMode(True)
        self._conf = hbase.HBaseConfiguration.create()
        try:
            self._start_zookeeper()
            servers = (self._class("hbase.master.HMaster"), self._class("hbase.regionserver.HRegionServer"))
            self._cluster = hbase.LocalHBaseCluster(self._conf, 1, 1, *servers)
            self._cluster.startup()
        except Py4JError as error:
            raise self._jvm.failure(str(error)) from error
        self._wait(self._initialized, "its master")
        self._connection = hbase.client.ConnectionFactory.createConnection(self._conf)
        self.start_thrift()

    def _start_zookeeper(self) -> None:
        zookeeper = self._hadoop.hbase.zookeeper.MiniZooKeeperCluster(self._conf)
        zookeeper.setDefaultClientPort(self.ports.zookeeper)
        folder = self._jvm.java.java.io.File(str(self.base / "zookeeper"))
        if zookeeper.startup(folder) != self.ports.zookeeper:  # it takes the next one by itself
            raise self._jvm.failure(f"port {self.ports.zookeeper} for ZooKeeper is taken")

    def _initialized(self) -> bool:
        masters = self._cluster.getMasters()
        if masters.isEmpty() or masters.get(0).getMaster().isAborted():  # its JVM would hang around for ever
            raise self._jvm.failure("its master gave up")
        active = self._cluster.getActiveMaster()
        return active is not None and bool(active.isInitialized())

    def _start_thrift(self, package: str, port: int) -> None:
        conf = self._hadoop.conf.Configuration(self._conf)
        conf.set("hbase.regionserver.thrift.port", str(port))
        server = getattr(self._hadoop.hbase, package).ThriftServer(conf)
        self._thrifts[package] = server
        start = self._jvm.array(self._jvm.java.java.lang.String, ["start"])
        self._jvm.run_in_thread(self._class("util.ToolRunner"), "run", conf, server, start)
        self._wait(lambda: is_listening(port), f"its {package} server on port {port}")

    def _stop_thrift(self, package: str, port: int) -> None:
        self._thrifts.pop(package).stop()
        self._wait(lambda: not is_listening(port), f"the end of its {package} server")

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        self._jvm.wait_until(ready, what, _START_SECONDS)

    def _admin(self, use: Callable[[Any], None]) -> None:
        admin = self._connection.getAdmin()
        try:
            use(admin)
        finally:
            admin.close()

    def _disabled(self, name: str, use: Callable[[Any], None]) -> None:
        def disabled(admin: Any) -> None:
            admin.disableTable(self._table(name))
            use(admin)

        self._admin(disabled)

    def _available(self, name: str) -> bool:
        admin = self._connection.getAdmin()
        try:
            return bool(admin.isTableAvailable(self._table(name)))
        finally:
            admin.close()

    def _regions(self, name: str) -> list[Any]:
        server = self._cluster.getRegionServers().get(0).getRegionServer()
        return list(server.getRegions(self._table(name)))

    def _table(self, name: str) -> Any:
        return self._hadoop.hbase.TableName.valueOf(name)

    def _byte_arrays(self, items: Sequence[bytes]) -> Any:
        java = self._jvm.java.java
        arrays = java.lang.reflect.Array.newInstance(java.lang.Class.forName("[B"), len(items))
        for index, item in enumerate(items):
            arrays[index] = item
        return arrays

    def _class(self, name: str) -> Any:
        return self._jvm.java.java.lang.Class.forName(f"org.apache.hadoop.{name}")

    @property
    def _hadoop(self) -> Any:
        return self._jvm.java.org.apache.hadoop
