"""`hotswap plan` on the real source: one window scanned and some of its rows read, nothing more."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.plan import Deadline, NextBatch, preview
from loader.runtime.assemble import hbase_of, open_loop
from loader.runtime.one_window import scan_from_here
from loader.runtime.parallelism import tasks_at_once
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
        loop = open_loop(settings, table, env, never_used, tasks, record=False, max_delete_share=table.max_delete_share)
        if table.source is None:
            source = hbase_of(loop)
            source.blindspots = None  # they would store what they see
            source.scan = scan_from_here(settings, table, env)
        found = preview(loop.env, loop.work(), Deadline(within_s, time.monotonic))
        return replace(found, backlog=loop.source.backlog)
    finally:
        env.metastore.close()
