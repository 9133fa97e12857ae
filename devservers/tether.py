"""Run a command that dies with the process that started it, even if that one is killed with SIGKILL.

    python tether.py PARENT_PID UID:GID|"" COMMAND ARG...

This process becomes that user, if one is named, asks the kernel to be killed when its parent goes (a change of user
would undo that), and then becomes the command (same pid). A separate
step, because code between fork and exec is unsafe in a process with threads. Linux only; elsewhere it just becomes the
command, and what remains is the command's own watch over its stdin. It imports nothing of the project, to start fast.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(parent: int, identity: str, command: list[str]) -> None:
    if identity:
        become(*map(int, identity.split(":")))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 — becoming the command is the point


def become(user: int, group: int) -> None:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
