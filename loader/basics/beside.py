"""Work beside other work: begun now, in a thread, or once its result is wanted."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

R = TypeVar("R")


class Beside(Protocol):
    """Begins some work, or not yet; what it returns gives the work's result, or raises what it raised."""

    def __call__(self, work: Callable[[], R]) -> Callable[[], R]: ...


def when_asked(work: Callable[[], R]) -> Callable[[], R]:
    """Not beside anything: done once its result is wanted."""
    return work


def at_once(work: Callable[[], R]) -> Callable[[], R]:
    """Not beside anything: done before anything else."""
    result = work()
    return lambda: result


def in_thread(work: Callable[[], R]) -> Callable[[], R]:
    """In a thread that nobody waits for but who asks. It dies with the process, so what it does must be crash-safe."""
    return begun(work).result


def begun(work: Callable[[], R]) -> "Future[R]":
    """The same, for who wants to wait for so long and no longer."""
    future: Future[R] = Future()
    begin(work, future)
    return future


def begin(work: Callable[[], R], future: "Future[R]") -> None:
    """The same with the caller's own future, who so holds it from before the thread is there: work that has not begun
    can be cancelled, work that has can be waited for, wherever an interrupt breaks in."""

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
