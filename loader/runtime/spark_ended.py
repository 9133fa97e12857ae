"""Why Spark could not do it, in one line, and whether its Java process is there at all."""

import re
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JError

from loader.basics.errors import HotswapError

GONE = (Py4JError,)
"""What calls into a Java process end with that has ended, beside OSError."""

_TERMINATED = re.compile(r"terminated with exception: ")
_STATE = re.compile(r"\s*SQLSTATE: \w+\s*$")


class SparkEnded(HotswapError):
    """Spark's Java process is gone, and with it the loader's Spark."""


def java_has_ended(session: Any) -> bool:
    """Asked by a call that does nothing."""
    if session is None:
        return False
    try:
        session.sparkContext._jvm.java.lang.System.nanoTime()
    except (OSError, AttributeError, *GONE):
        return True
    return False


def spark_ended() -> SparkEnded:
    return SparkEnded(
        "Spark's Java process has ended, and with it this loader",
        "It was stopped (spark-submit ends it first on SIGTERM) or killed, perhaps for its memory. Nothing is lost:"
        " the next start settles what was under way.",
    )


def first_cause(text: str) -> str:
    """The line of an exception's text that tells what happened first: it has stack traces and Spark's own state."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    causes = [line.strip().removeprefix("Caused by: ") for line in lines if line.strip().startswith("Caused by: ")]
    found = next(_raised_in_python(lines), None) or (causes[-1] if causes else None)
    if found is None:
        found = _TERMINATED.split(lines[0])[-1] if lines else ""
    return _STATE.sub("", found).strip()


def _raised_in_python(lines: list[str]) -> Iterator[str]:
    """The last line of each traceback of a Python task, which stands at its margin."""
    inside = False
    for line in lines:
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and not line.startswith(" "):
            inside = False
            yield line
