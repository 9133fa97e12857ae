"""What is free where a table lies, and where its state lies if that is elsewhere."""

import os
from pathlib import Path

import pytest

from loader.report.space import space_of
from loader.state.layout import Layout
from loader.storage.local import LocalFiles

OTHER = Path("/dev/shm")


@pytest.mark.skipif(not OTHER.is_dir(), reason="this machine has no second file system to try")
def test_a_state_on_another_file_system_is_told_of(tmp_path: Path) -> None:
    if os.stat(OTHER).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("the test's own folder lies on it")
    layout = Layout.of(f"file://{tmp_path}", f"file://{OTHER}/not/yet/there")
    found = space_of(LocalFiles(), layout, [])
    assert found.state_total == os.statvfs(OTHER).f_blocks * os.statvfs(OTHER).f_frsize


def test_a_state_beside_its_table_is_not_told_of_twice(tmp_path: Path) -> None:
    assert space_of(LocalFiles(), Layout.of(f"file://{tmp_path}", f"file://{tmp_path}/state"), []).state_total is None
