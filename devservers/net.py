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
