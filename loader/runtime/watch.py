"""A running loader looks at its own table now and then: alarms go to the log as they begin and end, and to metrics.

That metrics cannot be answered, mostly because another table's loader has the port, is an alarm like the others: the
loader loads without, and tries again at each look.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loader.basics.errors import HotswapError
from loader.basics.moments import passed
from loader.report import log as events
from loader.report.alarms import Alarm, alarms_of, silent_alarm, vital_alarms
from loader.report.reports import BatchReport
from metastore.errors import MetastoreError

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.ops.table import TableService
    from loader.report.metrics import TableMetrics

LOOK_EVERY_MS = 30_000
PAUSE_S = 1.0
LONGEST_END_S = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watchman:
    """Of one table. `standing`: alarms that were told and have not ended, by name. `listen`: where metrics answer."""

    service: "TableService"
    table: "TableSettings"
    metrics: "TableMetrics | None" = None
    listen: str | None = None
    port: int | None = None
    looked_ms: int | None = None
    standing: dict[str, Alarm] = field(default_factory=dict)

    def batch(self, report: BatchReport) -> None:
        if self.metrics is not None:
            self.metrics.batch(report)

    def look(self) -> None:
        """Twice a minute at most. A server that is away is told elsewhere."""
        now = self.service.env.clock()
        if not passed(now, self.looked_ms, LOOK_EVERY_MS):
            return
        self.looked_ms = now
        silent = self.answer()
        try:
            status, vitals = self.service.status(), self.service.vitals()
        except (HotswapError, MetastoreError, OSError) as error:
            log.debug("%s is looked at later: %s", self.service.env.table, error)
            return
        limits = self.table.alarms
        found = (*silent, *alarms_of(status, limits, now), *vital_alarms(vitals, limits))
        if self.metrics is not None:
            self.metrics.look(status, vitals, found)
        self._tell({alarm.name: alarm for alarm in found})

    def answer(self) -> tuple[Alarm, ...]:
        """Listen, if it does not yet. The alarm that stands while it cannot is told at once; a look ends it."""
        if self.metrics is None or self.listen is None or self.port is not None:
            return ()
        table = str(self.service.env.table)
        try:
            self.port = self.metrics.listen(self.listen)
        except OSError as error:
            alarm = silent_alarm(table, self.listen, error)
            if alarm.name not in self.standing:
                events.alarm(table, alarm.name, alarm.text)
                self.standing[alarm.name] = alarm
            return (alarm,)
        log.info("metrics of %s on %s:%s", table, self.listen.rpartition(":")[0], self.port)
        return ()

    def _tell(self, found: dict[str, Alarm]) -> None:
        table = str(self.service.env.table)
        for name in found.keys() - self.standing.keys():
            events.alarm(table, name, found[name].text)
        for name in self.standing.keys() - found.keys():
            events.alarm_ended(table, name)
        self.standing = found


def watchman_of(settings: "Settings", table: "TableSettings", service: "TableService") -> Watchman:
    """With `metrics.listen` it answers Prometheus from now on, or as soon as nobody else listens there."""
    if settings.metrics.listen is None:
        return Watchman(service, table)
    from loader.report.metrics import TableMetrics  # noqa: PLC0415 - only where they are wanted

    watchman = Watchman(service, table, TableMetrics(), settings.metrics.listen)
    watchman.answer()
    return watchman


def keep_looking(watchman: Watchman) -> Callable[[], None]:
    """Look in a thread of its own, which a hanging server may keep but not the loader. What is returned ends it."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(PAUSE_S):
            watchman.look()

    def end() -> None:
        stop.set()
        thread.join(LONGEST_END_S)

    thread = threading.Thread(target=look, name="watchman", daemon=True)
    thread.start()
    return end
