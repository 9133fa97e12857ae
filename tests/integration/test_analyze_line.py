"""`hotswap analyze` over a line that loses its one writing call, on each real metastore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import OutcomeUnknown
from loader.ops.analyze import analyze
from metastore.accuracy import accurate_columns
from tests.contract.proxy import Trick
from tests.integration.line import Line, loaded_line
from tests.world import TABLE, expected

STORE = "set_aggr_stats_for"
ALL = ("day=mon", "day=tue", "day=wed")


@pytest.fixture
def line(each_hms: Any, tmp_path: Path) -> Iterator[Line]:
    with loaded_line(each_hms, tmp_path / "clicks") as line:
        yield line


def accurate(line: Line) -> set[frozenset[str]]:
    found = line.beside.partitions(TABLE, [(name.partition("=")[2],) for name in ALL])
    return {accurate_columns(partition.parameters) for partition in found}


def test_a_lost_reply_is_found_to_be_stored(line: Line) -> None:
    line.proxy.play(Trick.CUT_REPLY, STORE)
    assert analyze(line.open("unlucky")).analyzed == ALL
    assert accurate(line) == {frozenset({"id", "clicks"})}


@pytest.mark.parametrize("trick", [Trick.CUT_REQUEST, pytest.param(Trick.LATE_REQUEST, marks=pytest.mark.slow)])
def test_a_lost_request_is_told_as_unknown_and_the_next_run_stores_all(line: Line, trick: Trick) -> None:
    before = line.visible()
    line.proxy.play(trick, STORE)
    env = line.open("unlucky")
    with pytest.raises(OutcomeUnknown) as caught:
        analyze(env)
    assert (caught.value.exit_code, accurate(line), line.beside.locks(TABLE)) == (4, {frozenset()}, ())
    line.proxy.land()
    assert analyze(env, again=True).analyzed == ALL
    assert accurate(line) == {frozenset({"id", "clicks"})}
    assert line.visible() == before == expected(line.source)
