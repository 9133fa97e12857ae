"""Ports for servers: free, held against other processes, and the same again where a file remembers them."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from devservers import ports

_ASK = "import sys, pathlib; from devservers import ports; print(*ports.remembered_ports(pathlib.Path(sys.argv[1]), 1))"


def ask_in_another_process(file: Path) -> int:
    command = [sys.executable, "-c", _ASK, str(file)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_ports_can_be_bound_and_differ() -> None:
    found = ports.free_ports(5)
    for port in found:
        socket.create_server(("127.0.0.1", port)).close()
    assert len(set(found)) == 5


def test_remembered_ports_come_again(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    assert ask_in_another_process(file) == ask_in_another_process(file)


def test_remembered_port_that_another_process_holds_is_not_taken(tmp_path: Path) -> None:
    (held,) = ports.remembered_ports(tmp_path / "ports", 1)
    assert ask_in_another_process(tmp_path / "ports") != held


def test_remembered_port_on_which_someone_listens_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    before = ask_in_another_process(file)
    with socket.create_server(("127.0.0.1", before)):
        assert ask_in_another_process(file) != before
