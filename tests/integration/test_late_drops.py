"""Drops of partitions and of fences that arrive late, on each real metastore, over a proxy that makes them so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import HotswapError, OutcomeUnknown
from loader.ops.clean.empty_partitions import drop_empty_partitions
from loader.ops.table import TableService
from metastore.client import Retries, connect
from metastore.errors import MetastoreError
from tests.contract.proxy import Proxy, Trick
from tests.integration.line import ALTER, Line, loaded_line
from tests.world import TABLE, expected, run_batch

DROP, DROP_SEVERAL = "drop_partition", "drop_partitions_req"


@pytest.fixture
def line(each_hms: Any, tmp_path: Path) -> Iterator[Line]:
    with loaded_line(each_hms, tmp_path / "clicks") as line:
        yield line


@pytest.fixture
def doomed(line: Line) -> Iterator[Proxy]:
    """The way to the metastore of a loader that is gone from its first drop on, which is still on its way."""
    proxy = Proxy(line.server.uri)
    proxy.play(Trick.LATE_REQUEST, DROP)
    proxy.before(DROP, proxy.close)
    yield proxy
    proxy.close()


def die_in_a_drop(line: Line, doomed: Proxy) -> None:
    env = line.open("doomed", connect([doomed.uri], retries=Retries(attempts=1)))
    line.source.put("k5", "mon", 5)
    with pytest.raises((HotswapError, MetastoreError)):
        run_batch(env, line.source)
    line.let_its_lock_expire()


def without_tuesday(line: Line) -> None:
    for key in ("k1", "k4", "k7"):
        line.source.delete(key)
    run_batch(line.open("empties it", line.beside), line.source)


# ---- the drop of empty partitions


def test_a_drop_of_empty_partitions_that_arrives_after_rows_came_again_is_refused_whole(line: Line) -> None:
    """Also where somebody has said that it cannot land any more."""
    without_tuesday(line)
    line.proxy.play(Trick.LATE_REQUEST, DROP_SEVERAL)
    with pytest.raises(OutcomeUnknown):
        drop_empty_partitions(line.open("cleaner"))
    line.let_its_lock_expire()
    TableService(line.open("operator", line.beside)).recover(believe_old=True)
    line.source.put("k1", "tue", 5)
    line.publish_newer("successor")
    assert len(line.proxy.land()) == 1
    assert line.visible() == expected(line.source)


@pytest.mark.slow
def test_a_drop_of_empty_partitions_whose_reply_is_lost_is_found_to_be_done(line: Line) -> None:
    without_tuesday(line)
    line.proxy.play(Trick.CUT_REPLY, DROP_SEVERAL)
    env = line.open("cleaner")
    assert drop_empty_partitions(env) == (("tue",),)
    assert ("tue",) not in line.beside.partition_names(TABLE)
    assert env.state.records().unsettled == ()


@pytest.mark.slow
def test_a_metastore_that_stands_still_in_such_a_drop_leaves_it_open_until_it_has_landed(line: Line) -> None:
    """SIGSTOP as the drop arrives: until it is known what became of it nobody puts rows there."""
    without_tuesday(line)
    hasty = connect([line.proxy.uri], timeout_s=1, connect_timeout_s=1, retries=Retries(attempts=1))
    env = line.open("hasty", hasty)
    line.proxy.before(DROP_SEVERAL, line.server.pause)
    try:
        with pytest.raises(OutcomeUnknown):
            drop_empty_partitions(env)
    finally:
        line.server.resume()
    line.let_its_lock_expire()
    operator = TableService(line.open("operator", line.beside))
    try:
        operator.recover()
    except OutcomeUnknown:
        operator.recover(believe_old=True)
    line.source.put("k1", "tue", 5)
    line.publish_newer("next")
    assert line.visible() == expected(line.source)


# ---- the drop of a fence


@pytest.mark.slow
def test_a_drop_of_a_fence_whose_sender_died_takes_nothing_from_its_successors(line: Line, doomed: Proxy) -> None:
    """It was about to settle an attempt, and another one did."""
    line.change()
    line.proxy.play(Trick.CUT_REQUEST, ALTER)
    line.proxy.before(ALTER, line.proxy.close)
    with pytest.raises(OutcomeUnknown):
        run_batch(line.open("dead"), line.source)
    line.let_its_lock_expire()
    die_in_a_drop(line, doomed)
    successor = line.open("successor", line.beside)
    line.publish(successor)
    assert len(doomed.land()) == 1
    assert line.visible() == expected(line.source)
    line.source.put("k1", "wed", 6)
    run_batch(successor, line.source)
    assert line.visible() == expected(line.source)
