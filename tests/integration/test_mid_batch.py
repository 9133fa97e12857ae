"""Servers that go and disks that fill in the middle of a batch: all of it or nothing, and the next batch is right."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.basics.errors import (
    HotswapError,
    OutcomeUnknown,
    StorageError,
    Unavailable,
    from_foreign,
)
from loader.publish.steps import STEPS
from loader.storage.effects import tapped_files
from loader.storage.local import LocalFiles
from tests.contract.proxy import Proxy, Trick
from tests.integration.clicks import (
    CHANGED,
    THREE,
    At,
    Clicks,
    NewClicks,
    Scene,
    by_another_line,
    fails,
    failure_of,
    hotswap,
    unlock,
)


@pytest.fixture
def proxy(hms: Metastore23) -> Iterator[Proxy]:
    """A line to the metastore that can be cut."""
    made = Proxy(hms.uri)
    yield made
    made.close()


# Servers that go in the middle of a batch


@pytest.mark.parametrize("step", ["scan", "collect"])
def test_an_hbase_that_goes_in_the_middle_of_a_batch_publishes_nothing(
    hbase: HBase, clicks: NewClicks, step: str
) -> None:
    scene = Scene.of(clicks(*THREE))
    loop = scene.table.kept.loop(watch=At(step, hbase.stop_thrift))
    try:
        told = failure_of(lambda: scene.table.kept.turn(loop))
    finally:
        hbase.start_thrift()
    assert isinstance(told, Unavailable)
    assert hbase.thrift in told.message
    assert scene.unchanged()
    assert scene.next_batch_is_right()


ASKING = [step.__name__ for step in STEPS if step.__name__ not in ("scan", "decide", "rewrite", "verify", "record")]
"""Steps that ask the metastore; `conclude` unlocks."""


@pytest.mark.parametrize("step", ASKING)
def test_a_metastore_that_goes_in_the_middle_of_a_batch_leaves_all_of_it_or_nothing(
    clicks: NewClicks, hms: Metastore23, step: str
) -> None:
    """The line is cut before the step; another loader goes on by another line."""
    table = clicks(*THREE)
    line = Proxy(hms.uri)
    scene = Scene.of(table)
    cut = by_another_line(table, line.uri)
    loop = cut.kept.loop(watch=At(step, line.close))
    if step == "conclude":
        cut.kept.turn(loop)  # it is live and on record; only the lock is left behind
        assert table.rows() == CHANGED
    else:
        told = failure_of(lambda: cut.kept.turn(loop))
        assert isinstance(told, OutcomeUnknown if step in ("swap", "read_back") else Unavailable), told
        assert scene.unchanged() or step == "read_back"
    unlock(table)
    assert scene.next_batch_is_right()


def test_a_metastore_that_is_killed_right_before_the_swap_is_settled_when_it_is_back(
    clicks: NewClicks, hms: Metastore23
) -> None:
    scene = Scene.of(clicks(*THREE))
    loop = scene.table.kept.loop(watch=At("swap", hms.kill))
    try:
        told = failure_of(lambda: scene.table.kept.turn(loop))
    finally:
        hms.restart()
    assert (type(told), told.exit_code) == (OutcomeUnknown, 4)
    assert f"hotswap recover {scene.table.kept.hive_name}" in told.hint
    assert scene.unchanged()
    unlock(scene.table)
    recovered = hotswap(scene.table.kept, "recover", scene.table.kept.hive_name)
    assert (recovered.code, "aborted" in recovered.out) == (0, True), recovered
    assert scene.next_batch_is_right()


def test_a_swap_whose_reply_is_lost_is_found_to_have_landed(clicks: NewClicks, proxy: Proxy) -> None:
    table = clicks(*THREE, metastore=proxy.uri)
    scene = Scene.of(table)
    loop = table.kept.loop()
    proxy.play(Trick.CUT_REPLY, "alter_partitions_with_environment_context")
    assert table.kept.turn(loop) is not None
    assert table.rows() == CHANGED
    assert scene.next_batch_is_right()


# A full disk


@dataclass
class FullAt:
    """The disk is full at one effect on files, and from then on."""

    point: int
    passed: int = -1
    room: bool = False

    def before(self, effect: str) -> None:
        self.passed += effect in ("create", "new_file", "commit", "link", "make_dirs")
        if self.passed >= self.point >= 0 and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/table")

    def after(self, effect: str) -> None:
        pass


def full_at(clicks: Clicks, point: int) -> HotswapError | None:
    """What a batch says that meets a full disk at its write number `point`; None: it has fewer writes."""
    tap = FullAt(point)
    loop = clicks.kept.loop(files=tapped_files(LocalFiles(), tap))
    try:
        clicks.kept.turn(loop)
    except (OSError, HotswapError) as error:
        return from_foreign(error)
    finally:
        loop.env.metastore.close()
    return None


def test_a_disk_that_is_full_at_any_write_leaves_all_of_a_batch_or_nothing(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    scene = Scene.of(table)
    point, told = 0, full_at(table, 0)
    while told is not None:
        assert "No space left" in told.message
        if isinstance(told, OutcomeUnknown):  # only its outcome is not on record
            assert table.rows() == CHANGED
            break
        assert isinstance(told, StorageError)
        assert "disk is full" in told.hint
        assert scene.unchanged(), f"full at write {point}"
        point += 4
        told = full_at(table, point)
    assert point > 6
    assert scene.next_batch_is_right()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; only root may have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if not made or made.returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # the metastore may look at it still


def test_a_disk_that_runs_full_publishes_nothing_and_goes_on_once_there_is_room(
    clicks: NewClicks, small_disk: Path
) -> None:
    table = clicks(*THREE, location=str(small_disk / "table"))
    scene = Scene.of(table)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    fails(table, 1, "/small/table/", "`hotswap clean TABLE` shows which old versions may go", "run", "--once")
    assert scene.unchanged()
    ballast.unlink()
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == CHANGED
