"""Files on HDFS, through hdfs-native (the extra `hdfs`): no JVM, Hadoop's own settings from HADOOP_CONF_DIR.

HDFS has no hard links, so `link` copies. What is exclusive there: creating a file, and renaming onto a name that is not
taken. A file is durable once its writer has called `hsync`, a name once the NameNode has answered.

Where `dfs.namenode.file.close.num-committed-allowed` lets files be closed before their last block is complete, this
client reads them without that block. So a file that is written here is closed once it can be read whole.
"""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, BufferedWriter, RawIOBase
from typing import Any, BinaryIO, cast

from loader.basics.errors import ConfigError
from loader.storage.files import About, Capabilities, Elsewhere, Entry, Found, Room, Stamp, Unreadable
from partitioner.values import canonical_location

BUFFER_BYTES = 1 << 20
FILE_BITS, FOLDER_BITS = 0o666, 0o777
CAN = Capabilities(hard_links=False, durable_names=True, cheap_walk=False)

PAUSES = tuple(0.002 * 2**n for n in range(13))
"""Seconds between looks whether the last block of a file is complete: 16 s in all."""

PATIENCE = {"dfs.client.failover.max.attempts": "6", "dfs.client.failover.sleep.max.millis": "3000"}
"""Without settings of the operator's own: some 15 s until a NameNode that does not answer is given up, not minutes."""

JAVA_ERRORS = {
    "org.apache.hadoop.security.AccessControlException": errno.EACCES,
    "org.apache.hadoop.fs.ParentNotDirectoryException": errno.ENOTDIR,
    "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException": errno.ENOTEMPTY,
    "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException": errno.EDQUOT,
    "org.apache.hadoop.hdfs.protocol.NSQuotaExceededException": errno.EDQUOT,
    "org.apache.hadoop.hdfs.server.namenode.SafeModeException": errno.EROFS,
    "org.apache.hadoop.ipc.StandbyException": errno.ECONNREFUSED,
}
OS_ERROR = re.compile(r"\(os error (\d+)\)")
RPC_ERROR = re.compile(r'^RPCError\("([\w.$]+)", "(.*)"\)$', re.DOTALL)


@dataclass(frozen=True, slots=True)
class HdfsFiles:
    """The file system of one NameNode or nameservice: `hdfs://host:port`, `hdfs://name`, or `hdfs://` for the default.

    Pickles; each process makes a client of its own. Closing a file takes up to half a second of waiting, not of work:
    hence many at once.
    """

    url: str
    parallel: int = 16
    sleep: Callable[[float], None] = time.sleep
    can: Capabilities = CAN

    @property
    def parallel_syncs(self) -> int:
        return self.parallel

    def create(self, path: str, data: bytes) -> None:
        final = self._path(path)
        temporary = self._beside(final, "creating")
        with self._temporary(temporary), self._output(temporary) as stream:
            stream.write(data)
        self._rename(temporary, final, content=data)

    def read(self, path: str) -> bytes:
        with self.open_input(path) as stream:
            return stream.read()

    def head(self, path: str, most: int) -> bytes:
        with self.open_input(path) as stream:
            return stream.read(most)

    def size(self, path: str) -> int:
        target = self._path(path)
        about = self._about(target)
        if about.isdir:
            raise Unreadable(errno.EINVAL, "is a folder, not a regular file", self._named(target))
        return int(about.length)

    def stamp(self, path: str) -> Stamp:
        return _stamp(self._about(self._path(path)))

    def open_input(self, path: str) -> BinaryIO:
        target = self._path(path)
        with _told(self._named(target)):
            return BufferedReader(_Input(self._client().read(target), self._named(target)), BUFFER_BYTES)

    def open_mapped(self, path: str) -> BinaryIO:
        return self.open_input(path)

    @contextmanager
    def new_file(self, temporary: str, final: str) -> Iterator[BinaryIO]:
        source = self._path(temporary)
        with self._temporary(source), self._output(source, overwrite=True) as stream:
            yield stream
        self._rename(source, self._path(final))

    def link(self, source: str, final: str) -> None:
        target = self._path(final)
        temporary = self._beside(target, "copying")
        with self.open_input(source) as original, self._temporary(temporary), self._output(temporary) as copy:
            shutil.copyfileobj(original, copy, BUFFER_BYTES)
        self._rename(temporary, target)

    def exists(self, path: str) -> bool:
        try:
            self._about(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def list(self, folder: str) -> tuple[Entry, ...]:
        target = self._path(folder)
        with _told(self._named(target)):
            found = list(self._client().list_status(target))
        if len(found) == 1 and found[0].path == target and not found[0].isdir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._named(target))
        entries = [
            Entry(status.path.rpartition("/")[2], 0 if status.isdir else status.length, status.isdir, _stamp(status))
            for status in found
        ]
        return tuple(sorted(entries))

    def make_dirs(self, path: str) -> None:
        self._make_dirs(self._path(path))

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing is left to do: writers have called `hsync`, and the NameNode has journalled the names."""

    def delete_file(self, path: str) -> None:
        target = self._path(path)
        if self._about(target).isdir:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self._named(target))
        self._delete(target, tree=False)

    def delete_tree(self, path: str) -> None:
        self._delete(self._folder(path), tree=True)

    def remove_empty_dir(self, path: str) -> None:
        self._delete(self._folder(path), tree=False)

    def room(self, path: str) -> Room:
        """What the folder's quota leaves; the client cannot ask for the cluster's free space."""
        target = self._path(path)
        with _told(self._named(target)):
            summary = self._client().get_content_summary(target)
        limited = summary.space_quota < 1 << 63
        return Room(max(int(summary.space_quota - summary.space_consumed), 0) if limited else None)

    def about(self, path: str) -> About:
        found = self._about(self._path(path))
        return About(int(found.permission), None if found.isdir else 1)

    def walk(self, folder: str) -> Iterator[Found]:
        """One question a folder."""
        try:
            entries = self.list(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = f"{folder.rstrip('/')}/{entry.name}"
            if entry.is_dir:
                yield from self.walk(path)
            else:
                yield Found(self._path(path), entry.size)

    def _client(self) -> Any:
        return _client(self.url, os.getpid())

    def _path(self, location: str) -> str:
        """The path that the NameNode knows. Hive does not percent-encode locations, so nothing is decoded."""
        canonical = canonical_location(location)
        path = canonical.removeprefix(self.url)
        if path == canonical or not path.startswith("/"):
            raise Elsewhere(errno.EINVAL, f"is no path of {self.url}", location)
        return path

    def _named(self, path: str) -> str:
        """The path as an error names it."""
        return f"{self.url}{path}"

    def _about(self, path: str) -> Any:
        with _told(self._named(path)):
            return self._client().get_file_info(path)

    def _folder(self, location: str) -> str:
        path = self._path(location)
        if not self._about(path).isdir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._named(path))
        return path

    def _make_dirs(self, path: str) -> int:
        """Returns the folder's mode. The NameNode gives each new one its parent's group; its mode we pass on."""
        try:
            about = self._about(path)
        except FileNotFoundError:
            mode = self._make_dirs(path.rpartition("/")[0] or "/")
            with _told(self._named(path)):
                self._client().mkdirs(path, permission=mode, create_parent=False)
            return mode
        if not about.isdir:
            raise NotADirectoryError(errno.ENOTDIR, "a file is where a folder should be", self._named(path))
        return int(about.permission) & FOLDER_BITS

    def _beside(self, final: str, what: str) -> str:
        return f"{final.rpartition('/')[0]}/.{what}-{secrets.token_hex(8)}"

    @contextmanager
    def _temporary(self, path: str) -> Iterator[None]:
        """A file that goes if its writing fails."""
        try:
            yield
        except BaseException:
            with suppress(OSError):
                self._delete(path, tree=False)
            raise

    def _output(self, path: str, overwrite: bool = False) -> BinaryIO:
        from hdfs_native import WriteOptions  # noqa: PLC0415 - the extra `hdfs`

        mode = self._make_dirs(path.rpartition("/")[0] or "/") & FILE_BITS
        options = WriteOptions(permission=mode, overwrite=overwrite, create_parent=False)
        with _told(self._named(path)):
            writer = self._client().create(path, options)
        output = _Output(writer, self._named(path), lambda size: self._until_whole(path, size))
        return cast(BinaryIO, BufferedWriter(output, BUFFER_BYTES))

    def _until_whole(self, path: str, size: int) -> None:
        """Wait for the NameNode to hear of the last block."""
        for pause in PAUSES:
            with _told(self._named(path)):
                found = len(self._client().read(path))
            if found >= size:
                return
            self.sleep(pause)
        raise OSError(
            errno.EIO, f"of {size} bytes {found} can be read: its last block is not complete", self._named(path)
        )

    def _rename(self, temporary: str, final: str, content: bytes | None = None) -> None:
        """Onto a name that is free. A reply that was lost is told by the temporary file, which nobody else moves.

        `content`: of a claim; if that is what stands there, it is ours, whoever removed the temporary file.
        """
        try:
            with _told(self._named(final)):
                self._client().rename(temporary, final, overwrite=False)
        except OSError:
            taken = self._is_there(final)
            if taken and not self._is_there(temporary) and content in (None, self.read(self._named(final))):
                return
            with suppress(OSError):
                self._delete(temporary, tree=False)
            if taken:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._named(final)) from None
            raise

    def _is_there(self, path: str) -> bool:
        try:
            self._about(path)
        except FileNotFoundError:
            return False
        return True

    def _delete(self, path: str, tree: bool) -> None:
        with _told(self._named(path)):
            deleted = self._client().delete(path, tree)
        if not deleted:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._named(path))


class _Input(RawIOBase):
    """A file being read, at any place."""

    def __init__(self, reader: Any, path: str) -> None:
        self._reader, self._path, self._size, self._at = reader, path, len(reader), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence] + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        with _told(self._path):
            found = self._reader.read_range(self._at, wanted)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


class _Output(RawIOBase):
    """A file being written. Closed, it is durable, and `until_whole` (given its size) has returned."""

    def __init__(self, writer: Any, path: str, until_whole: Callable[[int], None]) -> None:
        self._writer, self._path, self._until_whole, self._at = writer, path, until_whole, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        with _told(self._path):
            self._writer.write(bytes(data))
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if self.closed:
            return
        try:
            with _told(self._path):
                if self._at:
                    self._writer.hsync()
                self._writer.close()
            if self._at:
                self._until_whole(self._at)
        finally:
            super().close()


def _stamp(status: Any) -> Stamp:
    """The NameNode has a number for each file, which this client does not tell."""
    return Stamp(0 if status.isdir else int(status.length), int(status.modification_time) * 1_000_000)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """The client's errors as the standard library's, with the path and without Java's stack."""
    try:
        yield
    except OSError as error:
        number = error.errno or _number_of(error)
        raise OSError(number, _first_line(str(error)), path) from None
    except RuntimeError as error:
        found = RPC_ERROR.match(str(error))
        name, text = (found[1], found[2].partition("\\n")[0]) if found else ("", str(error))
        raise OSError(JAVA_ERRORS.get(name, errno.EIO), _first_line(text), path) from None


def _number_of(error: OSError) -> int:
    numbers = {
        FileNotFoundError: errno.ENOENT,
        FileExistsError: errno.EEXIST,
        PermissionError: errno.EACCES,
        NotADirectoryError: errno.ENOTDIR,
        IsADirectoryError: errno.EISDIR,
        ConnectionRefusedError: errno.ECONNREFUSED,
        TimeoutError: errno.ETIMEDOUT,
    }
    told = OS_ERROR.search(str(error))
    other = int(told[1]) if told else errno.EIO
    return next((number for kind, number in numbers.items() if isinstance(error, kind)), other)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


@lru_cache
def _client(url: str, process: int) -> Any:
    """One client a process: it holds threads, which a fork does not take along."""
    try:
        from hdfs_native import Client  # noqa: PLC0415 - the extra `hdfs`
    except ImportError:
        raise ConfigError(
            f"{url}: hotswap was installed without HDFS", "pip install 'hotswap[hdfs]', on the executors too."
        ) from None
    own = "HADOOP_CONF_DIR" in os.environ or "HADOOP_HOME" in os.environ
    with _told(url):
        return Client(None if url == "hdfs://" else url, config=None if own else PATIENCE)
