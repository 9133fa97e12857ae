"""Python processes of the demo: they die with it, and with them the Spark that each starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devservers import tethered

_ROOT = Path(__file__).resolve().parents[2]
_GRACE_S = 10.0


def start(arguments: Sequence[str], folder: Path, **kwargs: Any) -> subprocess.Popen[Any]:
    """Python with these arguments and our modules, in `folder`; it leads a process group of its own."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    return tethered.start([sys.executable, *arguments], cwd=folder, env=environment, **kwargs)


def end(child: subprocess.Popen[Any]) -> None:
    """SIGTERM, some seconds to end in order, then SIGKILL for all of its group."""
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # its Spark, too
        child.wait()
