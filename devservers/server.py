"""What both servers have in common: one JVM that is started, killed, paused and started again on the same data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from devservers.jvm import Jvm


class Server(ABC):
    """A server that runs as long as its `with` (or until `close`); its data stays in the base folder."""

    def __init__(self, base: Path) -> None:
        self.base = base.resolve()
        self._jvm = self._start()

    def _start(self) -> Jvm:
        jvm = self._launch()
        try:
            self._boot(jvm)
        except BaseException:
            jvm.kill()
            raise
        return jvm

    @abstractmethod
    def _launch(self) -> Jvm:
        """Start the JVM with the server's class path and settings."""

    @abstractmethod
    def _boot(self, jvm: Jvm) -> None:
        """Start the server inside, and return when it is ready."""

    @property
    def log(self) -> Path:
        """All that the server wrote, of every start on this base folder."""
        return self._jvm.log

    @property
    def pid(self) -> int:
        return self._jvm.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The same as `kill`: whoever survives kill -9 needs no other end, and this one is quick and sure."""
        self.kill()

    def kill(self) -> None:
        """kill -9, and wait until it is gone. What it had acknowledged is there after the next start on its folder."""
        self._jvm.kill()

    def check(self) -> None:
        """Raises DevServerError with the last lines of its log if its process has ended."""
        self._jvm.check()

    def restart(self) -> None:
        """Kill, and start again on the same data and ports."""
        self.kill()
        self._jvm = self._start()

    def pause(self) -> None:
        """Everything stops in mid-step (SIGSTOP): ports stay open, nothing answers."""
        self._jvm.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._jvm.resume()
