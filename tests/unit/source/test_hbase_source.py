"""HBase as a loop has it: slices of one scan, and what they may delete together."""

from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from loader.sources.hbase.dirty_keys import DirtyKeys
from loader.sources.hbase.source import HBaseSource
from loader.sources.hbase.windows import Window
from loader.state.layout import Layout
from loader.state.records import State
from loader.storage.local import LocalFiles

KEYS = [b"a", b"b", b"c"]


@pytest.fixture
def source(tmp_path: Path) -> HBaseSource:
    """A backlog of three keys, one a batch."""
    made = HBaseSource(
        "hbase:t", cast(Any, None), State(LocalFiles(), Layout.of(f"file://{tmp_path}")), lambda: 99, max_keys=1
    )
    made.scan = lambda: DirtyKeys(
        pa.array(KEYS, pa.binary()), {}, {key: at for at, key in enumerate(KEYS)}, Window(0, 50, True, 50)
    )
    return made


def turn(source: HBaseSource, rows: int, deletes: int) -> tuple[float, list[bytes]]:
    """As a loop makes one: which share of `rows` it may delete unasked, and the keys of its batch."""
    share, poll = source.delete_share(0.5, rows), source.poll()
    source.settled(deletes)
    return share, poll.keys.to_pylist()


def test_the_slices_of_a_backlog_share_what_may_be_deleted_of_the_rows_before_them(source: HBaseSource) -> None:
    assert turn(source, 100, 40) == (0.5, [b"a"])
    assert turn(source, 60, 0) == (pytest.approx(10 / 60), [b"b"])
    assert turn(source, 200, 20) == (pytest.approx(10 / 200), [b"c"])
    assert not source.behind


def test_the_next_scan_begins_with_the_whole_share(source: HBaseSource) -> None:
    for rows in (100, 60, 60):
        turn(source, rows, 40)
    assert turn(source, 30, 0) == (0.5, [b"a"])


def test_what_is_abandoned_is_scanned_again(source: HBaseSource) -> None:
    turn(source, 100, 40)
    source.abandoned()
    assert turn(source, 60, 0) == (0.5, [b"a"])
    assert (source.behind, source.backlog) == (True, 1)
