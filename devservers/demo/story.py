"""The demo from start to end. ACTS is its table of contents."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from devservers.demo import query as queries
from devservers.demo import rounds, servers
from devservers.demo.data import FAMILY, Totals, as_table, make_ads, sizes, totals_of
from devservers.demo.hotswap import TABLE, Hotswap
from devservers.demo.query import Queries, Query
from devservers.demo.rounds import ROUNDS, Ads, Round
from devservers.demo.servers import Servers
from devservers.demo.show import Screen
from devservers.demo.source import TABLE as HBASE_TABLE
from devservers.demo.source import Changes, Source, now_ms
from devservers.demo.watch import Watch
from loader.basics.quantities import counted
from loader.sources.hbase.thrift2.client import Endpoint, Thrift2

_SEED = 7
_SLICES, _BETWEEN_S = 8, 0.15  # how a round's changes trickle in
_SHORTEST_SLOW_S, _ROUNDS_LONG = 8.0, 2.5  # how long the slow query takes: at least, and in first rounds


@dataclass(slots=True)
class Stage:
    """What the acts share. Fields without a value at first are filled in by the act that their comment names."""

    screen: Screen
    folder: Path
    rows: int
    until: ExitStack  # what ends with the demo
    claims: list[tuple[str, bool]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    servers: Servers = field(init=False)  # start_servers
    queries: Queries = field(init=False)  # start_servers
    source: Source = field(init=False)  # make_table
    ads: Ads = field(init=False)  # make_table
    hotswap: Hotswap = field(init=False)  # load
    watch: Watch = field(init=False)  # load
    equal: pa.Table = field(init=False)  # compare

    def claim(self, text: str, holds: bool) -> None:
        """Say what was proved, or that it was not."""
        self.claims.append((text, holds))
        self.screen.claim(text, holds)

    def ask(self, sql: str, what: str) -> Query:
        """A query and its answer, watching meanwhile."""
        query = self.queries.ask(sql)
        self.watch.until_answered(query, what)
        return query

    def write(self, changes: Changes) -> None:
        """Into HBase, and into what we know that HBase holds."""
        self.watch.freshness.pending.append(self.source.write(changes))
        self.ads.take(changes)

    def verb(self, *arguments: str) -> str:
        """A verb of hotswap for this table, shown as one would type it."""
        verb, *options = arguments
        command = (verb, TABLE, *options)
        self.screen.command(f"hotswap {' '.join(command)}")
        with self.screen.waiting(f"hotswap {verb}", told=False):
            return self.hotswap.call(*command)


def start_servers(stage: Stage) -> None:
    """A real HBase and a real Hive metastore"""
    fetched, needed = servers.fetch_needed()
    stage.screen.tell(f"{counted(fetched, 'jar')} fetched, {needed} ready")
    began = time.monotonic()
    servers.hurry()
    with stage.screen.waiting("starting both on free ports of 127.0.0.1"):
        stage.servers = started = servers.start(stage.folder, stage.until)
    stage.queries = Queries(started.metastore, stage.folder)  # its Spark starts while the table is made
    stage.until.callback(stage.queries.stop)
    seconds = time.monotonic() - began
    stage.screen.tell(f"HBase {started.hbase.thrift} (Thrift2) and {started.metastore.uri}, up in {seconds:.1f} s")
    stage.screen.tell(f"all they write lies in {stage.folder}")


def make_table(stage: Stage) -> None:
    """An HBase table of ads, campaigns of very uneven size"""
    chance = random.Random(_SEED)
    ads = make_ads(stage.rows, chance)
    stage.ads = Ads.of(ads, chance)
    stage.servers.hbase.create_table(HBASE_TABLE, [FAMILY.decode()], splits=[f"ad-{stage.rows // 2:07d}".encode()])
    stage.source = Source(stage.until.enter_context(Thrift2(Endpoint.parse(stage.servers.hbase.thrift))))
    with stage.screen.waiting("writing ads into HBase") as update:
        stage.source.fill(ads, lambda done: update(f"writing ads into HBase: {done:,} of {stage.rows:,}"))
    stage.servers.hbase.flush(HBASE_TABLE)  # as a table that has been there for a while: its rows are in files
    stage.screen.shares(sizes(ads))


def load(stage: Stage) -> None:
    """hotswap makes the Hive table, loads it, and keeps it equal from now on"""
    stage.hotswap = Hotswap(stage.folder)
    stage.hotswap.configure(stage.servers.metastore.uri, stage.servers.hbase.thrift)
    stage.verb("init")
    stage.screen.command(f"hotswap run {TABLE} &")
    runner = stage.hotswap.run()
    stage.until.callback(runner.stop)
    stage.watch = watch = Watch(stage.screen, stage.servers, runner)
    watch.until(lambda: bool(watch.batches), "Spark starts, and the whole HBase table is loaded")


def change(stage: Stage) -> None:
    """Rows change in HBase, and a long query is under way"""
    first, *others = ROUNDS
    began = time.monotonic()
    _play(stage, first)
    round_s = time.monotonic() - began
    before = stage.ask(queries.TOTALS, "asking for the totals of every campaign").totals()
    slow = _ask_slowly(stage, max(_SHORTEST_SLOW_S, _ROUNDS_LONG * round_s))
    began_ms = now_ms()
    _play(stage, others[0])
    expected = totals_of(stage.ads.rows.values())
    still_runs = not slow.answer.done()
    new = stage.ask(queries.TOTALS, "asking again, beside the long query").totals()
    for each in others[1:]:
        _play(stage, each)
    stage.watch.until_answered(slow, "waiting for the long query")
    _judge(stage, slow, began_ms, before)
    text = "a query that began after a swap saw the new rows at once, while the long one still ran"
    stage.claim(text, still_runs and new == expected != before)


def _ask_slowly(stage: Stage, seconds: float) -> Query:
    slow = stage.queries.ask(queries.slow_totals(len(stage.ads.rows), seconds))
    stage.screen.writes(f"a query starts that takes about {seconds:.0f} s (it sleeps in between):")
    stage.screen.quote(queries.TOTALS)
    stage.watch.until(lambda: slow.under_way.is_set() or slow.answer.done(), "waiting until it reads files")
    if slow.answer.done():
        slow.answer.result()  # raises why it failed, if it did
    return slow


def _judge(stage: Stage, slow: Query, began_ms: int, before: Totals) -> None:
    swaps = stage.watch.swaps_between(began_ms, slow.ended_ms or began_ms)
    same = slow.totals() == before
    ran = ((slow.ended_ms or began_ms) - began_ms) / 1000
    text = f"a query of {ran:.0f} s finished on the rows that it began with, across {counted(swaps, 'swap')}"
    stage.claim(text, same and swaps > 0)


def _play(stage: Stage, each: Round) -> None:
    """A round trickles into HBase; then wait until Hive shows all of it."""
    changes = each.make(stage.ads, max(4, stage.rows // 150))
    stage.screen.writes(f"HBase: {each.text} ({counted(len(changes), 'row')})")
    for part in rounds.slices(changes, _SLICES):
        stage.write(part)
        stage.watch.pause(_BETWEEN_S)
    stage.watch.until_visible()


def compare(stage: Stage) -> None:
    """Is Hive equal to HBase?"""
    stage.equal = _compare(stage, "after these changes")


def _compare(stage: Stage, when: str) -> pa.Table:
    hive = _hive(stage)
    with stage.screen.waiting("reading every row from HBase"):
        hbase = as_table(stage.source.scan())
    equal = hive.equals(hbase) and hbase.equals(as_table(stage.ads.rows.values()))
    stage.claim(f"{when}, Hive equals HBase in all {counted(len(hive), 'row')} and {hive.num_columns} columns", equal)
    return hive


def _hive(stage: Stage) -> pa.Table:
    return stage.ask(queries.ROWS, "reading every row from Hive").rows()


def roll_back(stage: Stage) -> None:
    """A broken job writes rubbish: go back by one command, mend it, go on"""
    known = dict(stage.ads.rows)
    target = stage.watch.batches[-1]["batch"]
    changes = rounds.wrong(stage.ads)
    stage.screen.writes(f"HBase: a broken job sets clicks and cost of {counted(len(changes), 'ad')} to 0")
    stage.write(changes)
    stage.watch.until_visible()
    wronged = _hive(stage)
    stage.screen.quote(stage.verb("rollback", "--to", str(target), "--yes"))
    text = f"a rollback to batch {target} brought back every row of then"
    stage.claim(text, _hive(stage).equals(stage.equal) and not wronged.equals(stage.equal))
    _resume(stage, rounds.right(stage.ads, known))


def _resume(stage: Stage, mended: Changes) -> None:
    stage.screen.writes(f"HBase: the job runs again, corrected, over the same {counted(len(mended), 'ad')}")
    measured = list(stage.watch.freshness.samples)
    stage.watch.waits_for = ""
    stage.write(mended)
    stage.watch.until(lambda: bool(stage.watch.waits_for), "waiting until hotswap sees the new rows")
    held = bool(stage.watch.freshness.pending)
    stage.claim("while the rollback stands, nothing is published over it", held)
    stage.screen.quote(stage.verb("resume", "--yes"))
    stage.watch.until_visible()
    stage.watch.freshness.samples = measured  # a hold is no delay of the loader
    _compare(stage, "after rollback and resume")


ACTS: tuple[Callable[[Stage], object], ...] = (start_servers, make_table, load, change, compare, roll_back)


def play(stage: Stage) -> bool:
    """All acts, each under its docstring; True if every claim held. Raises DemoFailed, DevServerError."""
    stage.screen.title("hotswap", "keeps a plain Hive table equal to an HBase table, and never breaks a running query")
    for number, act in enumerate(ACTS, 1):
        stage.screen.act(number, act.__doc__ or act.__name__)
        act(stage)
    return all(holds for _, holds in stage.claims)
