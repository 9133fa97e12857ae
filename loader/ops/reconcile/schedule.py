"""The schedule: a comparison beside the stream, in a process of its own, so that it takes no time from the batches."""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from loader.basics.moments import passed
from loader.basics.quantities import counted
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.values import STALE_MS, DriftKind
from loader.state.gaps import debts
from loader.state.layout import Layout
from loader.storage.files import Files

if TYPE_CHECKING:
    from loader.config.settings import ReconcileSettings

log = logging.getLogger(__name__)

LOOK_EVERY_MS = 30_000
TRY_AGAIN_MS = 600_000
"""After a comparison that failed."""
LINES_OF_AN_ERROR = 2
"""What happened, and the hint."""


class Child(Protocol):
    """A process, as `subprocess.Popen` is one."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def communicate(self) -> tuple[str, str]: ...


Start = Callable[[Sequence[str]], Child]


def start_quietly(command: Sequence[str]) -> Child:
    """At low priority."""
    return _Process(command)


class _Process:
    """Its output goes to files: nobody reads along, and a pipe that is full would stop it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115
        quietly = ["nice", "-n", "10", *command]
        self._process = subprocess.Popen(quietly, stdout=self._out, stderr=self._err, start_new_session=True)

    def poll(self) -> int | None:
        return self._process.poll()

    def terminate(self) -> None:
        self._process.terminate()

    def communicate(self) -> tuple[str, str]:
        """All that it said, once it has ended."""
        self._process.wait()
        told = []
        for file in (self._out, self._err):
            with file:
                file.seek(0)
                told.append(file.read())
        return told[0], told[1]


@dataclass(slots=True)
class Beside:
    """Of one running loader. `tick` is called often and costs nothing."""

    table: str
    config: str
    settings: "ReconcileSettings"
    files: Files
    layout: Layout
    clock: Callable[[], int]
    is_loaded: Callable[[], bool]
    start: Start = start_quietly
    child: Child | None = None
    looked_ms: int | None = None
    failed_ms: int | None = None

    def tick(self) -> None:
        """Start a comparison that is due; tell of one that has ended. What goes wrong here stops no batch."""
        try:
            if self.child is not None:
                self._ended(self.child)
            elif self.settings.every is not None and self._look() and self._due():
                self.child = self.start(self._command())
                log.info("%s: a comparison with HBase has begun", self.table)
        except OSError as error:
            self._failed(f"the comparison with HBase could not be started: {error}")

    def close(self) -> None:
        """It goes on where it was when the loader is started again."""
        if self.child is not None:
            self.child.terminate()
            self.child.communicate()
            self.child = None

    def _look(self) -> bool:
        now = self.clock()
        if not passed(now, self.looked_ms, LOOK_EVERY_MS):
            return False
        self.looked_ms = now
        return True

    def _due(self) -> bool:
        """Its time has come, a debt wants to be paid, or one was left in the middle: but for a yes."""
        now, store = self.clock(), Store(self.files, self.layout)
        if not passed(now, self.failed_ms, TRY_AGAIN_MS):
            return False
        last, left = store.last(), store.unfinished()
        if left is not None and store.unconfirmed(left) is not None:
            return passed(now, left.begun_ms, STALE_MS)  # a person is waited for, not worn out
        if last is None or left is not None:
            return self.is_loaded()
        if passed(now, last.begun_ms, (self.settings.every or 0) * 1000):
            return True
        return any(debt.since_ms > last.begun_ms for debt in debts(self.files, self.layout))

    def _command(self) -> list[str]:
        repair = ["--repair"] if self.settings.repair else []
        return [sys.executable, "-m", "loader.cli.main", "reconcile", self.table, "-c", self.config, "--json", *repair]

    def _ended(self, child: Child) -> None:
        code = child.poll()
        if code is None:
            return
        out, err = child.communicate()
        self.child = None
        if code == 0:
            _tell(self.table, json.loads(out.splitlines()[-1]))
            return
        told = " ".join(line.strip() for line in err.strip().splitlines()[-LINES_OF_AN_ERROR:])
        self._failed(f"the comparison with HBase ended with exit code {code}: {told}")

    def _failed(self, what: str) -> None:
        self.failed_ms = self.clock()
        log.warning("%s: %s; it is tried again in %s min", self.table, what, TRY_AGAIN_MS // 60_000)


def _tell(table: str, report: dict[str, Any]) -> None:
    facts = {name: value for name, value in report.items() if name not in ("partitions", "samples")}
    drift = sum(report[kind.value] for kind in DriftKind)
    what = f"{counted(drift, 'key')} differ" if drift else "equal"
    done = "; handed to the next batches" if drift and report["repaired"] else ""
    level = logging.WARNING if drift else logging.INFO
    log.log(level, "%s: compared with HBase: %s%s", table, what, done, extra={"event": "reconcile", "facts": facts})
