"""Kill a loader with SIGKILL before and after every effect of a scenario, and look at what is left.

Each try runs in a forked child over its own folder; the in-memory metastore lives in the parent, as a server would.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from loader.effects import Tap
from metastore.api import Metastore
from metastore.memory import InMemoryMetastore

fork = multiprocessing.get_context("fork")


@dataclass
class Count:
    """A tap that only counts, and remembers the names."""

    effects: list[str] = field(default_factory=list)

    def before(self, effect: str) -> None:
        self.effects.append(effect)

    def after(self, effect: str) -> None:
        pass


@dataclass
class KillAt:
    """A tap that dies at one side of one numbered effect."""

    point: int
    side: str
    passed: int = -1

    def before(self, effect: str) -> None:
        self.passed += 1
        self._die("before")

    def after(self, effect: str) -> None:
        self._die("after")

    def _die(self, side: str) -> None:
        if self.passed == self.point and self.side == side:
            os.kill(os.getpid(), signal.SIGKILL)


class _Server(BaseManager):
    pass


class _Client(BaseManager):
    pass


_Client.register("metastore")


@dataclass
class Served:
    """An in-memory metastore that outlives the children."""

    address: Any
    server: Any

    def connect(self) -> Metastore:
        client = _Client(address=self.address, authkey=b"tests")
        client.connect()
        return client.metastore()  # type: ignore[attr-defined,no-any-return]


def serve(clock: Callable[[], float]) -> Iterator[Served]:
    """Serve a new metastore from a thread of this process."""
    store = InMemoryMetastore("2.3.10", clock=clock)
    _Server.register("metastore", callable=lambda: store)
    manager = _Server(address=("127.0.0.1", 0), authkey=b"tests")
    server = manager.get_server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(server.address, server)
    server.stop_event.set()


def in_child(work: Callable[[], Any]) -> Any:
    """Run `work` in a forked child and return what it returned; None if it was killed. AssertionError if it raised."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_tell, args=(work, sender))
    process.start()
    sender.close()
    try:
        failed, answer = receiver.recv()
    except EOFError:
        failed, answer = False, None
    process.join()
    assert not failed, answer
    return answer


def _tell(work: Callable[[], Any], sender: Any) -> None:
    try:
        sender.send((False, work()))
    except BaseException:
        sender.send((True, traceback.format_exc()))


def new_folder(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    return folder


Scenario = Callable[[Tap], None]
