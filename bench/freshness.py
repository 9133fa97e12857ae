"""From a put to the swap that shows it: p50 and p99 at steady rates of changes, and which step takes how long.

Of the loader as it runs: a Spark stream, whose triggers and scan are in the figures.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.config.settings import Settings, load
from loader.ops.init import initialise
from loader.report.reports import BatchReport
from loader.runtime.job import Job
from loader.runtime.waiting import Waiting
from loader.sources.hbase.thrift2.client import TColumnValue, Thrift2, TPut
from loader.wiring.source import connector
from loader.wiring.table import now_ms

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
POLL = "50ms"


def measure(hbase: HBase, folder: Path, rows: int, rates: Sequence[int], seconds: float) -> dict[str, Any]:
    """Rate → ms from put to swap over all changes, batches, and the median ms of each step. `rows` lie in 10 days."""
    with Metastore23.start(folder / "metastore") as metastore:
        settings = new_table(hbase, metastore.uri, folder, f"{SETTINGS}    poll_every: {POLL}\n")
        with streaming(settings) as stream:
            with connector(settings)() as client:
                for start in range(0, rows, 2000):
                    _put(client, range(start, min(start + 2000, rows)))
            stream.turns_until(_close(settings))
            found = {str(rate): _at_rate(settings, stream, rows, rate, seconds) for rate in rates}
        return {"rows": rows, "days": DAYS, "rates": found}


def new_table(hbase: HBase, metastore: str, folder: Path, text: str) -> Settings:
    """The HBase table and the Hive table of it, configured by `text`: SETTINGS and more."""
    hbase.create_table(TABLE, ["d"])
    config = folder / "fresh.yaml"
    config.write_text(text.format(metastore=metastore, hbase=hbase.thrift, folder=folder))
    settings = load(config)
    initialise(settings, settings.table())
    return settings


@dataclass(frozen=True, slots=True)
class Sent:
    """A change: when its put was called and when that returned; its cell's timestamp lies in between."""

    called_ms: int
    returned_ms: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Of one change, in ms: until the batch that took it began, and until its swap was confirmed."""

    until_batch: int
    until_swap: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch, and when it began."""

    began_ms: int
    report: BatchReport


@dataclass(slots=True)
class Stream:
    """The loader as `hotswap run` runs it, in a thread; `seen`: of its batches, by `turns_until`."""

    job: Job
    thread: threading.Thread
    seen: int = 0

    def turns_until(self, moment: int) -> list[Turn]:
        """The batches since the last call, once one of them has read everything that was put before `moment`, ms."""
        while not any(_until(report) > moment for report in self.job.reports[self.seen :]):
            if not self.thread.is_alive():
                raise AssertionError("the stream has ended")
            time.sleep(0.05)
        reports = self.job.reports[self.seen :]
        self.seen += len(reports)
        return [Turn(_began(report), report) for report in reports]

    def stop(self) -> None:
        """Its Spark session stays."""
        self.job.waiting.stop.set()
        self.thread.join()
        self.job.stop_looking()


@contextmanager
def streaming(settings: Settings) -> Iterator[Stream]:
    job = Job(settings, settings.table(), False, False, Waiting(threading.Event()))
    thread = threading.Thread(target=job.run)
    thread.start()
    stream = Stream(job, thread)
    try:
        yield stream
    finally:
        stream.stop()
        job.close()


def _at_rate(settings: Settings, stream: Stream, rows: int, rate: int, seconds: float) -> dict[str, Any]:
    sent: list[Sent] = []
    over = threading.Event()
    writer = threading.Thread(target=_write, args=(settings, rows, rate, sent, over))
    writer.start()
    time.sleep(seconds)
    over.set()
    writer.join()
    turns = stream.turns_until(_close(settings))
    found = waits(sent, turns)
    if len(found) != len(sent):
        raise AssertionError(f"{len(sent)} changes were sent, {len(found)} were published")
    return _figures(found, turns) | {"sent_a_second": round(len(sent) / seconds)}


def _close(settings: Settings) -> int:
    """A change more, and when it was made: the batch that takes it has taken all that were made before."""
    time.sleep(0.01)
    closed = now_ms()
    with connector(settings)() as client:
        _put(client, [0])
    return closed


def _until(report: BatchReport) -> int:
    return report.window[1] if report.window else 0


def _began(report: BatchReport) -> int:
    """The outcome is stored after the swap was confirmed."""
    spent = sum(seconds for step, seconds in report.seconds.items() if step != "conclude")
    return (report.confirmed_ms or 0) - round(1000 * spent)


def _figures(found: Sequence[Wait], turns: Sequence[Turn]) -> dict[str, Any]:
    """`step_ms`: the median wait of a change until its batch began, then the batches' median of each step."""
    swaps = sorted(wait.until_swap for wait in found)
    steps = turns[0].report.seconds
    return {
        "changes": len(found),
        "batches": len(turns),
        "p50_ms": swaps[len(swaps) // 2],
        "p99_ms": swaps[len(swaps) * 99 // 100],
        "step_ms": {"wait_for_a_batch": round(median(wait.until_batch for wait in found))}
        | {step: round(1000 * median(turn.report.seconds[step] for turn in turns)) for step in steps},
    }


def waits(sent: Sequence[Sent], turns: Sequence[Turn]) -> list[Wait]:
    """How long each change took to the first batch whose window certainly held it."""
    returned = [change.returned_ms for change in sent]
    found: list[Wait] = []
    for turn in turns:
        window, confirmed = turn.report.window, turn.report.confirmed_ms
        if window is None or confirmed is None:
            continue
        until = bisect_left(returned, window[1])
        taken = sent[len(found) : until]
        found += [Wait(turn.began_ms - change.called_ms, confirmed - change.called_ms) for change in taken]
    return found


def _write(settings: Settings, rows: int, rate: int, sent: list[Sent], over: threading.Event) -> None:
    """Bursts of random-looking keys, evenly in time."""
    burst, number, due = max(1, rate // BURSTS_A_SECOND), 0, time.monotonic()
    with connector(settings)() as client:
        while not over.is_set():
            keys = [(number + index) * 7919 % rows for index in range(burst)]
            called = now_ms()
            _put(client, keys)
            sent += [Sent(called, now_ms())] * burst
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
