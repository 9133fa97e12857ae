"""`python -m devservers up`, as `make servers` runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devservers.processes import is_running, wait_for_end


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


@pytest.mark.parametrize(
    "end", [signal.SIGKILL, *(pytest.param(end, marks=pytest.mark.slow) for end in (signal.SIGINT, signal.SIGTERM))]
)
def test_up_says_where_servers_are_and_leaves_no_process(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-m", "devservers", "up", "--data", str(tmp_path)]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert up.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = up.stdout.readline()
        assert line, up.communicate()[1]
        said += line
    servers = children(up.pid)
    running = [is_running(server) for server in servers]
    up.send_signal(end)
    _, errors = up.communicate(timeout=20)
    assert re.search(r"HOTSWAP_TEST_HMS=thrift://127.0.0.1:\d+ HOTSWAP_TEST_HBASE=127.0.0.1:\d+ make test", said)
    assert (running, [wait_for_end(server) for server in servers], errors) == ([True, True], [True, True], "")
