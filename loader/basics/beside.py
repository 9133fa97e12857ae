"""Many calls at once, where each is answered only after a while; and work beside other work."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from loader.storage.files import Files

T = TypeVar("T")
R = TypeVar("R")


def each(files: Files, action: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`action` of every item, in their order; as many at once as `files` can use. Raises what the first one raised."""
    return _each(files.parallel, action, items)


def each_durable(files: Files, action: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The same of actions that mostly wait for syncs."""
    return _each(max(files.parallel, files.parallel_syncs), action, items)


def _each(most: int, action: Callable[[T], R], items: Iterable[T]) -> list[R]:
    work = list(items)
    threads = min(most, len(work))
    if threads <= 1:
        return [action(item) for item in work]
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(action, item) for item in work]
        try:
            return [future.result() for future in running]
        finally:
            pool.shutdown(cancel_futures=True)


class Beside(Protocol):
    """Begins some work, or not yet; what it returns gives the work's result, or raises what it raised."""

    def __call__(self, work: Callable[[], R]) -> Callable[[], R]: ...


def when_asked(work: Callable[[], R]) -> Callable[[], R]:
    """Not beside anything: done once its result is wanted."""
    return work


def at_once(work: Callable[[], R]) -> Callable[[], R]:
    """Not beside anything: done before anything else."""
    result = work()
    return lambda: result


def in_thread(work: Callable[[], R]) -> Callable[[], R]:
    """In a thread that nobody waits for but who asks. It dies with the process, so what it does must be crash-safe."""
    return begun(work).result


def begun(work: Callable[[], R]) -> "Future[R]":
    """The same, for who wants to wait for so long and no longer."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
