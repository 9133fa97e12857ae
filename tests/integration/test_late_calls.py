"""Swaps lost, late or interrupted between a loader and each real metastore, over a proxy that makes them so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import HotswapError, OutcomeUnknown
from loader.ops.recover.stale_writes import repair
from loader.ops.table import TableService
from loader.publish.settling import settle_all
from metastore.client import Retries, connect
from tests.contract.proxy import Trick
from tests.integration.line import ALTER, Line, loaded_line
from tests.world import expected, run_batch


@pytest.fixture
def fence() -> bool:
    return True


@pytest.fixture
def line(each_hms: Any, tmp_path: Path, fence: bool) -> Iterator[Line]:
    with loaded_line(each_hms, tmp_path / "clicks", fence) as line:
        yield line


def test_a_swap_that_arrives_after_its_successor_is_refused_whole(line: Line) -> None:
    line.change()
    line.proxy.play(Trick.LATE_REQUEST, ALTER)
    with pytest.raises(HotswapError, match="did not take the swap"):
        run_batch(line.open("slow"), line.source)
    line.publish_newer("successor")
    assert len(line.proxy.land()) == 1
    assert line.visible() == expected(line.source)


def test_a_swap_whose_sender_died_is_settled_by_its_successor_and_refused_afterwards(line: Line) -> None:
    die_after_sending(line, Trick.LATE_REQUEST)
    line.publish_newer("successor")
    line.proxy.land()
    assert line.visible() == expected(line.source)


@pytest.mark.parametrize("fence", [False])
def test_without_the_fence_the_same_swap_undoes_its_successor(line: Line) -> None:
    """That the tests above can fail; and that the next look mends it."""
    die_after_sending(line, Trick.LATE_REQUEST)
    with pytest.raises(OutcomeUnknown):
        settle_all(line.open("careful", line.beside))
    TableService(line.open("operator", line.beside)).recover(believe_old=True)
    line.publish_newer("successor")
    line.proxy.land()
    with pytest.raises(AssertionError):
        assert line.visible() == expected(line.source)
    repair(line.open("watcher", line.beside))
    assert line.visible() == expected(line.source)


def die_after_sending(line: Line, trick: Trick) -> None:
    """A loader whose metastore is gone from its swap on, for all that it can tell."""
    line.change()
    env = line.open("dead")
    line.proxy.play(trick, ALTER)
    line.proxy.before(ALTER, line.proxy.close)
    with pytest.raises(OutcomeUnknown):
        run_batch(env, line.source)
    line.let_its_lock_expire()


def test_a_swap_whose_reply_is_lost_is_found_to_be_committed(line: Line) -> None:
    line.change()
    line.proxy.play(Trick.CUT_REPLY, ALTER)
    env = line.open("unlucky")
    run_batch(env, line.source)
    assert (line.visible(), env.state.records().unsettled) == (expected(line.source), ())


def test_a_swap_whose_request_is_lost_is_done_again_by_the_next_batch(line: Line) -> None:
    before = line.visible()
    line.change()
    line.proxy.play(Trick.CUT_REQUEST, ALTER)
    env = line.open("unlucky")
    with pytest.raises(HotswapError, match="did not take the swap"):
        run_batch(env, line.source)
    assert line.visible() == before
    line.publish(env)
    assert line.visible() == expected(line.source)


def test_a_metastore_that_stands_still_during_the_swap_leaves_it_open_and_the_next_run_settles_it(line: Line) -> None:
    """SIGSTOP as the swap arrives: its sender gives up, and it lands, if it can, while the next run settles it."""
    line.change()
    hasty = connect([line.proxy.uri], timeout_s=1, connect_timeout_s=1, retries=Retries(attempts=1))
    env = line.open("hasty", hasty)
    line.proxy.before(ALTER, line.server.pause)
    try:
        with pytest.raises(OutcomeUnknown):
            run_batch(env, line.source)
    finally:
        line.server.resume()
    line.let_its_lock_expire()
    line.publish_newer("next")
    assert line.visible() == expected(line.source)
