"""`hotswap plan` on the real source: one window scanned and some of its rows read, nothing more."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.plan import NextBatch, Patience, preview
from loader.publish.batch import DirtyKeys, Work
from loader.runtime.assemble import open_loop
from loader.runtime.parallelism import tasks_at_once
from loader.sources.hbase.backlog import slices_of
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import reached_by, window_end, window_to
from loader.wiring.mapping import mapping_of
from loader.wiring.source import connector, window_rules
from loader.wiring.table import open_table

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def preview_next(settings: "Settings", table: "TableSettings", within_s: float) -> NextBatch:
    """What a loader that starts now would publish first. Rows are read for `within_s` seconds at most."""
    env = open_table(settings, table)
    try:

        def never_used(tools: Tools) -> LocalRewriter:
            return LocalRewriter(tools, env.layout.temporary)

        spark = {name: secret.get_secret_value() for name, secret in settings.spark.items()}
        tasks = tasks_at_once(spark)
        loop = open_loop(settings, table, env, never_used, tasks, max_delete_share=table.max_delete_share)
        families, rules = mapping_of(table).families, window_rules(table)

        later: list[int] = []

        def scan() -> DirtyKeys:
            env.sleep(table.lag)  # so that what was put before the command is in the window
            now = env.clock()
            window = window_to(window_end(now, rules), env.state.position(reached_by(now)), rules)
            scanned = scan_window(connector(settings), table.hbase_table, families, window)
            first, *rest = slices_of(scanned.oldest(scanned.keys.to_pylist()), window, loop.max_keys)
            later.extend(len(part.keys) for part in rest)
            return DirtyKeys(pa.array(first.keys, pa.binary()), first.window.position(loop.source_id))

        work = Work(
            scan,
            loop.reader,
            loop.rewriter,
            loop.rules,
            loop.parallelism,
            loop.recently,
            loop.max_rejected,
            loop.max_delete_share,
        )
        found = preview(loop.env, work, Patience(within_s, time.monotonic))
        return replace(found, backlog=sum(later))
    finally:
        env.metastore.close()
