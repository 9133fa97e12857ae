"""Plugins, and a Ctrl-C that works in the processes which tests start."""

import signal

pytest_plugins = ["tests.servers", "tests.hdfs", "tests.groups"]


def pytest_configure() -> None:
    """A shell that runs `make test &` hands down an ignored SIGINT, and what tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
