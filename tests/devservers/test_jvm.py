"""A JVM of ours: it ends with its parent, however that ends, and a failed start tells why."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devservers.errors import DevServerError
from devservers.jvm import Jvm
from devservers.metastore import Metastore23
from tests.devservers.processes import is_running, wait_for_end

_PARENT = """
import sys, threading, time
from pathlib import Path
from devservers.jvm import Jvm
started = []
starter = threading.Thread(target=lambda: started.append(Jvm.launch("child", [], Path(sys.argv[1]) / "log")))
starter.start()
starter.join()      # the thread that asked for it ends, the child must not
time.sleep(0.5)
jvm = started[0]
assert jvm.java.java.lang.System.currentTimeMillis() > 0
if sys.argv[2] == "paused":
    jvm.pause()
print(jvm.pid, flush=True)
if sys.argv[2] == "exits":
    sys.exit()
time.sleep(100)
"""


def parent_and_child(folder: Path, mood: str) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", _PARENT, str(folder), mood]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize("mood", ["busy", "paused"])
def test_jvm_dies_with_a_parent_that_is_killed(tmp_path: Path, mood: str) -> None:
    parent, child = parent_and_child(tmp_path, mood)
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_for_end(child)


def test_jvm_dies_with_a_parent_that_exits(tmp_path: Path) -> None:
    parent, child = parent_and_child(tmp_path, "exits")
    parent.wait()
    assert wait_for_end(child)


def test_ctrl_c_leaves_no_jvm_and_no_stack_trace_of_py4j(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path), "busy"]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGINT)
    _, errors = parent.communicate(timeout=20)
    assert (wait_for_end(child), "py4j" in errors) == (True, False)


def test_kill_ends_a_paused_jvm(tmp_path: Path) -> None:
    jvm = Jvm.launch("paused", [], tmp_path / "log")
    jvm.pause()
    jvm.kill()
    assert not is_running(jvm.pid)


def test_options_that_java_refuses_are_told_by_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(DevServerError, match="Unrecognized VM option 'NoSuchThing'"):
        Jvm.launch("odd", [], tmp_path / "log", options=["-XX:+NoSuchThing"])


def test_start_on_a_taken_port_tells_so_with_the_servers_last_lines(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DevServerError, match=f"Hive metastore 2.3.10 failed: .*{port}") as caught:
            Metastore23.start(tmp_path, ports=port)
    assert "WARN" in caught.value.log


def test_what_java_prints_goes_to_the_log(tmp_path: Path) -> None:
    jvm = Jvm.launch("talker", [], tmp_path / "log")
    jvm.java.java.lang.System.out.println("to stdout")
    jvm.java.java.lang.System.err.println("to stderr")
    jvm.wait_until(lambda: {"to stdout", "to stderr"} <= set((tmp_path / "log").read_text().splitlines()), "both", 10)
    jvm.kill()
