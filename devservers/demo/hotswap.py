"""hotswap as its user has it: the command, once for each verb, and one `hotswap run` all the time."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO, Any

from devservers.demo import children
from devservers.demo.errors import DemoFailed
from devservers.jvm import tail

TABLE = "default.ads"
CONFIG = Path(__file__).resolve().parents[2] / "conf" / "demo.yaml"
_COMMAND = ("-m", "loader.cli.main")
_ENDED = "ended"

Event = dict[str, Any]
"""A line that `hotswap run` prints: `event` is batch, waiting, resumed …; a batch has the fields of BatchReport."""


@dataclass(frozen=True, slots=True)
class Hotswap:
    """The command with the demo's configuration, in the demo's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "hotswap.yaml"

    def configure(self, metastore: str, hbase: str) -> None:
        """Write the configuration: conf/demo.yaml with these addresses."""
        text = Template(CONFIG.read_text()).substitute(METASTORE=metastore, HBASE=hbase, FOLDER=self.folder)
        self.config.write_text(text)

    def call(self, *arguments: str) -> str:
        """What `hotswap ARGUMENTS` prints. Raises DemoFailed if it fails, with what it said."""
        child = self._start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = child.communicate()
        if child.returncode != 0:
            said = errors.strip().replace("\n", "; ")
            raise DemoFailed(f"`hotswap {' '.join(arguments)}` ended with code {child.returncode}", said)
        return str(out)

    def run(self) -> Runner:
        """`hotswap run`, until stopped."""
        log = self.folder / "hotswap.log"
        with log.open("a") as errors:
            return Runner(self._start(["run", TABLE], stdout=subprocess.PIPE, stderr=errors), log)

    def _start(self, arguments: tuple[str, ...] | list[str], **kwargs: Any) -> subprocess.Popen[str]:
        command = [*_COMMAND, *arguments, "--config", str(self.config)]
        return children.start(command, self.folder, text=True, stdin=subprocess.DEVNULL, **kwargs)


class Runner:
    """A `hotswap run`; its lines arrive as events, and all that it writes goes to `log`."""

    def __init__(self, child: subprocess.Popen[str], log: Path) -> None:
        self._child, self.log = child, log
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        assert child.stdout is not None
        threading.Thread(target=self._read, args=(child.stdout,), daemon=True).start()

    def next(self, seconds: float) -> Event | None:
        """The next event, None if there is none within this time. Raises DemoFailed if the loader has ended."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        if event["event"] == _ENDED:
            raise DemoFailed(f"`hotswap run` ended by itself (code {self._child.wait()})", tail(self.log))
        return event

    def stop(self) -> None:
        children.end(self._child)

    def _read(self, lines: IO[str]) -> None:
        with self.log.open("a") as log, lines:
            for line in lines:
                log.write(line)
                log.flush()
                if line.startswith("{"):
                    self._events.put(json.loads(line))
        self._events.put({"event": _ENDED})
