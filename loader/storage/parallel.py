"""Many file operations at once, where each is answered only after a while."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
