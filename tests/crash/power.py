"""A disk that keeps only what was synced: what a power loss may leave of a folder, by POSIX's word and no more.

`fsync` of a file makes its bytes durable, `fsync` of a folder the names in it, and nothing else does. File systems in
use keep more than that; none has to.
"""

import os
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Loss(StrEnum):
    """How a loader ends, and what of its writes is left."""

    KILLED = "killed"  # all of them
    UNSYNCED = "power lost"  # what was synced
    CONTENTS = "power lost, names kept"  # every name; the bytes of a file only if they were synced


class Sync(StrEnum):
    FILES = "files"
    FOLDERS = "folders"


@dataclass
class Disk:
    """Watches the folder `root`, all of which counts as durable now. `deaf_to`: syncs that this disk does not do."""

    root: Path
    deaf_to: frozenset[Sync] = frozenset()
    contents: dict[int, bytes] = field(default_factory=dict)  # by inode
    names: dict[int, dict[str, int]] = field(default_factory=dict)  # by inode of the folder
    folders: set[int] = field(default_factory=set)
    held: dict[int, int] = field(default_factory=dict)  # inode → descriptor: no number is given out twice meanwhile

    def __post_init__(self) -> None:
        for folder, _, files in os.walk(self.root):
            for path in [Path(folder), *(Path(folder, name) for name in files)]:
                handle = os.open(path, os.O_RDONLY)
                self._remember(handle)
                os.close(handle)

    def fsync(self, handle: int) -> None:
        """What LocalFiles is given in place of `os.fsync`."""
        kind = Sync.FOLDERS if stat.S_ISDIR(os.fstat(handle).st_mode) else Sync.FILES
        if kind not in self.deaf_to:
            self._remember(handle)

    def _remember(self, handle: int) -> None:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            with os.scandir(handle) as entries:
                self.names[about.st_ino] = {entry.name: self._hold(entry.name, handle) for entry in entries}
            self.folders.add(about.st_ino)
        else:
            self.contents[about.st_ino] = os.pread(handle, about.st_size, 0)

    def _hold(self, name: str, folder: int) -> int:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            self.folders.add(about.st_ino)
        if about.st_ino in self.held:
            os.close(handle)
        else:
            self.held[about.st_ino] = handle
        return about.st_ino

    def lose(self, loss: Loss) -> None:
        """The power goes: `root` is now what is left of it."""
        if loss is Loss.KILLED:
            return
        after = self.root.with_name(f"{self.root.name}.after")
        if loss is Loss.UNSYNCED:
            self._restore(self.root.stat().st_ino, after)
        else:
            self._restore_names(self.root, after)
        os.rename(self.root, self.root.with_name(f"{self.root.name}.before"))
        os.rename(after, self.root)

    def _restore(self, inode: int, target: Path) -> None:
        if inode not in self.folders:
            target.write_bytes(self.contents.get(inode, b""))
            return
        target.mkdir()
        for name, child in self.names.get(inode, {}).items():
            self._restore(child, target / name)

    def _restore_names(self, source: Path, target: Path) -> None:
        if not source.is_dir():
            target.write_bytes(self.contents.get(source.stat().st_ino, b""))
            return
        target.mkdir()
        for child in source.iterdir():
            self._restore_names(child, target / child.name)
