"""An HBase table and the Hive table that is kept equal to it, on real servers; batches run in this process."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loader.config.settings import Settings, TableSettings, load
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.init import initialise
from loader.ops.table import TableService
from loader.publish.publish import Watch, no_watch
from loader.report.reports import BatchReport
from loader.runtime.assemble import hbase_of, open_loop
from loader.runtime.loop import Loop
from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.access.where import THRIFT, Where
from loader.sources.hbase.dirty_keys import DirtyKeys
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import WindowRules, window_end, window_to
from loader.state.open_table import Environment
from loader.storage.files import Files
from loader.wiring.mapping import mapping_of
from loader.wiring.source import connector
from loader.wiring.table import environment, identity, now_ms, open_metastore, open_table
from metastore.errors import NoSuchTable

_session, _numbers = secrets.token_hex(3), itertools.count(1)

LAG_MS = 200
RULES = WindowRules(lag_ms=LAG_MS, overlap_ms=2_000, deep_overlap_ms=60_000, deep_every_ms=10**9)
"""Windows of the tests; `Kept.turn` makes one deep by asking for it."""

ALL_VISIBLE = replace(RULES, overlap_ms=0, deep_overlap_ms=0)
"""Where every put is known to be acknowledged: the low watermark moves to the window's end."""


def fresh_name(what: str) -> str:
    """A table name that no test has used, nor an earlier session on the same servers."""
    return f"{what}_{_session}_{next(_numbers)}"


@dataclass
class Kept:
    """`config`: the YAML file's path. `patience`: of the HBase client, short where a server is taken away."""

    config: Path
    settings: Settings
    table: TableSettings
    patience: Patience = field(default_factory=lambda: Patience(seconds=30))

    @property
    def hive_name(self) -> str:
        return str(self.table.hive_table)

    def connect(self) -> HBaseClient:
        return connector(self.settings, self.patience)()

    def initialise(self) -> None:
        initialise(self.settings, self.table)

    def drop(self) -> None:
        """The Hive table, if there is one. Its files stay."""
        metastore = open_metastore(self.settings)
        with suppress(NoSuchTable):
            metastore.drop_table(self.table.hive_table)
        metastore.close()

    def service(self) -> TableService:
        return TableService(open_table(self.settings, self.table))

    def environment(self, files: Files) -> Environment:
        """As `open_table` makes it, over other files."""
        metastore = open_metastore(self.settings)
        return environment(metastore, files, metastore.table(self.table.hive_table), self.table, identity())

    def loop(self, files: Files | None = None, watch: Watch = no_watch, **options: Any) -> Loop:
        """A loader run of its own, made as the command makes it: a new identity, no memory of what was taken."""
        env = self.service().env if files is None else self.environment(files)

        def rewriter(tools: Tools) -> LocalRewriter:
            return LocalRewriter(tools, env.layout.temporary)

        return open_loop(self.settings, self.table, env, rewriter, 2, self.patience, watch=watch, **options)

    def turn(self, loop: Loop, deep: bool = False, rules: WindowRules = RULES) -> BatchReport | None:
        """One batch of all that HBase has acknowledged before the call."""
        asked = now_ms()
        while now_ms() <= asked + LAG_MS:
            time.sleep(0.02)
        hbase_of(loop).scan = self.scan(loop, replace(rules, deep_every_ms=0) if deep else rules)
        return loop.turn()

    def scan(self, loop: Loop, rules: WindowRules = RULES) -> Callable[[], DirtyKeys]:
        def scan() -> DirtyKeys:
            window = window_to(window_end(now_ms(), rules), loop.env.state.position(), rules)
            return scan_window(self.connect, self.table.hbase_table, mapping_of(self.table).families, window)

        return scan


def keep(
    folder: Path, hbase: str | Where, metastore: str, hbase_table: str, hive_table: str, columns: str, /, **options: str
) -> Kept:
    """Configure it; nothing is created. `hbase`: a Thrift2 server's address, or another way.

    `columns`: YAML lines of `columns`, `mapping`, `partition_by` and the like.

    `options`: `metastore_timeout`, `hbase_timeout`, and settings of the table.
    """
    where = Where(THRIFT, (hbase,)) if isinstance(hbase, str) else hbase
    top = {
        name: options.pop(name, default) for name, default in (("metastore_timeout", "60s"), ("hbase_timeout", "30s"))
    }
    options = {"location": f"{folder}/{hive_table}"} | options
    given = [line for line in columns.splitlines() if line.partition(":")[0] not in options]
    body = "\n".join(f"    {line}" for line in [*given, *(f"{name}: {value}" for name, value in options.items())])
    config = folder / f"{hive_table}.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.parent.chmod(0o755)  # a table takes its mode from there, and its readers are others
    config.write_text(
        f"metastore: {{uris: '{metastore}', timeout: {top['metastore_timeout']}}}\n"
        f"hbase: {{{where.way}: '{','.join(where.hosts)}', timeout: {top['hbase_timeout']}}}\n"
        f"tables:\n  {hive_table}:\n    hbase_table: {hbase_table}\n{body}\n"
    )
    settings = load(config)
    return Kept(config, settings, settings.table())
