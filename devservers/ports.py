"""Free ports of 127.0.0.1, with as little race as can be.

Ports come from below the kernel's ephemeral range, so that no client connection of anyone takes them by chance, and
each is held by a file lock for the life of this process, so that parallel test workers never choose the same one.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

from devservers.errors import DevServerError

RANGE = range(21_000, 32_000)  # Linux hands out 32768 and up by itself
_TRIES = 500
_held: dict[int, int] = {}  # port → descriptor of its lock file, open as long as this process lives


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports on which nothing listens, reserved among processes that ask through this function."""
    found: list[int] = []
    for port in random.SystemRandom().sample(RANGE, _TRIES):
        if len(found) == count:
            break
        if _is_free(port) and _hold(port):
            found.append(port)
    if len(found) < count:
        raise DevServerError(
            f"only {len(found)} of {count} free ports found", f"free some ports of {RANGE.start}-{RANGE.stop}"
        )
    return tuple(found)


def remembered_ports(file: Path, count: int) -> tuple[int, ...]:
    """The ports that this file names if they are free now, else new ones, which it then names."""
    before = tuple(int(word) for word in file.read_text().split()) if file.exists() else ()
    if len(before) == count and all(_is_free(port) and _hold(port) for port in before):
        return before
    ports = free_ports(count)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(" ".join(map(str, ports)))
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _hold(port: int) -> bool:
    folder = Path(tempfile.gettempdir(), f"hotswap-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held[port] = descriptor
    return True
