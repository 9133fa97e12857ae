"""Ends from outside, as one exception, so that each `with` and `finally` on the way cleans up."""

import logging
import signal
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import NoReturn, TypeVar

from loader.basics.beside import begin

T = TypeVar("T")

ENDS = (signal.SIGINT, signal.SIGTERM)


def raise_on_signals() -> None:
    """Let SIGTERM and SIGINT raise KeyboardInterrupt, also where whoever started us had them ignored or blocked.

    `command &` of a shell hands down an ignored SIGINT, and some supervisors hand down a mask: both outlive exec.
    """
    for number in ENDS:
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


def apart(work: Callable[[], T], end: Callable[[], None], patience: float = 5.0) -> T:
    """Do it in a thread of its own, where no signal breaks in: py4j loses an interrupt or makes another error of it.

    On KeyboardInterrupt, which comes to the main thread only, `end` takes away what the work waits for; the work has
    `patience` (s) to notice. No signal is heard any more then, and nothing logged: what fails now is meant to.
    """
    done: Future[T] = Future()
    try:
        begin(work, done)
        return done.result()
    except KeyboardInterrupt:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        logging.disable()
        end()
        if not done.cancel():
            wait([done], patience)
        raise


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
