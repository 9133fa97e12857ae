"""A night's run-through: only hotswap's own verbs are used, each output names the next right step, and the table ends
equal to HBase. The hours themselves stand in night.py.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devservers.hbase import HBase
from devservers.metastore import QUICK_LOCK_TIMEOUT, Metastore23
from tests.contract.proxy import Proxy
from tests.integration import night as hours
from tests.integration.clicks import THREE, new_clicks
from tests.integration.night import Night, SqlShell

DISK_BYTES = 4 << 20


@pytest.fixture(scope="module")
def quick_hms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore23]:
    """A metastore of the test's own: it is killed, and a dead loader's lock runs out in seconds."""
    with Metastore23.start(tmp_path_factory.mktemp("night"), settings=QUICK_LOCK_TIMEOUT) as started:
        yield started


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; only root may have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=False
    )
    if not made or made.returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def evening(hbase: HBase, hms: Metastore23, folder: Path, line: Proxy, location: Path) -> Night:
    """A table that is kept, and all is well."""
    clicks = new_clicks(hbase, hms.uri, folder, location=str(location), lock_wait="60s", alarms="{free_space: 5%}")
    night = Night(clicks, line, hms)
    clicks.put(*THREE, *((f"row{number}", ("mon", "tue")[number % 2], number) for number in range(40)))
    night.type(f"init {night.table}")
    night.type(f"run {night.table} --once")
    for number in range(3):  # so that partitions have a past
        clicks.put((f"row{number}", "mon", number + 100), (f"row{number + 9}", "tue", number))
        night.type(f"run {night.table} --once")
    night.type("status --check --max-lag 1h")
    assert night.equal()
    return night


def end(night: Night) -> None:
    """The shared HBase is left as it was."""
    night.clicks.kept.drop()
    night.clicks.drop_source()


@pytest.fixture
def line(quick_hms: Metastore23) -> Iterator[Proxy]:
    """Another way to the metastore."""
    made = Proxy(quick_hms.uri)
    yield made
    made.close()


def test_a_short_night(hbase: HBase, quick_hms: Metastore23, line: Proxy, tmp_path: Path) -> None:
    night = evening(hbase, quick_hms, tmp_path, line, tmp_path / "table")
    hours.the_loader_dies_in_its_swap(night)
    hours.the_morning_after(night)
    end(night)


@pytest.mark.slow
@pytest.mark.timeout(580)
def test_a_whole_night(hbase: HBase, quick_hms: Metastore23, line: Proxy, tmp_path: Path, disk: Path) -> None:
    night = evening(hbase, quick_hms, tmp_path, line, disk / "table")
    shell = SqlShell(line.uri, tmp_path / "spark")
    hours.the_loader_dies_in_its_swap(night)
    hours.somebody_runs_analyze(night, shell)
    hours.somebody_inserts(night, shell)
    shell.close()
    hours.the_metastore_is_down_for_a_while(night)
    hours.a_deployment_writes_wrong_rows(night)
    hours.the_disk_is_nearly_full(night, disk / "ballast", free=100 << 10)
    hours.the_morning_after(night)
    end(night)
