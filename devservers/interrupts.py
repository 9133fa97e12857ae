"""Ends from outside, as one exception, so that each `with` and `finally` on the way cleans up."""

import signal
from typing import NoReturn


def raise_on_signals() -> None:
    """Let SIGTERM and SIGINT raise KeyboardInterrupt; the latter also where `command &` of a shell had it ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
