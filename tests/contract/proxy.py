"""A TCP proxy between a client and a metastore that loses, delays or cuts what a test tells it to."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum

_CALL = b"\x80\x01\x00\x01"


class Trick(Enum):
    CUT_REPLY = "the server answers, the client's connection breaks instead"
    CUT_REQUEST = "the client's connection breaks, the server sees nothing"
    NO_ANSWER = "the server answers, the client waits for ever"
    LATE_REPLY = "the server answers, the client gets it when `deliver` is called"
    LATE_REQUEST = "the client's connection breaks, the server gets the request when `land` is called"
    TWICE = "the server gets the request twice, the client its second answer"


class Proxy:
    """Forwards to `upstream` ("host:port"). `seen` lists the calls that clients sent, in order."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.removeprefix("thrift://").rpartition(":")
        self._upstream = (host, int(port))
        self.seen: list[str] = []
        self._tricks: dict[str, Trick] = {}
        self._strikes: dict[int, Trick] = {}
        self._hooks: dict[str, Callable[[], None]] = {}
        self._watches: dict[re.Pattern[str], Callable[[str], None]] = {}
        self._requests: list[bytes] = []
        self._open: list[socket.socket] = []
        self._late = threading.Event()
        self._delivered = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def uri(self) -> str:
        return f"thrift://127.0.0.1:{self._listener.getsockname()[1]}"

    def play(self, trick: Trick, call: str) -> None:
        """On the next call of this name, once."""
        self._tricks[call] = trick

    def strike(self, trick: Trick, calls_from_now: int) -> None:
        """On the call that comes after so many others, whatever its name, once."""
        self._strikes[len(self.seen) + calls_from_now] = trick

    def before(self, call: str, action: Callable[[], None]) -> None:
        """Do this before the next call of this name goes on its way, once."""
        self._hooks[call] = action

    @contextmanager
    def watching(self, calls: re.Pattern[str], action: Callable[[str], None]) -> Iterator[None]:
        """Do this before each call whose name begins like that goes on its way, with its name."""
        self._watches[calls] = action
        try:
            yield
        finally:
            del self._watches[calls]

    def deliver(self) -> None:
        """Let the late reply through, if its client still listens; returns when it is on its way."""
        self._late.set()
        assert self._delivered.wait(10)

    def land(self) -> list[bytes]:
        """Let the late requests arrive, in order; what the server answers to each."""
        requests, self._requests = self._requests, []
        return [self._aside(request) for request in requests]

    def hang_up(self) -> None:
        """Break every connection that is open now."""
        while self._open:
            with suppress(OSError):
                handle = self._open.pop()
                handle.shutdown(socket.SHUT_RDWR)
                handle.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._upstream) as server:
            self._open += [client, server]
            self._start(self._forward_replies, server, client)
            try:
                while request := client.recv(1 << 20):
                    if not self._forward(request, client, server):
                        return
            finally:
                server.shutdown(socket.SHUT_RDWR)  # a socket that somebody waits for is not closed by closing it

    def _forward(self, request: bytes, client: socket.socket, server: socket.socket) -> bool:
        """False when the connection is to be broken."""
        trick = self._trick_on(request)
        if trick is Trick.LATE_REQUEST:
            self._requests.append(request)
        if trick in (Trick.CUT_REQUEST, Trick.LATE_REQUEST):
            return False
        if trick is not None:
            reply = self._aside(request)
            if trick is Trick.TWICE:
                client.sendall(self._aside(request))
                return True
            if trick is Trick.LATE_REPLY:
                self._late.wait(10)
                with suppress(OSError):
                    client.sendall(reply)
                self._delivered.set()
                return True
            if trick is Trick.NO_ANSWER:
                client.recv(1)
            return False
        server.sendall(request)
        return True

    def _aside(self, request: bytes) -> bytes:
        with socket.create_connection(self._upstream) as aside:
            aside.sendall(request)
            return aside.recv(1 << 20)

    def _trick_on(self, request: bytes) -> Trick | None:
        if not request.startswith(_CALL):
            return None
        [length] = struct.unpack_from("!i", request, len(_CALL))
        call = request[8 : 8 + length].decode()
        self.seen.append(call)
        self._hooks.pop(call, lambda: None)()
        for action in [action for calls, action in self._watches.items() if calls.match(call)]:
            action(call)
        return self._tricks.pop(call, None) or self._strikes.pop(len(self.seen) - 1, None)

    @staticmethod
    def _forward_replies(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while reply := server.recv(1 << 20):
                client.sendall(reply)
            client.shutdown(socket.SHUT_RDWR)
