"""Ends from outside, as one exception, so that each `with` and `finally` on the way cleans up."""

import signal
from typing import NoReturn

ENDS = (signal.SIGINT, signal.SIGTERM)


def raise_on_signals() -> None:
    """Let SIGTERM and SIGINT raise KeyboardInterrupt, also where whoever started us had them ignored or blocked.

    `command &` of a shell hands down an ignored SIGINT, and some supervisors hand down a mask: both outlive exec.
    """
    for number in ENDS:
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
