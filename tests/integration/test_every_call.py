"""Each metastore call of a batch is dropped, delayed, doubled or cut, on each real metastore: the verdict is right.

Whatever one call meets, readers see the table before the batch or after it, the attempt is settled by whoever comes
next, and a call that lands after that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import HotswapError
from metastore.client import Retries, connect
from metastore.errors import MetastoreError
from tests.contract.proxy import Trick
from tests.integration.line import Line, loaded_line
from tests.world import expected, open_world, run_batch

TRICKS = (Trick.CUT_REQUEST, Trick.CUT_REPLY, Trick.NO_ANSWER, Trick.LATE_REQUEST, Trick.TWICE)


@pytest.fixture
def line(each_hms: Any, tmp_path: Path) -> Iterator[Line]:
    with loaded_line(each_hms, tmp_path / "clicks") as line:
        yield line


def struck_batch(line: Line, trick: Trick, at: int, run: str) -> list[str]:
    """A batch with moves, a delete and a new partition, whose call number `at` meets the trick. Its calls, in order."""
    store = connect([line.proxy.uri], timeout_s=0.5, retries=Retries(attempts=2, first_wait_s=0.0))
    line.opened.append(store)
    env = open_world(store, line.folder, run, fence=line.fence, clock=1_000_000 * (len(line.opened) + 1))
    first = len(line.proxy.seen)
    line.proxy.strike(trick, at)
    with suppress(HotswapError, MetastoreError):
        run_batch(env, line.source)
    return line.proxy.seen[first:]


def next_change(line: Line, number: int) -> None:
    """Keys of the base move between its partitions, one goes and comes back, and one is new in a new partition."""
    for key in range(3):
        line.source.put(f"k{key}", f"{('mon', 'tue', 'wed')[(key + number) % 3]}", number)
    line.source.delete(f"new{number - 1}")
    line.source.put(f"new{number}", f"new{number}", number)


def check(line: Line, trick: Trick, at: int, number: int) -> bool:
    """Strike one call of one batch, let another loader go on, let what is late land. False: there is no such call."""
    before = line.visible()
    next_change(line, number)
    after = expected(line.source)
    dirty = set(line.source.dirty)
    calls = struck_batch(line, trick, at, f"struck{number}")
    assert line.visible() in (before, after), f"{trick.name} of {calls[at : at + 1]}, call {at}: half a batch"
    line.let_its_lock_expire()
    line.source.dirty |= dirty
    successor = line.open(f"next{number}", line.beside)
    run_batch(successor, line.source)
    line.proxy.land()
    assert line.visible() == after, f"{trick.name} of {calls[at : at + 1]}, call {at}: not equal afterwards"
    assert successor.state.records().unsettled == ()
    return at < len(calls)


@pytest.mark.slow
@pytest.mark.timeout(580)
@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_any_call_of_a_batch_may_meet_any_trick(line: Line, trick: Trick) -> None:
    number = 0
    while check(line, trick, number, number + 1):
        number += 1
    assert number > 10
