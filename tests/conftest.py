"""Plugins, and a Ctrl-C that works in the processes which tests start."""

import signal

from devservers.interrupts import ENDS

pytest_plugins = ["tests.servers", "tests.hdfs", "tests.kafka", "tests.groups"]


def pytest_configure() -> None:
    """Whoever runs the tests may have ignored or blocked the signals, and what tests start would inherit that."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
