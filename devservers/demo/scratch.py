"""The folder in which one demo works.

<cache>/demo/run-*     removed at the end; what a killed demo left is removed by the next one
<cache>/demo/kept-*    of --keep: yours to remove
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_IN_USE = "in-use"


@contextlib.contextmanager
def scratch(home: Path, keep: bool) -> Iterator[Path]:
    """A new folder below `home`, removed at the end unless `keep`."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(home)
        folder = Path(tempfile.mkdtemp(prefix="kept-" if keep else "run-", dir=home))
        in_use = _hold(folder)
    with in_use:
        try:
            yield folder
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


def _hold(folder: Path) -> IO[str]:
    """Locked as long as it is open, and so as long as this process lives. Children do not inherit it."""
    opened = (folder / _IN_USE).open("w")
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return opened


def _sweep(home: Path) -> None:
    for left_over in home.glob("run-*"):
        with contextlib.suppress(BlockingIOError):
            _hold(left_over).close()
            shutil.rmtree(left_over, ignore_errors=True)
