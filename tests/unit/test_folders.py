"""New folders: made in many threads, and still each is durable before anything is put into it."""

import os
import threading
import time
from pathlib import Path

import pytest

from loader.storage.folders import make_all_dirs
from loader.storage.local import LocalFiles

THREADS = 8


class SlowDisk:
    """Syncs take a while. Notes each folder in which something was made durable before the folder itself was."""

    def __init__(self, root: Path) -> None:
        self.durable = {root}
        self.too_early: list[Path] = []
        self.synced: list[Path] = []
        self.lock = threading.Lock()

    def fsync(self, handle: int) -> None:
        folder = Path(f"/proc/self/fd/{handle}").readlink()
        names = {folder / name for name in os.listdir(folder)}
        time.sleep(0.003)
        with self.lock:
            self.synced.append(folder)
            if folder not in self.durable:
                self.too_early.append(folder)
            self.durable |= names


def made(root: Path, paths: list[str], threads: int = THREADS) -> SlowDisk:
    disk = SlowDisk(root)
    make_all_dirs(LocalFiles(disk.fsync, parallel_syncs=threads), [f"file://{root}/{path}" for path in paths])
    assert all((root / path).is_dir() for path in paths)
    return disk


SHARED = [f"versions/day={day}/kind={kind}/attempt" for day in range(4) for kind in range(8)]


@pytest.mark.parametrize("threads", [1, THREADS])
def test_nothing_is_put_into_a_folder_that_is_not_durable_yet(tmp_path: Path, threads: int) -> None:
    assert made(tmp_path, SHARED, threads).too_early == []


@pytest.mark.parametrize("threads", [1, THREADS])
def test_every_new_folder_is_durable_in_the_end(tmp_path: Path, threads: int) -> None:
    disk = made(tmp_path, SHARED, threads)
    assert {Path(folder) for folder, _, _ in os.walk(tmp_path)} <= disk.durable


def test_what_is_there_already_is_not_synced_again(tmp_path: Path) -> None:
    made(tmp_path, SHARED)
    assert made(tmp_path, SHARED).synced == []


@pytest.mark.parametrize("paths", [[], ["a"], ["a", "b"], ["a/b", "a"], ["a", "a"]])
def test_any_list_will_do(tmp_path: Path, paths: list[str]) -> None:
    assert made(tmp_path, paths).too_early == []


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "versions").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        made(tmp_path, SHARED)
