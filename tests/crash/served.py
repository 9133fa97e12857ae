"""Children that can be killed, and an in-memory metastore that lives in the parent, as a server would."""

import gc
import multiprocessing
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.managers import BaseManager
from typing import Any, Protocol

import pyarrow as pa

from metastore.api import Metastore
from metastore.memory import InMemoryMetastore

fork = multiprocessing.get_context("fork")
HANGS_S = 300
pa.array([None])  # so that no child pays for what pyarrow imports at its first use


class Serves(Protocol):
    """A metastore that outlives the children."""

    def connect(self) -> Metastore: ...

    def later(self, seconds: float) -> None:
        """Let time pass on the server: dead holders' locks expire."""


class _Server(BaseManager):
    pass


class _Client(BaseManager):
    pass


_Client.register("metastore")


@dataclass
class Served:
    """An in-memory metastore that outlives the children."""

    address: Any
    now: list[float]  # seconds, one element: the server's clock

    def later(self, seconds: float) -> None:
        """Let time pass on the server: dead holders' locks expire."""
        self.now[0] += seconds

    def connect(self) -> Metastore:
        client = _Client(address=self.address, authkey=b"tests")
        client.connect()
        return client.metastore()  # type: ignore[attr-defined,no-any-return]


@contextmanager
def serve() -> Iterator[Served]:
    """Serve a new metastore from a thread of this process."""
    now = [0.0]
    store = InMemoryMetastore("2.3.10", clock=lambda: now[0])
    _Server.register("metastore", callable=lambda: store)
    manager = _Server(authkey=b"tests")  # on a Unix socket
    server = manager.get_server()
    threading.Thread(target=_until_stopped, args=(server,), daemon=True).start()
    yield Served(server.address, now)
    server.stop_event.set()


def _until_stopped(server: Any) -> None:
    with suppress(SystemExit):  # how a manager's server ends
        server.serve_forever()


def in_child(work: Callable[[], Any]) -> Any:
    """Run `work` in a forked child and return what it returned; None if it was killed.

    AssertionError if it raised, or hangs.
    """
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_tell, args=(work, sender))
    process.start()
    sender.close()
    if not receiver.poll(HANGS_S):
        process.kill()
        raise AssertionError(f"no end after {HANGS_S} s")
    try:
        failed, answer = receiver.recv()
    except EOFError:
        failed, answer = False, None
    process.join()
    assert not failed, answer
    return answer


def _tell(work: Callable[[], Any], sender: Any) -> None:
    gc.freeze()  # what the parent made is not ours to collect: it may hang on a line to a server
    try:
        sender.send((False, work()))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
        sender.send((True, traceback.format_exc()))
