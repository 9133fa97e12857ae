"""The file-system protocol. `loader.storage.choose` picks what implements it by a location's scheme.

What the publish protocol needs of a file system and not every one gives: a file that comes into being whole and under
a name that nobody had, and a listing that is not stale. What else one can, it tells as `can`.
"""

import os
from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one content of a name from the next: `size` in bytes (0 for a folder), ns since 1970 of its last
    change by the storage's clock, and the file's own number, which it keeps under another name. None: it has none.

    A folder changes when a name in it comes, goes or is given to another file.
    """

    size: int
    changed_ns: int
    node: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One name in a folder; `size` in bytes (0 for a folder)."""

    name: str
    size: int
    is_dir: bool
    stamp: Stamp | None = field(default=None, compare=False)
    """Of this moment. Every file system here tells it with the name, at no further question."""


class Elsewhere(OSError, ValueError):
    """The location is not on this file system, or is none at all."""


class Unreadable(OSError):
    """What has a file's name is something else: a folder, a pipe, a device, a symbolic link."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one file system can and another cannot. Above storage/ these are asked for, never a location's scheme."""

    hard_links: bool
    """`link` writes nothing; else it copies, here or on the server."""
    durable_names: bool
    """A name is durable once it is given, a folder once it is made: nothing is left for `sync`, no order to keep."""
    cheap_walk: bool
    """`walk` is quick enough to be asked for by `status`."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is left and what there is where a path lies, in bytes and in names of files. None: it does not tell."""

    free: int | None = None
    total: int | None = None
    free_names: int | None = None
    total_names: int | None = None


@dataclass(frozen=True, slots=True)
class About:
    """A file's or folder's permission bits, and how many names a file has. None: there is no such thing."""

    mode: int | None
    names: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a folder. Two names of one file have the same `node`."""

    node: Hashable
    size: int


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

    @property
    def can(self) -> Capabilities:
        """What it can that others cannot."""

    def create(self, path: str, data: bytes) -> None:
        """A whole, durable file or nothing. FileExistsError if the name is taken."""

    def read(self, path: str) -> bytes:
        """The bytes of a regular file. Unreadable if it is anything else."""

    def head(self, path: str, most: int) -> bytes:
        """The same, the first `most` of them."""

    def size(self, path: str) -> int:
        """How many they are."""

    def stamp(self, path: str) -> Stamp:
        """Of a file or folder, as `list` tells it; of a symbolic link its own. FileNotFoundError if there is none."""

    def open_input(self, path: str) -> BinaryIO: ...

    def open_mapped(self, path: str) -> BinaryIO:
        """The same for one that is read in places, and often: mapped into memory where that can be."""

    def new_file(self, temporary: str, final: str) -> AbstractContextManager[BinaryIO]:
        """A stream; what is written to it becomes the file `final` as the block ends, whole, or not at all.

        FileExistsError, then, if the name is taken; FileNotFoundError if there is no folder to put it into. A block
        that fails leaves nothing. Durable after `sync`. `temporary` is a path that nobody else uses. Where a file can
        be given its name once it is written, it is written there, and a killed process leaves it there for whoever
        deletes the folder. Where it cannot, the bytes are sent under their final name, in one conditional request.
        """

    def link(self, source: str, final: str) -> None:
        """Give a finished file a second name (`can.hard_links`; else a copy). FileExistsError if taken."""

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

    def room(self, path: str) -> Room:
        """What is left where it lies."""

    def about(self, path: str) -> About:
        """FileNotFoundError if it does not exist."""

    def walk(self, folder: str) -> Iterator[Found]:
        """Every file below a folder, none if there is no such folder. What goes meanwhile is left out."""


@contextmanager
def naming(path: str) -> Iterator[None]:
    """An error of a write says `No space left on device`, but not of which file: name it."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or os.strerror(error.errno), path) from error


def join(folder: str, *names: str) -> str:
    """A path below `folder`."""
    return "/".join([folder.rstrip("/"), *names])
