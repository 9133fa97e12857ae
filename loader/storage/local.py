"""Files on a local (POSIX) file system, or on one that is mounted like one."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from loader.storage.files import About, Capabilities, Elsewhere, Entry, Found, Room, Stamp, Unreadable, naming
from partitioner.values import canonical_location

CAN = Capabilities(hard_links=True, durable_names=False, cheap_walk=True)
SYNCS_AT_ONCE = 8
"""A journal takes many syncs in one write: 500 new folders took a tenth of the time in 4 threads, no less in 16."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """POSIX files: exclusive names by link(2), durability by `fsync`."""

    fsync: Callable[[int], None] = os.fsync
    parallel: int = 1
    parallel_syncs: int = 1
    can: Capabilities = CAN

    def create(self, path: str, data: bytes) -> None:
        final = local_path(path)
        self._make_dirs(final.parent)
        temporary = self._write_temporary(final.parent, data)
        try:
            _give_name(temporary, final)
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
        with os.fdopen(_open_regular(local_path(path)), "rb") as file:
            return file.read()

    def head(self, path: str, most: int) -> bytes:
        with os.fdopen(_open_regular(local_path(path)), "rb") as file:
            return file.read(most)

    def size(self, path: str) -> int:
        handle = _open_regular(local_path(path))
        try:
            return os.fstat(handle).st_size
        finally:
            os.close(handle)

    def stamp(self, path: str) -> Stamp:
        return _stamp(local_path(path).lstat())

    def open_input(self, path: str) -> BinaryIO:
        return _native(local_path(path), "rb")

    def open_mapped(self, path: str) -> BinaryIO:
        import pyarrow as pa  # noqa: PLC0415 - a quarter of a second that `status` need not wait

        return cast(BinaryIO, pa.memory_map(os.fsencode(local_path(path))))

    @contextmanager
    def new_file(self, temporary: str, final: str) -> Iterator[BinaryIO]:
        written = local_path(temporary)
        self._make_dirs(written.parent)
        try:
            with _native(written, "wb") as stream:
                _inherit(written, written.parent, 0o666)
                yield stream
            _give_name(written, local_path(final))
        finally:
            with suppress(OSError):
                os.unlink(written)

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
            _give_name(name, final)
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

    def room(self, path: str) -> Room:
        told = os.statvfs(local_path(path))
        names = (told.f_favail, told.f_files) if told.f_files else (None, None)
        return Room(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize, *names)

    def about(self, path: str) -> About:
        told = local_path(path).stat()
        return About(stat.S_IMODE(told.st_mode), told.st_nlink)

    def walk(self, folder: str) -> Iterator[Found]:
        return _walk(local_path(folder))


def _open_regular(path: Path) -> int:
    """Without following a link, and without waiting for whoever writes into a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _unreadable(path, path.lstat().st_mode) from None
        raise
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise _unreadable(path, mode)
    return handle


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _unreadable(path: Path, mode: int) -> Unreadable:
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    return Unreadable(errno.EINVAL, f"is {kind}, not a regular file", str(path))


def local_path(location: str) -> Path:
    """The local path of a `file:` location. Hive does not percent-encode locations, so nothing is decoded."""
    canonical = canonical_location(location)
    if not canonical.startswith("file:///"):
        raise Elsewhere(errno.EINVAL, "is no local path", location)
    return Path(canonical.removeprefix("file://"))


def _native(path: Path, mode: str) -> BinaryIO:
    """Arrow's own file: its readers and writers need the interpreter for each call of another one."""
    import pyarrow as pa  # noqa: PLC0415 - a quarter of a second that `status` need not wait

    with naming(str(path)):
        return cast(BinaryIO, pa.OSFile(os.fsencode(path), mode))


def _give_name(temporary: str | Path, final: Path) -> None:
    """FileExistsError if another file has it. The server of a mounted file system may do it and lose its reply."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(temporary), os.lstat(final)):
                return
        raise


def _walk(folder: Path) -> Iterator[Found]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                told = entry.stat(follow_symlinks=False)
                yield Found((told.st_dev, told.st_ino), told.st_size)
        except FileNotFoundError:
            continue


def _entry(entry: "os.DirEntry[str]") -> Entry | None:
    """None: it went while its folder was listed, as every file does that `create` writes under another name first."""
    is_dir = entry.is_dir(follow_symlinks=False)
    try:
        stamp = _stamp(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None
    return Entry(entry.name, stamp.size, is_dir, stamp)


def _stamp(told: os.stat_result) -> Stamp:
    return Stamp(0 if stat.S_ISDIR(told.st_mode) else told.st_size, told.st_mtime_ns, told.st_ino)


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
