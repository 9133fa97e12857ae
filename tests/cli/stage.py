"""The command line over a whole table in one process: real verbs, real files, the in-memory metastore."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from loader.basics.errors import Unavailable
from loader.cli.main import main
from loader.cli.session import Session
from loader.config.settings import Settings, TableSettings, load
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.ops.adopt.adopter import Adopter
from loader.ops.adopt.attempt import Origin
from loader.ops.doctor.doctor import DoctorReport, examine
from loader.ops.doctor.subject import Patient
from loader.ops.forget import ForgetReport, forget_table
from loader.ops.inspect.inspect import Asked, KeyReport, View, look_at
from loader.ops.plan import Deadline, NextBatch, preview
from loader.ops.table import TableService
from loader.ops.table_with_source import Upkeep
from loader.publish.batch import Work
from loader.report.reports import InitReport, RunReport, SampleReport
from loader.sources.hbase.raw_row import RawTimes
from loader.state.recently_published import Recently
from metastore.memory import InMemoryMetastore
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.unit.reconcile.build import DictRanges, PlainMapping
from tests.world import COLUMNS, Source, create_table, open_world, raw_keys, run_batch

CONFIG = """\
metastore: {uris: thrift://localhost:9083}
hbase: {thrift: localhost:9090}
tables:
  ads.clicks:
    hbase_table: clicks
    columns: {id: string, clicks: bigint, day: string}
    mapping: ":key,d:clicks,d:day"
    partition_by: [day]
    alarms: {free_space: null}
"""


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Closed(StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass
class Stage:
    """A backend of the command. `raises` is what every verb meets; the reports are what `init` and `run` give."""

    folder: Path
    raises: BaseException | None = None
    fence: bool = True
    init_report: InitReport | None = None
    run_report: RunReport | None = None
    sample_report: SampleReport | None = None
    metastore: InMemoryMetastore = field(default_factory=InMemoryMetastore)
    source: Source = field(default_factory=Source)
    runs: Any = field(default_factory=count)
    asked: list[object] = field(default_factory=list)
    days: int = 0
    mapping: PlainMapping = field(default_factory=PlainMapping)
    at_once: int = 5_000
    hbase_away: bool = False
    times: RawTimes = field(default_factory=lambda: RawTimes(None, None))

    def __post_init__(self) -> None:
        self.config = self.folder / "hotswap.yaml"
        self.config.write_text(CONFIG)
        (self.folder / "table").mkdir()
        create_table(self.metastore, self.folder / "table")

    def batch(self, *rows: tuple[str, str, int]) -> None:
        """Publish one batch of (key, day, clicks)."""
        for key, day, clicks in rows:
            self.source.put(key, day, clicks)
        run_batch(self._env(), self.source)

    def pass_days(self, days: int) -> None:
        """For the next verbs it is so much later."""
        self.days += days

    def _env(self) -> Any:
        number = next(self.runs)
        clock = 1_000_000 + number * 10_000 + self.days * 86_400_000
        return open_world(self.metastore, self.folder / "table", f"run{number}", fence=self.fence, clock=clock)

    def load(self, path: str) -> Settings:
        return load(path)

    def open_table(self, settings: Settings, table: TableSettings) -> TableService:
        self._meet()
        return TableService(replace(self._env(), partitions_per_swap=table.partitions_per_swap))

    def upkeep(self, settings: Settings, table: TableSettings) -> Upkeep:
        self._meet()
        env = self._env()
        tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
        ranges = DictRanges(self.source)
        return Upkeep(env, lambda: self.mapping, lambda: ranges, "dict", lambda: tools, lambda start, end: ())

    def adopter(self, settings: Settings, table: TableSettings) -> Adopter:
        self._meet()
        return Adopter(self._env(), raw_keys, Origin("dict", 0, 0), True, lambda: None)

    def initialise(self, settings: Settings, table: TableSettings) -> InitReport:
        self._meet("initialise")
        assert self.init_report
        return self.init_report

    def forget(self, settings: Settings, table: TableSettings, dry: bool) -> ForgetReport:
        self._meet()
        return forget_table(self.metastore, table, dry)

    def sample(self, settings: Settings, table: TableSettings, rows: int) -> SampleReport:
        self._meet(rows)
        assert self.sample_report
        return self.sample_report

    def doctor(self, settings: Settings, table: TableSettings, clock_table: str | None) -> DoctorReport:
        """On the machine's own clock, for the servers' clocks are compared with it; there is no HBase."""

        def away() -> Any:
            raise Unavailable("no HBase here", "Start it.")

        patient = Patient(
            settings=settings,
            table=table,
            metastores=lambda uri: self.metastore,
            hbase=away,
            environment=lambda metastore, hive: self._env(),
            clock=lambda: time.time_ns() // 1_000_000,
            run=f"doctor{next(self.runs)}",
            java=lambda: 17,
        )
        return examine(patient)

    def run(self, settings: Settings, table: TableSettings, once: bool, confirm_deletes: bool) -> RunReport:
        self._meet(once, confirm_deletes)
        assert self.run_report
        return self.run_report

    def preview_next(self, settings: Settings, table: TableSettings, within_s: float) -> NextBatch:
        self._meet(within_s)
        env = self._env()
        unused = LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary)
        rules = PlanRules(sizing=SizingRules(rows_before_measured=8))
        work = Work(self.source.scan, self.source, unused, rules, 2, Recently(env.files, env.layout), max_rejected=0)
        return preview(env, work, Deadline(within_s, lambda: 0.0, self.at_once))

    def show_key(self, settings: Settings, table: TableSettings, key: bytes) -> KeyReport:
        self._meet(key)
        return look_at(self._env(), key, View(raw_keys, self._ask, None))

    def _ask(self, key: bytes, at_ms: int) -> Asked:
        if self.hbase_away:
            return Asked(None, problem="HBase is away")
        return Asked(self.source.read(pa.array([key], pa.binary()), at_ms), self.times)

    def _meet(self, *asked: object) -> None:
        self.asked += asked
        if self.raises is not None:
            raise self.raises


def hotswap(
    stage: Stage,
    *arguments: str,
    answer: str | None = None,
    stdout: StringIO | None = None,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run the command; with an `answer` there is a person at a terminal."""
    person = answer is not None
    out = stdout or (Terminal() if person else StringIO())
    err = Terminal() if person else StringIO()
    stdin = Terminal(answer) if answer is not None else StringIO()
    session = Session(stage, stdin, out, err, {"TERM": "xterm-256color", **(environment or {})})
    given = [*arguments, "--config", str(stage.config)]
    code = main(given, session)
    return Result(code, out.getvalue() if not out.closed else "", err.getvalue())
