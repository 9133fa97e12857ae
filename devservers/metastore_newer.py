"""Real Hive metastores 3.1.3 and 4.0.1, on 127.0.0.1 only.

    with Metastore31.start(folder) as metastore:              # on an embedded Derby
    with Metastore40.start(folder) as metastore:              # on an embedded Derby
    with Metastore40OnPostgres.start(folder) as metastore:    # on a PostgreSQL of its own

3.1.3's main class binds every interface, so its parts are put together here as it does it
(`HiveMetaStore.startMetaStore` of Hive 3.1.3). 4.0.1 has a setting for that, and runs as it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devservers.hive_release import HIVE_3_1, HIVE_4_0
from devservers.jvm import Jvm
from devservers.metastore_base import Metastore, thread_pool
from devservers.metastore_schema import extracted_scripts
from devservers.postgres import USER, Postgres

OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        *("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.math", "java.net", "java.nio"),
        *("java.text", "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic"),
        *("java.util.regex", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"),
    )
)
"""What Hive and Tez of that time look into, which Java 17 closes."""
_HEAP = ("-Xmx1g", "-Xss16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Metastore31(Metastore):
    """A running metastore of Hive 3.1. Made by `start`, 4 to 6 s."""

    release = HIVE_3_1
    site_name = "metastore-site"
    java_options = (*_HEAP, *OPENS)

    def _class_path(self) -> list[str]:
        return self.release.class_path()

    def _site(self) -> dict[str, str]:
        return super()._site() | _PLAIN

    def _serve(self, jvm: Jvm) -> Any:
        metastore = jvm.java.org.apache.hadoop.hive.metastore
        conf = metastore.conf.MetastoreConf.newMetastoreConf()
        handler = metastore.HiveMetaStore.HMSHandler("devservers", conf, False)
        retrying = metastore.RetryingHMSHandler.getProxy(conf, handler, True)
        server = thread_pool(jvm.java, metastore.TSetIpAddressProcessor(retrying), self.port)
        thread = jvm.run_in_thread(server, "serve")
        self._keep_house(jvm, conf)
        return thread

    @staticmethod
    def _keep_house(jvm: Jvm, conf: Any) -> None:
        """Without this the locks of dead holders stay for ever (`HiveMetaStore.startRemoteOnlyTasks` of Hive 3.1.3)."""
        keeper = jvm.java.org.apache.hadoop.hive.metastore.txn.AcidHouseKeeperService()
        keeper.setConf(conf)
        concurrent = jvm.java.java.util.concurrent
        unit = concurrent.TimeUnit.MILLISECONDS
        every_ms = keeper.runFrequency(unit)
        concurrent.Executors.newScheduledThreadPool(1).scheduleAtFixedRate(keeper, every_ms, every_ms, unit)


class Metastore40(Metastore):
    """A running metastore of Hive 4.0. Made by `start`, 5 to 8 s."""

    release = HIVE_4_0
    site_name = "metastore-site"
    java_options = (*_HEAP, *OPENS)

    def _class_path(self) -> list[str]:
        return self.release.class_path()

    def _site(self) -> dict[str, str]:
        return super()._site() | _PLAIN | {"metastore.thrift.bind.host": "127.0.0.1"}

    def _serve(self, jvm: Jvm) -> Any:
        main = jvm.java.java.lang.Class.forName("org.apache.hadoop.hive.metastore.HiveMetaStore")
        return jvm.run_in_thread(main, "main", jvm.array("java.lang.String", ["-p", str(self.port)]))


class Metastore40OnPostgres(Metastore40):
    """A running metastore of Hive 4.0 with PostgreSQL behind it. Made by `start`, 10 s; the first one prepares."""

    def __init__(self, base: Path, port: int, settings: Mapping[str, str]) -> None:
        self.postgres = Postgres.start(base / "postgres")
        self._is_new = True
        try:
            super().__init__(base, port, settings)
        except BaseException:
            self.postgres.close()
            raise

    def close(self) -> None:
        super().close()
        self.postgres.close()

    def _prepare_database(self) -> None:
        """Done in `_serve`, where the driver is."""

    def _database_url(self) -> str:
        return f"{self.postgres.url()}?user={USER}"

    def database_settings(self) -> dict[str, str]:
        """The settings with which another metastore works on the same database."""
        return {
            "javax.jdo.option.ConnectionURL": self.postgres.url(),
            "javax.jdo.option.ConnectionDriverName": "org.postgresql.Driver",
            "javax.jdo.option.ConnectionUserName": USER,
            "javax.jdo.option.ConnectionPassword": USER,
            "datanucleus.connectionPoolingType": "HikariCP",
        }

    def _site(self) -> dict[str, str]:
        return super()._site() | self.database_settings()

    def _serve(self, jvm: Jvm) -> Any:
        if self._is_new:
            self._make_schema(jvm)
            self._is_new = False
        return super()._serve(jvm)

    def _make_schema(self, jvm: Jvm) -> None:
        connection = jvm.java.java.sql.DriverManager.getConnection(self._database_url())
        with tempfile.TemporaryDirectory(dir=self.base) as folder:
            for script in extracted_scripts(self.release, self.release.archive(), Path(folder), "postgres"):
                connection.createStatement().execute(script.read_text())
        connection.close()


QUICK_LOCK_TIMEOUT_40 = {
    "metastore.txn.timeout": "3s",
    "metastore.housekeeping.threads.on": "true",
    "metastore.task.threads.remote": "org.apache.hadoop.hive.metastore.txn.service.AcidHouseKeeperService",
    "metastore.acid.housekeeper.interval": "1s",
}
"""4.0.1 keeps house by itself, if it is told to. For 3.1 take `devservers.metastore.QUICK_LOCK_TIMEOUT`."""

_PLAIN = {
    "metastore.stats.autogather": "false",
    "metastore.task.threads.always": "org.apache.hadoop.hive.metastore.events.EventCleanerTask",
    "metastore.expression.proxy": "org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy",
    "hive.async.log.enabled": "false",
    "metastore.async.log.enabled": "false",
}
