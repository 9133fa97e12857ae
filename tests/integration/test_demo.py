"""`make demo` from outside: what it says holds, and no process outlives it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devservers.processes import is_running

ROOT = Path(__file__).parents[2]
MARK = "HOTSWAP_DEMO_UNDER_TEST"
FOLDER = re.compile(r"all they write lies in (\S+)")


class Demo:
    """A running demo; `said` is what it has printed so far. Its descendants are found by their environment."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._mark = uuid.uuid4().hex
        self.said = ""
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "devservers.demo", "--rows", "2000", *arguments],
            cwd=ROOT,
            env=os.environ | {MARK: self._mark} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, text: str) -> None:
        assert self._process.stdout is not None
        while text not in self.said:
            line = self._process.stdout.readline()
            assert line, self.said
            self.said += line

    def end(self, by: signal.Signals | None = None) -> int:
        """Wait for its end, and return its exit code."""
        if by is not None:
            self._process.send_signal(by)
        rest, _ = self._process.communicate(timeout=280)
        self.said += rest
        return self._process.returncode

    def processes(self) -> list[int]:
        """All that run now and came from it, itself included."""
        mark = f"{MARK}={self._mark}".encode()
        return [pid for pid in _all_processes() if is_running(pid) and mark in _environment(pid)]

    def processes_left(self, seconds: float = 20.0) -> list[str]:
        """What still runs after this time: the kernel and Spark's own watch over its parent need a moment."""
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        return [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in self.processes()]

    def folder(self) -> Path:
        found = FOLDER.search(self.said)
        assert found, self.said
        return Path(found[1])


def _all_processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def test_whole_demo_proves_all_that_it_says_and_leaves_neither_process_nor_folder() -> None:
    demo = Demo()
    code = demo.end()
    assert code == 0, demo.said
    _, _, proved = demo.said.partition("What this proved")
    assert (proved.count("✔"), "✘" in demo.said) == (6, False), demo.said
    assert re.search(r"freshness  p50 \d+\.\d s, p99 \d+\.\d s", proved)
    assert (demo.processes_left(), demo.folder().exists()) == ([], False)


@pytest.mark.parametrize(
    ("moment", "seconds", "end"),
    [
        ("starting both", 1.5, signal.SIGKILL),
        ("Spark starts", 3.0, signal.SIGINT),
        pytest.param("batch 1", 0.0, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("hotswap init", 0.2, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("Spark starts", 1.0, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("a query starts", 1.0, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("hotswap rollback", 0.3, signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_demo_that_is_stopped_leaves_no_process(moment: str, seconds: float, end: signal.Signals) -> None:
    demo = Demo()
    demo.read_until(moment)
    time.sleep(seconds)
    running = len(demo.processes())
    demo.end(end)
    assert running > 1
    assert demo.processes_left() == []


@pytest.mark.parametrize(
    "seconds", [0.0, pytest.param(0.15, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.slow)]
)
def test_ctrl_c_is_one_line_and_takes_the_folder_along(seconds: float) -> None:
    demo = Demo()
    demo.read_until("all they write lies in")
    time.sleep(seconds)
    code = demo.end(signal.SIGINT)
    last = demo.said.splitlines()[-1]
    seen = (code, last, demo.folder().exists(), "Traceback" in demo.said)
    assert seen == (130, "✘ interrupted; nothing of it runs any more", False, False), demo.said


def test_no_java_is_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    demo = Demo(JAVA_HOME=str(tmp_path))
    code = demo.end()
    (told,) = [line for line in demo.said.splitlines() if line.startswith("✘")]
    assert (code, "install a Java 17 or newer" in told, "Traceback" in demo.said) == (1, True, False)
