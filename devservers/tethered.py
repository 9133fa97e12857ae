"""Start processes that cannot outlive this one (see tether.py)."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from devservers import tether

Process = subprocess.Popen[Any]
Made = TypeVar("Made")


def start(command: Sequence[str], user: tuple[int, int] | None = None, **kwargs: Any) -> Process:
    """Popen of a command that is killed when this process ends, however it ends.

    It is in a session of its own, so Ctrl-C does not reach it. `user`: the ids of the user and group that it runs as.
    """
    identity = "{}:{}".format(*user) if user else ""
    tethered = [sys.executable, "-S", "-E", tether.__file__, str(os.getpid()), identity, *command]
    return _in_launcher(lambda: _start(tethered, **kwargs))


def end_all() -> None:
    """SIGKILL for all that was started and for their groups, and wait until they are gone. None can be started then."""
    _in_launcher(_end_all)


def _end_all() -> None:
    _ending.set()
    for process in _started:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _start(command: Sequence[str], **kwargs: Any) -> Process:
    if _ending.is_set():
        raise OSError(errno.ECANCELED, "everything is being ended", command[-1])
    _started[:] = [process for process in _started if process.poll() is None]
    _started.append(subprocess.Popen(command, start_new_session=True, **kwargs))
    return _started[-1]


def _in_launcher(work: Callable[[], Made]) -> Made:
    """Do it in the one thread that lives as long as the process: the kernel's signal comes when the *thread* ends."""
    done: Future[Made] = Future()
    _jobs.put((work, done))
    return done.result()


def _launch_for_ever() -> None:
    while True:
        work, done = _jobs.get()
        try:
            done.set_result(work())
        except OSError as error:
            done.set_exception(error)


_started: list[Process] = []
_ending = threading.Event()
_jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
threading.Thread(target=_launch_for_ever, name="tether", daemon=True).start()
