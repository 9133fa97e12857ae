"""The file-system protocol, and its local implementation.

Paths are `file:` URIs or absolute paths. What the publish protocol needs of a file system and not every one gives:
exclusive creation of whole files, rename without overwrite, and a listing that is not stale.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from partitioner.values import canonical_location


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One name in a folder; `size` in bytes (0 for a folder)."""

    name: str
    size: int
    is_dir: bool


class Files(Protocol):
    """All file effects of the house. Every method raises OSError as the standard library does."""

    def create(self, path: str, data: bytes) -> None:
        """A whole, durable file or nothing. FileExistsError if the name is taken."""

    def read(self, path: str) -> bytes: ...

    def open_input(self, path: str) -> BinaryIO: ...

    def open_output(self, path: str) -> BinaryIO:
        """A temporary file to be written and then published."""

    def publish(self, temporary: str, final: str) -> None:
        """Rename without overwrite: FileExistsError if `final` is taken."""

    def link(self, source: str, final: str) -> None:
        """Give a finished file a second name (a copy where the file system has no links). FileExistsError if taken."""

    def exists(self, path: str) -> bool: ...

    def list(self, folder: str) -> tuple[Entry, ...]:
        """Sorted by name. FileNotFoundError if the folder does not exist."""

    def make_dirs(self, path: str) -> None: ...

    def sync(self, paths: Iterable[str]) -> None:
        """Make files and folders durable, in the given order."""

    def delete_file(self, path: str) -> None: ...

    def delete_tree(self, path: str) -> None: ...

    def remove_empty_dir(self, path: str) -> None:
        """OSError if anything is in it."""

    def free_bytes(self, path: str) -> int: ...


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """POSIX files: exclusive names by link(2), durability by `fsync`."""

    fsync: Callable[[int], None] = os.fsync

    def create(self, path: str, data: bytes) -> None:
        final = local_path(path)
        temporary = self._write_temporary(final.parent, data)
        try:
            os.link(temporary, final)
        finally:
            os.unlink(temporary)
        self.sync([str(final.parent)])

    def _write_temporary(self, folder: Path, data: bytes) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".creating-", dir=folder)
        with os.fdopen(handle, "wb") as file:
            try:
                file.write(data)
                file.flush()
                self.fsync(file.fileno())
            except OSError:
                os.unlink(name)
                raise
        os.chmod(name, 0o644 & ~_umask())
        return name

    def read(self, path: str) -> bytes:
        return local_path(path).read_bytes()

    def open_input(self, path: str) -> BinaryIO:
        return local_path(path).open("rb")

    def open_output(self, path: str) -> BinaryIO:
        target = local_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("wb")

    def publish(self, temporary: str, final: str) -> None:
        os.link(local_path(temporary), local_path(final))
        os.unlink(local_path(temporary))

    def link(self, source: str, final: str) -> None:
        try:
            os.link(local_path(source), local_path(final))
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP):
                raise
            self._copy(local_path(source), local_path(final))

    def _copy(self, source: Path, final: Path) -> None:
        handle, name = tempfile.mkstemp(prefix=".copying-", dir=final.parent)
        os.close(handle)
        try:
            shutil.copyfile(source, name)
            os.link(name, final)
        finally:
            os.unlink(name)

    def exists(self, path: str) -> bool:
        return local_path(path).exists()

    def list(self, folder: str) -> tuple[Entry, ...]:
        with os.scandir(local_path(folder)) as entries:
            found = [_entry(entry) for entry in entries]
        return tuple(sorted(found))

    def make_dirs(self, path: str) -> None:
        local_path(path).mkdir(parents=True, exist_ok=True)

    def sync(self, paths: Iterable[str]) -> None:
        for path in paths:
            handle = os.open(local_path(path), os.O_RDONLY)
            try:
                self.fsync(handle)
            finally:
                os.close(handle)

    def delete_file(self, path: str) -> None:
        local_path(path).unlink()

    def delete_tree(self, path: str) -> None:
        shutil.rmtree(local_path(path))

    def remove_empty_dir(self, path: str) -> None:
        local_path(path).rmdir()

    def free_bytes(self, path: str) -> int:
        return shutil.disk_usage(local_path(path)).free


def local_path(location: str) -> Path:
    """The local path of a `file:` location. Hive does not percent-encode locations, so nothing is decoded."""
    canonical = canonical_location(location)
    if not canonical.startswith("file:///"):
        raise ValueError(f"{location}: not a local path; only file: locations are supported so far")
    return Path(canonical.removeprefix("file://"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`."""
    return "/".join([folder.rstrip("/"), *names])


def _entry(entry: "os.DirEntry[str]") -> Entry:
    is_dir = entry.is_dir(follow_symlinks=False)
    return Entry(entry.name, 0 if is_dir else entry.stat(follow_symlinks=False).st_size, is_dir)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
