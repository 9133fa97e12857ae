"""The file-system protocol, and its local implementation. `loader.storage.choose` picks one by a location's scheme.

What the publish protocol needs of a file system and not every one gives: exclusive creation of whole files, rename
without overwrite, and a listing that is not stale.
"""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from partitioner.values import canonical_location


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One name in a folder; `size` in bytes (0 for a folder)."""

    name: str
    size: int
    is_dir: bool


class Files(Protocol):
    """All file effects of the house. Every method raises OSError as the standard library does.

    Paths are whole locations (`scheme://authority/path`); local ones may leave `file://` away. What is made new takes
    group and mode from its parent.
    """

    @property
    def parallel(self) -> int:
        """How many calls at once are quicker than one after the other."""

    @property
    def parallel_syncs(self) -> int:
        """The same of calls that wait until something is durable."""

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

    def make_dirs(self, path: str) -> None:
        """The folder and all that lead to it, durable. NotADirectoryError if a file is in the way."""

    def sync(self, paths: Iterable[str]) -> None:
        """Make files and folders durable, in the given order."""

    def delete_file(self, path: str) -> None: ...

    def delete_tree(self, path: str) -> None:
        """FileNotFoundError if it does not exist."""

    def remove_empty_dir(self, path: str) -> None:
        """OSError if anything is in it."""

    def free_bytes(self, path: str) -> int | None:
        """None where the file system does not tell."""


SYNCS_AT_ONCE = 8
"""A journal takes many syncs in one write: 500 new folders took a tenth of the time in 4 threads, no less in 16."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """POSIX files: exclusive names by link(2), durability by `fsync`."""

    fsync: Callable[[int], None] = os.fsync
    parallel: int = 1
    parallel_syncs: int = 1

    def create(self, path: str, data: bytes) -> None:
        final = local_path(path)
        self._make_dirs(final.parent)
        temporary = self._write_temporary(final.parent, data)
        try:
            os.link(temporary, final)
        finally:
            os.unlink(temporary)
        self.sync([str(final.parent)])

    def _write_temporary(self, folder: Path, data: bytes) -> str:
        handle, name = tempfile.mkstemp(prefix=".creating-", dir=folder)
        with naming(str(folder)), os.fdopen(handle, "wb") as file:
            try:
                _inherit(file.fileno(), folder, 0o666)
                file.write(data)
                file.flush()
                self.fsync(file.fileno())
            except OSError:
                os.unlink(name)
                raise
        return name

    def read(self, path: str) -> bytes:
        return local_path(path).read_bytes()

    def open_input(self, path: str) -> BinaryIO:
        return _native(local_path(path), "rb")

    def open_output(self, path: str) -> BinaryIO:
        target = local_path(path)
        self._make_dirs(target.parent)
        stream = _native(target, "wb")
        _inherit(target, target.parent, 0o666)
        return stream

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
        try:
            with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
                _inherit(copy.fileno(), final.parent, 0o666)
                shutil.copyfileobj(original, copy)
                copy.flush()
                self.fsync(copy.fileno())
            os.link(name, final)
        finally:
            os.unlink(name)

    def exists(self, path: str) -> bool:
        return local_path(path).exists()

    def list(self, folder: str) -> tuple[Entry, ...]:
        with os.scandir(local_path(folder)) as entries:
            found = [known for entry in entries if (known := _entry(entry)) is not None]
        return tuple(sorted(found))

    def make_dirs(self, path: str) -> None:
        self._make_dirs(local_path(path))

    def _make_dirs(self, folder: Path) -> None:
        """A folder is durable when its name is, in its parent: so parents first, each synced."""
        if folder.is_dir():
            return
        self._make_dirs(folder.parent)
        with suppress(FileExistsError):  # another thread or loader makes it, too
            folder.mkdir()
            _inherit(folder, folder.parent, 0o2777)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file is where a folder should be", str(folder))
        self.sync([str(folder.parent)])

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


@contextmanager
def naming(path: str) -> Iterator[None]:
    """An error of a write says `No space left on device`, but not of which file: name it."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or os.strerror(error.errno), path) from error


def _native(path: Path, mode: str) -> BinaryIO:
    """Arrow's own file: its readers and writers need the interpreter for each call of another one."""
    import pyarrow as pa  # noqa: PLC0415 - a quarter of a second that `status` need not wait

    with naming(str(path)):
        return cast(BinaryIO, pa.OSFile(str(path), mode))


def join(folder: str, *names: str) -> str:
    """A path below `folder`."""
    return "/".join([folder.rstrip("/"), *names])


def _entry(entry: "os.DirEntry[str]") -> Entry | None:
    """None: it went while its folder was listed, as every file does that `create` writes under another name first."""
    is_dir = entry.is_dir(follow_symlinks=False)
    try:
        return Entry(entry.name, 0 if is_dir else entry.stat(follow_symlinks=False).st_size, is_dir)
    except FileNotFoundError:
        return None


def _inherit(new: int | Path, parent: Path, most: int) -> None:
    """Give `new` the group of `parent`, and those bits of its mode that are in `most`.

    A sticky parent is a place that strangers share (/tmp): what is made there follows the umask. A group that this user
    is not in cannot be given; then it stays.
    """
    wanted = parent.stat()
    if wanted.st_mode & stat.S_ISVTX:
        os.chmod(new, most & 0o777 & ~_umask())
        return
    if os.stat(new).st_gid != wanted.st_gid:
        with suppress(PermissionError):
            os.chown(new, -1, wanted.st_gid)
    os.chmod(new, stat.S_IMODE(wanted.st_mode) & most)


def _umask() -> int:
    """Read where it can be read without setting it for all threads."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii", "replace").splitlines() if status.exists() else []
    given = [line.split()[1] for line in lines if line.startswith("Umask:")]
    return int(given[0], 8) if given else 0o022
