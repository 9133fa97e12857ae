"""A statement of somebody else that reads partitions before a swap and writes them back after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.contract.proxy import Proxy

WRITES_BACK = re.compile("alter_partition")


@contextmanager
def over_a_swap(proxy: Proxy, publish: Callable[[], None]) -> Iterator[list[str]]:
    """`publish` when the first call that writes partitions is about to go through. Gives the names of those calls."""
    written: list[str] = []

    def before(call: str) -> None:
        written.append(call)
        if len(written) == 1:
            publish()

    with proxy.watching(WRITES_BACK, before):
        yield written
