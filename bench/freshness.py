"""From a put to the swap that shows it: p50 and p99 at steady rates of changes, and which step takes how long."""

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.config import Settings, load
from loader.init import initialise
from loader.loop import Loop
from loader.reports import BatchReport
from loader.rewrite import Tools
from loader.rewrite_local import LocalRewriter
from loader.service import now_ms, open_table
from loader.sources.opening import connector, mapping_of, open_loop, window_rules
from loader.sources.scan import scan_window
from loader.sources.thrift2 import TColumnValue, Thrift2, TPut
from loader.sources.windows import window_end, window_to

TABLE, DAYS, BURSTS_A_SECOND = "fresh", 10, 20
SETTINGS = """\
metastore: {{uris: '{metastore}'}}
hbase: {{thrift: '{hbase}'}}
tables:
  default.fresh:
    hbase_table: fresh
    columns: {{id: string, clicks: bigint, day: string}}
    mapping: ":key,d:clicks#b,d:day"
    partition_by: [day]
    location: {folder}/fresh
    lag: 200ms
    publish_every: 0s
"""


def measure(hbase: HBase, folder: Path, rows: int, rates: Sequence[int], seconds: float) -> dict[str, Any]:
    """Rate → ms from put to swap over all changes, batches, and the median ms of each step. `rows` lie in 10 days."""
    with Metastore23.start(folder / "metastore") as metastore:
        hbase.create_table(TABLE, ["d"])
        config = folder / "fresh.yaml"
        config.write_text(SETTINGS.format(metastore=metastore.uri, hbase=hbase.thrift, folder=folder))
        settings = load(config)
        initialise(settings, settings.table(), None)
        loop = _loop(settings)
        with connector(settings)() as client:
            for start in range(0, rows, 2000):
                _put(client, range(start, min(start + 2000, rows)))
        _turn(settings, loop)
        found = {str(rate): _at_rate(settings, loop, rows, rate, seconds) for rate in rates}
        loop.env.metastore.close()
        return {"rows": rows, "days": DAYS, "rates": found}


def _at_rate(settings: Settings, loop: Loop, rows: int, rate: int, seconds: float) -> dict[str, Any]:
    sent: list[int] = []
    over = threading.Event()
    writer = threading.Thread(target=_write, args=(settings, rows, rate, sent, over))
    writer.start()
    reports: list[BatchReport] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        report = _turn(settings, loop)
        reports += [report] if report else []
    over.set()
    writer.join()
    waits = sorted(_waits(sent, reports))
    if not waits:
        raise AssertionError(f"nothing was published at {rate} changes a second")
    steps = reports[len(reports) // 2].seconds
    return {
        "changes": len(waits),
        "sent_a_second": round(len(sent) / seconds),
        "batches": len(reports),
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "step_ms": {step: round(1000 * median(report.seconds[step] for report in reports)) for step in steps},
    }


def _waits(sent: Sequence[int], reports: Sequence[BatchReport]) -> list[int]:
    """Ms of each change, from the time of its put to the swap of the first batch whose window held it."""
    waits: list[int] = []
    done = 0
    for report in reports:
        if report.window is None or report.confirmed_ms is None:
            continue
        until = bisect_left(sent, report.window[1])
        waits += [report.confirmed_ms - at for at in sent[done:until]]
        done = max(done, until)
    return waits


def _write(settings: Settings, rows: int, rate: int, sent: list[int], over: threading.Event) -> None:
    """Bursts of random-looking keys, evenly in time."""
    burst, number, due = max(1, rate // BURSTS_A_SECOND), 0, time.monotonic()
    with connector(settings)() as client:
        while not over.is_set():
            keys = [(number + index) * 7919 % rows for index in range(burst)]
            at = now_ms()
            _put(client, keys)
            sent += [at] * burst
            number, due = number + burst, due + burst / rate
            over.wait(max(0.0, due - time.monotonic()))


def _put(client: Thrift2, numbers: Sequence[int]) -> None:
    clock = now_ms().to_bytes(8, "big")
    puts = [
        TPut(
            row=b"row%08d" % number,
            columnValues=[
                TColumnValue(family=b"d", qualifier=b"clicks", value=clock),
                TColumnValue(family=b"d", qualifier=b"day", value=b"day%d" % (number % DAYS)),
            ],
        )
        for number in numbers
    ]
    client.put_multiple(TABLE, puts)


def _loop(settings: Settings) -> Loop:
    table = settings.table()
    env = open_table(settings, table).env

    def rewriter(tools: Tools) -> LocalRewriter:
        return LocalRewriter(tools, env.layout.temporary, 2)

    return open_loop(settings, table, env, rewriter, 2)


def _turn(settings: Settings, loop: Loop) -> BatchReport | None:
    table = settings.table()
    rules = window_rules(table)

    def scan() -> Any:
        window = window_to(window_end(now_ms(), rules), loop.env.state.position(), rules)
        return scan_window(connector(settings), TABLE, mapping_of(table).families, window)

    return loop.turn(scan)
