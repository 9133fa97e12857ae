"""A real Hive metastore 2.3.10 (the one that pyspark carries) on an embedded Derby, on 127.0.0.1 only.

    with Metastore23.start(folder) as metastore:
        connect(metastore.uri)

The stock main class binds every interface, so its parts are put together here as it does it
(`HiveMetaStore.startMetaStore` and `startMetaStoreThreads` of Hive 2.3.10).
"""

from __future__ import annotations

from typing import Any

from devservers import paths
from devservers.hive_release import HIVE_2_3
from devservers.jvm import Jvm
from devservers.metastore_base import Metastore, thread_pool


class Metastore23(Metastore):
    """A running metastore of Hive 2.3. Made by `start`, 3 to 5 s; with the settings `QUICK_LOCK_TIMEOUT` the lock of a
    dead holder goes after some seconds."""

    release = HIVE_2_3
    site_name = "hive-site"

    def _class_path(self) -> list[str]:
        return [f"{paths.pyspark_jars()}/*"]

    def _site(self) -> dict[str, str]:
        return super()._site() | _HOUSEKEEPING

    def _serve(self, jvm: Jvm) -> Any:
        hadoop = jvm.java.org.apache.hadoop
        conf = hadoop.hive.conf.HiveConf()
        metastore = hadoop.hive.metastore
        handler = metastore.HiveMetaStore.HMSHandler("devservers", conf, False)
        retrying = metastore.RetryingHMSHandler.getProxy(conf, handler, True)
        server = thread_pool(jvm.java, metastore.TSetIpAddressProcessor(retrying), self.port)
        thread = jvm.run_in_thread(server, "serve")
        hadoop.hive.ql.txn.AcidHouseKeeperService().start(conf)
        return thread


# The locks of dead holders go after hive.txn.timeout only if AcidHouseKeeperService runs, and it starts for the
# transactional lock manager only (HouseKeeperServiceBase.start).
QUICK_LOCK_TIMEOUT = {"hive.txn.timeout": "3s", "hive.timedout.txn.reaper.interval": "1s"}
_HOUSEKEEPING = {
    "hive.txn.manager": "org.apache.hadoop.hive.ql.lockmgr.DbTxnManager",
    "hive.support.concurrency": "true",
    "hive.timedout.txn.reaper.start": "1s",
    "hive.timedout.txn.reaper.interval": "30s",  # each round leaves 20 KB of a Derby connection behind
}
