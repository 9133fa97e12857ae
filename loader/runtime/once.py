"""`run --once`: load what there is now, in this process: for one batch Spark's start costs more than it gives.

Under spark-submit runtime/job.py does the same with the cluster's tasks.
"""

import time
from typing import TYPE_CHECKING

from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.datafiles.split_file import Tools
from loader.publish.requests import any_open
from loader.report import log as events
from loader.report.reports import BatchReport, RunReport
from loader.runtime.assemble import hbase_of, open_loop
from loader.runtime.batch_report import run_report
from loader.runtime.one_window import scan_from_here
from loader.wiring.table import open_table

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings

CORES = 2


def run_once(settings: "Settings", table: "TableSettings", confirm_deletes: bool = False) -> RunReport:
    """One window and all keys that were asked for, in as many batches as they want, or none.

    Waits for nobody: raises what stands in the way.
    """
    started = time.perf_counter()
    env = open_table(settings, table)
    try:
        share = 1.0 if confirm_deletes else table.max_delete_share

        def rewriter(tools: Tools) -> LocalRewriter:
            return LocalRewriter(tools, env.layout.temporary, threads_for(CORES))

        loop = open_loop(settings, table, env, rewriter, CORES, max_delete_share=share)
        if table.source is None:
            hbase_of(loop).scan = scan_from_here(settings, table, env)
        published: list[BatchReport | None] = []
        while not published or loop.behind or (published[-1] is not None and any_open(env, env.state.records().state)):
            published.append(loop.turn())
            if published[-1] is not None:
                events.batch_done(published[-1])
        loop.collect_old()
        position = env.state.position()
    finally:
        env.metastore.close()
    made = (report for report in published if report is not None)
    return run_report(str(table.hive_table), made, position, time.perf_counter() - started)
