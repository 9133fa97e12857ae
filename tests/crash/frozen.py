"""Processes that stop themselves at a point, and go on when they are let, or never."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from loader.basics.errors import HotswapError, from_foreign
from metastore.errors import MetastoreError
from partitioner.errors import PartitionerError
from tests.crash.served import fork


@dataclass
class StopAt:
    """A tap that stops its own process (SIGSTOP) before one effect; it goes on when somebody lets it."""

    point: int
    passed: int = -1

    def before(self, effect: str) -> None:
        self.passed += 1
        if self.passed == self.point:
            os.kill(os.getpid(), signal.SIGSTOP)

    def after(self, effect: str) -> None:
        pass


@dataclass
class Frozen:
    """A child that has stopped itself."""

    process: Any
    answers: Any

    def thaw(self) -> Any:
        """Let it go on, and return what it comes to."""
        os.kill(self.process.pid, signal.SIGCONT)
        answer = self.answers.recv()
        self.process.join()
        return answer

    def kill(self) -> None:
        """SIGKILL: it never goes on."""
        self.process.kill()
        self.process.join()


@contextmanager
def frozen(work: Callable[[], Any]) -> Iterator[Frozen]:
    """`work` in a child, once it has stopped itself."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_tell, args=(work, sender))
    process.start()
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended before its point"
    try:
        yield Frozen(process, receiver)
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def _tell(work: Callable[[], Any], sender: Any) -> None:
    gc.freeze()
    sender.send(work())


def error_of(work: Callable[[], object]) -> str | None:
    """Exit code and kind of the error that `work` ends with."""
    try:
        work()
    except (MetastoreError, HotswapError, PartitionerError, OSError) as error:
        known = from_foreign(error)
        return f"{known.exit_code} {type(known).__name__}" if known else f"unknown: {error!r}"
    return None


@dataclass
class StopBefore:
    """A tap that stops its own process before the first effect of a name."""

    name: str
    done: bool = False

    def before(self, effect: str) -> None:
        if effect == self.name and not self.done:
            self.done = True
            os.kill(os.getpid(), signal.SIGSTOP)

    def after(self, effect: str) -> None:
        pass
