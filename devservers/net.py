"""Look at a TCP port."""

from __future__ import annotations

import socket


def is_listening(port: int) -> bool:
    """Whether a connection to this port of 127.0.0.1 is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def answers(port: int, question: bytes) -> bool:
    """Whether a server on this port of 127.0.0.1 says anything to these bytes in 5 s."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(question)
            return bool(connection.recv(1))
    except OSError:
        return False
