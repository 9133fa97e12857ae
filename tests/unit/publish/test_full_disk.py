"""A disk that is wholly full: `recover` and `clean` must write before they may delete, and have kept room for it."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pytest

from loader.ops.clean.clean import clean
from loader.ops.table import TableService
from loader.state.open_table import Environment
from loader.state.reserve import BYTES
from loader.storage.files import Files
from loader.storage.local import LocalFiles, local_path
from metastore.memory import InMemoryMetastore
from partitioner.history.retention import Keep, RetentionRules
from tests.world import Source, create_table, expected, open_world, run_batch, visible

HOUR = 3_600_000
RULES = RetentionRules(grace_ms=HOUR, history=(Keep(0, 2 * HOUR),))
DISK = 8 << 20


class Disk(Protocol):
    @property
    def folder(self) -> Path: ...

    @property
    def files(self) -> Files: ...

    def fill(self) -> None:
        """Not a byte is left."""


@dataclass
class Counted:
    """A folder of any size that says it is full when it holds more than it may."""

    folder: Path
    most: int = DISK

    @property
    def files(self) -> Files:
        return cast(Files, _CountedFiles(self))

    def fill(self) -> None:
        self.most = self.used()

    def used(self) -> int:
        found = [path.stat() for path in self.folder.rglob("*") if path.is_file()]
        return sum({about.st_ino: about.st_size for about in found}.values())

    def check(self, more: int) -> None:
        if self.used() + more > self.most:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))


@dataclass
class _CountedFiles:
    disk: Counted
    inner: LocalFiles = field(default_factory=lambda: LocalFiles(fsync=lambda handle: None))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create(self, path: str, data: bytes) -> None:
        self.disk.check(len(data))
        self.inner.create(path, data)

    def new_file(self, temporary: str, final: str) -> AbstractContextManager[BinaryIO]:
        self.disk.check(1)
        return self.inner.new_file(temporary, final)


@dataclass
class Mounted:
    """A file system of its own, in memory."""

    folder: Path
    files: Files = field(default_factory=lambda: LocalFiles(fsync=lambda handle: None))

    def fill(self) -> None:
        with (self.folder / "of others").open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10, 1):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass


@pytest.fixture(params=["counted", "tmpfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "counted":
        yield Counted(tmp_path)
        return
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only who may mount can try a real one")
    yield Mounted(tmp_path)
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@dataclass
class Story:
    """A batch an hour, the first three before a clean."""

    disk: Disk
    store: InMemoryMetastore = field(default_factory=lambda: InMemoryMetastore("2.3.10", clock=lambda: 0.0))
    source: Source = field(default_factory=Source)
    hour: int = 0

    def __post_init__(self) -> None:
        create_table(self.store, self.disk.folder / "clicks")
        for _ in range(3):
            self.batch()
        clean(self.open(), RULES)
        for _ in range(5):
            self.batch()

    def open(self) -> Environment:
        self.hour += 1
        where = self.disk.folder / "clicks"
        return open_world(self.store, where, f"run{self.hour}", clock=self.hour * HOUR, files=self.disk.files)

    def batch(self) -> None:
        for key in range(20):
            self.source.put(f"k{key}", "mon", self.hour)
        run_batch(self.open(), self.source)

    @property
    def reserve(self) -> Path:
        return local_path(self.open().layout.reserve)


@pytest.fixture
def story(disk: Disk) -> Story:
    return Story(disk)


def test_clean_frees_room_on_a_full_disk_and_keeps_some_for_the_next_time(story: Story) -> None:
    story.disk.fill()
    with pytest.raises(OSError, match="No space left"):
        story.batch()
    TableService(story.open()).recover()
    cleaned = clean(story.open(), RULES)
    assert cleaned.directories
    assert not cleaned.failed
    story.batch()
    assert visible(story.store, story.disk.files) == expected(story.source)


def test_the_reserve_is_made_by_a_clean_and_made_again(story: Story) -> None:
    assert story.reserve.stat().st_size == BYTES
    story.reserve.unlink()
    clean(story.open(), RULES)
    assert story.reserve.stat().st_size == BYTES


def test_without_it_nothing_can_be_deleted(story: Story) -> None:
    story.reserve.unlink()
    story.disk.fill()
    before = sorted(story.disk.folder.rglob("*"))
    with pytest.raises(OSError, match="No space left"):
        clean(story.open(), RULES)
    assert [path for path in before if not path.exists()] == []
