"""The streaming source `hotswap_hbase`: Spark tasks scan a window's dirty keys, one part of the key space each.

    spark.dataSource.register(HBaseStream)
    keys = spark.readStream.format("hotswap_hbase").options(**StreamSettings(…).options()).load()
    keys.writeStream.foreachBatch(lambda frame, _: dirty_keys_from_rows(frame.toArrow()))

The streaming offset is the window's end, pinned before it is read, so that a replay ends at the same time. The start is
the table's: whatever Spark's checkpoint says, a window starts from the newest usable position of the state folder. Its
rows are those of `dirty_keys.SCANNED`. Option `position` names the function that finds that position
("module:function", see `FindPosition`): this code runs in processes of Spark's that share nothing with the driver's.
"""

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow

from loader.basics.errors import Unavailable
from loader.basics.moments import passed
from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.access.where import Where
from loader.sources.hbase.clock import Skew, measure_skew
from loader.sources.hbase.connect import connector
from loader.sources.hbase.dirty_keys import SCANNED
from loader.sources.hbase.idle_check import LOOK_S, Stillness, look_with
from loader.sources.hbase.scan import KeySpan, parts_of, scan_part
from loader.sources.hbase.windows import Window, WindowRules, reached_by, window_end, window_to
from partitioner.history.position import Position

FORMAT = "hotswap_hbase"
CLOCK_EVERY_MS = 60_000
SCHEMA = (
    "kind INT, key BINARY, stop BINARY, version BIGINT, fingerprint BIGINT, "
    "start_ms BIGINT, end_ms BIGINT, low_ms BIGINT, deep BOOLEAN"
)

NULLABLE = pa.schema([pa.field(field.name, field.type) for field in SCANNED])
"""SCANNED as Spark wants it: it compares nullability too, and every column of a SCHEMA text may be null."""

FindPosition = Callable[[str, Callable[[Position], bool]], Position | None]
"""Option `state`, and which positions are usable → the newest usable one; None if the table was never loaded."""
JUMP_MS = 1_000
"""A clock that is set back by more begins a new window there; by less it is waited for."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the source must know, as it travels in Spark's options. `patience` is in seconds.

    `tasks`: into so many the regions are packed, each with neighbours, at every batch anew.
    """

    hbase: Where
    table: str
    families: tuple[bytes, ...]
    position: str
    state: str
    rules: WindowRules = field(default_factory=WindowRules)
    patience: float = 30.0
    tasks: int = 8
    clock_table: str = ""

    def options(self) -> dict[str, str]:
        """For `DataStreamReader.options`."""
        rules = self.rules
        return {
            "hbase": self.hbase.text(),
            "table": self.table,
            "families": ",".join(family.hex() for family in self.families),
            "position": self.position,
            "state": self.state,
            "windows": f"{rules.lag_ms},{rules.overlap_ms},{rules.deep_overlap_ms},{rules.deep_every_ms}",
            "patience": str(self.patience),
            "tasks": str(self.tasks),
            "clock_table": self.clock_table,
        }

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "StreamSettings":
        return cls(
            Where.of_text(options["hbase"]),
            options["table"],
            tuple(bytes.fromhex(family) for family in options["families"].split(",")),
            options["position"],
            options["state"],
            WindowRules(*(int(number) for number in options["windows"].split(","))),
            float(options["patience"]),
            int(options["tasks"]),
            options["clock_table"],
        )

    def connect(self, patience: Patience | None = None, timeout: float | None = None) -> HBaseClient:
        where = self.hbase if timeout is None else replace(self.hbase, timeout=timeout)
        return connector(where, patience or Patience(self.patience))()

    def settled(self, now_ms: int) -> Position | None:
        """Where the next window starts."""
        module, _, function = self.position.partition(":")
        find: FindPosition = getattr(importlib.import_module(module), function)
        return find(self.state, reached_by(now_ms))


@dataclass(frozen=True)
class WindowPart(InputPartition):  # type: ignore[misc] # Spark's class is untyped here
    """One task's work."""

    part: KeySpan
    window: Window


class HBaseStream(DataSource):  # type: ignore[misc]
    """Registered with Spark under `hotswap_hbase`."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> str:
        return SCHEMA

    def streamReader(self, schema: Any) -> "WindowReader":
        return WindowReader(StreamSettings.from_options(self.options))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class WindowReader(DataSourceStreamReader, SupportsTriggerAvailableNow):  # type: ignore[misc]
    """Offsets are `{"end_ms": …, "behind_ms": …}`: the window's end, and the servers' clocks as measured by then."""

    def __init__(self, settings: StreamSettings, now_ms: Callable[[], int] = _wall_ms) -> None:
        self._settings, self._now_ms = settings, now_ms
        self._target: dict[str, int] | None = None  # of trigger availableNow
        self._skew = Skew()
        self._measured_ms: int | None = None
        self._away = False
        self._stillness = Stillness(look_with(self._glance, settings.table, settings.families))

    @property
    def _rules(self) -> WindowRules:
        return self._settings.rules.behind(self._skew.behind_ms)

    def prepareForTriggerAvailableNow(self) -> None:
        """What is there now, and no more. Raises Unavailable: there is no later trigger to wait for."""
        self._ask(Patience(self._settings.patience))
        self._target = self._offset(window_end(self._now_ms(), self._rules))

    def initialOffset(self) -> dict[str, int]:
        return {"end_ms": 0}

    def latestOffset(self, start: dict[str, int], limit: Any) -> dict[str, int]:
        """Now − lag; the start again, and so no batch, while HBase is away or still.

        A clock that was set back gives a smaller one, which is another offset to Spark and so a batch.
        """
        if self._target is not None:
            return self._target if self._target["end_ms"] > start["end_ms"] else start
        now_ms, rules = self._now_ms(), self._rules
        end_ms = window_end(now_ms, rules)
        if -JUMP_MS <= end_ms - start["end_ms"] <= 0 or not self._reachable():
            return start
        if self._stillness.lasts(end_ms, now_ms, rules):
            return start
        self._stillness.batch_ms = now_ms
        return self._offset(end_ms)

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> Sequence[WindowPart]:
        settings = self._settings
        end_ms = end["end_ms"]
        self._stillness.settled = settings.settled(self._now_ms())
        window = window_to(end_ms, self._stillness.settled, settings.rules.behind(end.get("behind_ms", 0)))
        if window.empty or start["end_ms"] == end_ms:  # a first batch while HBase is away ends where it starts
            window = Window(end_ms, end_ms, False, min(window.low_ms, end_ms))
            return [WindowPart(KeySpan(b"", b""), window)]
        with settings.connect() as client:
            parts = parts_of(client, settings.table, settings.families, settings.tasks)
        return [WindowPart(part, window) for part in parts]

    def read(self, partition: WindowPart) -> Iterator[pa.RecordBatch]:
        settings = self._settings
        with settings.connect() as client:
            for batch in scan_part(client, settings.table, settings.families, partition.part, partition.window):
                yield batch.cast(NULLABLE)

    def _glance(self) -> HBaseClient:
        return self._settings.connect(Patience(tries=1), LOOK_S)

    def _reachable(self) -> bool:
        """Said once an absence: it is asked at each poll, and the driver's log goes on telling of it."""
        try:
            self._ask(Patience(tries=1))
        except Unavailable as error:
            if not self._away:
                print(f"hotswap waits: {error.message}", file=sys.stderr, flush=True)
            self._away = True
            return False
        self._away = False
        return True

    def _ask(self, patience: Patience) -> None:
        """Whether HBase is there, and now and then what time it has. Raises Unavailable."""
        settings, now = self._settings, self._now_ms()
        with settings.connect(patience) as client:
            client.table_exists(settings.table)
            if settings.clock_table and passed(now, self._measured_ms, CLOCK_EVERY_MS):
                self._skew, self._measured_ms = measure_skew(client, settings.clock_table, self._now_ms), now

    def _offset(self, end_ms: int) -> dict[str, int]:
        return {"end_ms": end_ms, "behind_ms": self._skew.behind_ms}
