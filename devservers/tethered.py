"""Start processes that cannot outlive this one (see tether.py)."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from devservers import tether

Process = subprocess.Popen[Any]


def start(command: Sequence[str], user: tuple[int, int] | None = None, **kwargs: Any) -> Process:
    """Popen of a command that is killed when this process ends, however it ends.

    It is in a session of its own, so Ctrl-C does not reach it. `user`: the ids of the user and group that it runs as.
    """
    identity = "{}:{}".format(*user) if user else ""
    tethered = [sys.executable, "-S", "-E", tether.__file__, str(os.getpid()), identity, *command]
    return _in_launcher(lambda: subprocess.Popen(tethered, start_new_session=True, **kwargs))


def _in_launcher(start_process: Callable[[], Process]) -> Process:
    """Run it in the one thread that lives as long as the process: the kernel's signal comes when the *thread* ends."""
    started: Future[Process] = Future()
    _jobs.put((start_process, started))
    return started.result()


def _launch_for_ever() -> None:
    while True:
        start_process, started = _jobs.get()
        try:
            started.set_result(start_process())
        except OSError as error:
            started.set_exception(error)


_jobs: queue.SimpleQueue[tuple[Callable[[], Process], Future[Process]]] = queue.SimpleQueue()
threading.Thread(target=_launch_for_ever, name="tether", daemon=True).start()
