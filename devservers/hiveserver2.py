"""A real HiveServer2 4.0.1 on local Tez, on 127.0.0.1 only.

    with HiveMetastore40.start(folder / "metastore") as metastore, HiveServer2.start(folder, metastore) as hive:
        with hive.connect() as cursor:
            cursor.execute("select …")

It starts in 5 s, its first query takes as long, later ones about a second each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from devservers import fetch
from devservers.hive_release import HIVE_4_0
from devservers.jvm import Jvm
from devservers.metastore_newer import OPENS, Metastore40OnPostgres
from devservers.net import is_listening
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

_GROUP = "hiveserver2"
_START_SECONDS = 180.0
_HEAP = ("-Xmx1500m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_ZONE = "America/New_York"
"""Anything but UTC, so that a time stamp that some reader shifts is seen."""


class HiveMetastore40(Metastore40OnPostgres):
    """A metastore that prunes partitions by Hive's own expressions, without which HiveServer2's queries fail."""

    def _class_path(self) -> list[str]:
        (hive_exec,) = fetch.fetch_all(_GROUP).glob("hive-exec-*.jar")
        return [*super()._class_path(), str(hive_exec)]

    def _site(self) -> dict[str, str]:
        proxy = "org.apache.hadoop.hive.ql.optimizer.ppr.PartitionExpressionForMetastore"
        return super()._site() | {"metastore.expression.proxy": proxy}


class HiveServer2(Server):
    """A running HiveServer2. Made by `start`."""

    def __init__(self, base: Path, metastore: HiveMetastore40, settings: Mapping[str, str]) -> None:
        self.metastore, self.settings, (self.port,) = metastore, dict(settings), free_ports(1)
        super().__init__(base)

    @classmethod
    def start(cls, base_dir: Path, metastore: HiveMetastore40, settings: Mapping[str, str] | None = None) -> Self:
        """Start it on a running metastore: 5 s. `settings`: further hive-site properties.

        Raises DevServerError with the last lines of the server's log.
        """
        return cls(base_dir, metastore, settings or {})

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A cursor of impyla: `execute`, `execute_async`, `fetchall`."""
        from impala.dbapi import connect  # noqa: PLC0415  # the demo needs no such thing

        connection = connect("127.0.0.1", port=self.port, auth_mechanism="PLAIN", user="hive", password="hive")  # noqa: S106
        cursor = connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()  # or it closes itself when it is collected, and then looks for a server that may be gone
            connection.close()

    def _launch(self) -> Jvm:
        conf = self.base / "conf"
        for name, settings in self._sites().items():
            write_conf(conf, name, settings)
        (conf / "hive-log4j2.properties").write_text((conf / "log4j2.properties").read_text())
        class_path = [str(conf), f"{fetch.fetch_all(_GROUP)}/*", *HIVE_4_0.class_path()]
        properties = {"java.io.tmpdir": str(conf), "user.timezone": _ZONE, "hadoop.home.dir": str(self.base)}
        return Jvm.launch("HiveServer2", class_path, self.base / "hiveserver2.log", (*_HEAP, *OPENS), properties)

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            main = jvm.java.java.lang.Class.forName("org.apache.hive.service.server.HiveServer2")
            jvm.run_in_thread(main, "main", jvm.array("java.lang.String", []))
            jvm.wait_until(lambda: is_listening(self.port), f"its port {self.port}", _START_SECONDS)

    def _sites(self) -> dict[str, dict[str, str]]:
        return {
            "hive-site": self._hive_site() | self.settings,
            "tez-site": _TEZ | {"tez.staging-dir": str(self.base / "staging")},
            "core-site": _CORE | {"hadoop.tmp.dir": str(self.base / "hadoop")},
            "mapred-site": {"mapreduce.framework.name": "local"},
        }

    def _hive_site(self) -> dict[str, str]:
        return _HIVE | {
            "hive.metastore.uris": self.metastore.uri,
            "metastore.warehouse.dir": str(self.metastore.warehouse),
            "hive.server2.thrift.port": str(self.port),
            "hive.exec.scratchdir": str(self.base / "scratch"),
            "hive.exec.local.scratchdir": str(self.base / "local"),
            "hive.downloaded.resources.dir": str(self.base / "resources"),
            "hive.user.install.directory": f"file://{self.base}/install",
        }


_HIVE = {
    "hive.async.log.enabled": "false",
    "hive.server2.thrift.bind.host": "127.0.0.1",
    "hive.server2.webui.port": "0",
    "hive.server2.authentication": "NONE",
    "hive.server2.enable.doAs": "false",
    "hive.server2.logging.operation.enabled": "false",
    "hive.server2.materializedviews.registry.impl": "DUMMY",
    "hive.execution.engine": "tez",
    "hive.exec.submit.local.task.via.child": "false",
    "hive.notification.event.poll.interval": "0s",
    "hive.stats.autogather": "false",
    "hive.tez.container.size": "512",
    "hive.tez.exec.inplace.progress": "false",
    "hive.vectorized.execution.enabled": "true",
}
_TEZ = {
    "tez.local.mode": "true",
    "tez.local.mode.without.network": "true",  # or its master listens on every interface
    "tez.ignore.lib.uris": "true",
    "tez.runtime.optimize.local.fetch": "true",
    "tez.am.inline.task.execution.max-tasks": "2",
    "tez.am.resource.memory.mb": "512",
    "tez.runtime.io.sort.mb": "64",
}
_CORE = {
    "fs.defaultFS": "file:///",
    "hadoop.proxyuser.root.hosts": "*",
    "hadoop.proxyuser.root.groups": "*",
}
