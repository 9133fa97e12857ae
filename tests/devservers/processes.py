"""What the kernel says of a process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"  # state in /proc/net/tcp (include/net/tcp_states.h)
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def is_running(pid: int) -> bool:
    """False also for a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for_end(pid: int, seconds: float = 10.0) -> bool:
    """Whether the process is gone within this time."""
    end = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_running(pid)


def listeners(pid: int) -> dict[int, bool]:
    """Port on which the process listens → whether that is on loopback only."""
    own = set(_socket_inodes(pid))
    found: dict[int, bool] = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == _LISTEN and fields[9] in own:
                found[int(port, 16)] = found.get(int(port, 16), True) and address in _LOOPBACK
    return found


def _socket_inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]
