"""HBase and the metastore of one demo.

They lie in the demo's folder as `python -m devservers up --data FOLDER` wants it, ports included: after --keep that
brings them up again with all that the demo left.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

from devservers import fetch, metastore_schema, progress
from devservers.hbase import HBase
from devservers.hbase_conf import Ports
from devservers.jvm import kill_all
from devservers.metastore import Metastore23
from devservers.ports import remembered_ports


@dataclass(frozen=True, slots=True)
class Servers:
    hbase: HBase
    metastore: Metastore23

    def check(self) -> None:
        """Raises DevServerError if one has ended."""
        self.hbase.check()
        self.metastore.check()


def fetch_needed() -> tuple[int, int]:
    """Files fetched now, files needed. The second time that is (0, …) and asks nobody."""
    fetcher = fetch.default_fetcher(progress.for_stderr())
    fetched = fetcher.run()
    return len(fetched), len(fetcher.artifacts)


def hurry(environ: MutableMapping[str, str] = os.environ) -> None:
    """Every JVM from now on compiles quickly, not well: in a minute the good compiler costs twice what it saves."""
    options = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", environ.get("JAVA_TOOL_OPTIONS", ""))
    environ["JAVA_TOOL_OPTIONS"] = " ".join(filter(None, options))


def start(folder: Path, until: ExitStack) -> Servers:
    """Start both at the same time; `until` stops them. Raises DevServerError with the server's last lines."""
    metastore_schema.template()  # 4 s, the first time only
    metastore_port, *hbase_ports = remembered_ports(folder / "ports", 1 + len(fields(Ports)))
    until.callback(kill_all)
    with ThreadPoolExecutor() as pool:
        try:
            starting = pool.submit(HBase.start, folder / "hbase", Ports(*hbase_ports))
            metastore = Metastore23.start(folder / "metastore", metastore_port)
            return Servers(starting.result(), metastore)
        except BaseException:
            kill_all()  # or the pool waits for a start that nobody wants any more
            raise
