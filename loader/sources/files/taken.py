"""What was taken of a folder and the folders in it, as the position keeps it: small, however much it was.

Of a file that changed lately its name and `Mark`. Older ones of a folder are a `Fold`: how many, and a digest. A folder
with nothing but these is closed: it is not listed again while its own time of change stays. Folders closed long ago
are one `Before` of the folder that they are in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from loader.sources.files.names import stamp_digest
from loader.storage.files import Stamp

CLOSED_KEPT = 100
"""Closed folders in one folder that are remembered each by itself."""
ALL = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file was when it was taken. `head`: a digest of its first bytes, `sample` of them."""

    stamp: Stamp
    head: str
    sample: int


@dataclass(frozen=True, slots=True)
class Fold:
    """So many files. The digest is a sum: of the same files it is the same in any order, and under other names."""

    files: int = 0
    digest: int = 0
    newest: str = ""

    def __add__(self, other: "Fold") -> "Fold":
        digest = (self.digest + other.digest) & ALL
        return Fold(self.files + other.files, digest, max(self.newest, other.newest))

    def misses(self, now: "Fold") -> bool:
        """`now`, what stands there, has a file that this has not. One that came while more went is not noticed."""
        return now.files > self.files or (now.files == self.files and now.digest != self.digest)


def fold(files: Iterable[tuple[str, Stamp]]) -> Fold:
    found = list(files)
    digest = sum(int.from_bytes(stamp_digest(stamp, 8), "big") for _, stamp in found) & ALL
    return Fold(len(found), digest, max((name for name, _ in found), default=""))


def head_digest(start: bytes) -> str:
    return blake2b(start, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Before:
    """Folders up to this name, closed, none of which had changed after this."""

    name: str
    changed_ns: int
    fold: Fold


@dataclass(frozen=True, slots=True)
class Folder:
    """`old`: files in it that last changed at or before `floor_ns`; of a closed one, all that are below it.

    `closed_ns`: when a closed folder had changed. None: it is open.
    """

    floor_ns: int = -1
    old: Fold = field(default_factory=Fold)
    files: Mapping[str, Mark] = field(default_factory=dict)
    closed_ns: int | None = None
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """By folder, from the log's own one on: `` for this, `2026/12` for one below."""

    folders: Mapping[str, Folder] = field(default_factory=dict)
    header: bytes | None = None


def with_few_closed(folders: Mapping[str, Folder]) -> dict[str, Folder]:
    """The first by name of too many closed ones of one folder become its `before`."""
    kept = dict(folders)
    closed: dict[str, list[str]] = {}
    for path in sorted(path for path, one in folders.items() if one.closed_ns is not None):
        closed.setdefault(path.rpartition("/")[0], []).append(path)
    for parent, paths in closed.items():
        for path in paths[: len(paths) - CLOSED_KEPT] if len(paths) > CLOSED_KEPT else ():
            one, name = kept.pop(path), path.rpartition("/")[2]
            above = kept.get(parent, Folder())
            was = above.before or Before("", 0, Fold())
            changed = max(was.changed_ns, one.closed_ns or 0)
            kept[parent] = replace(above, before=Before(max(was.name, name), changed, was.fold + one.old))
    return kept


# ---- as JSON


def taken_to(taken: Taken) -> dict[str, Any]:
    header = None if taken.header is None else taken.header.decode("latin-1")
    return {"folders": {path: _folder_to(one) for path, one in taken.folders.items()}, "header": header}


def taken_from(value: Mapping[str, Any]) -> Taken:
    header = value["header"]
    folders = {path: _folder_from(one) for path, one in value["folders"].items()}
    return Taken(folders, None if header is None else header.encode("latin-1"))


def _folder_to(one: Folder) -> dict[str, Any]:
    said: dict[str, Any] = {"floor": one.floor_ns, "old": _fold_to(one.old)}
    if one.files:
        said["files"] = {
            name: [mark.stamp.size, mark.stamp.changed_ns, mark.stamp.node, mark.head, mark.sample]
            for name, mark in one.files.items()
        }
    if one.closed_ns is not None:
        said["closed"] = one.closed_ns
    if one.before:
        said["before"] = [one.before.name, one.before.changed_ns, _fold_to(one.before.fold)]
    return said


def _folder_from(said: Mapping[str, Any]) -> Folder:
    files = {name: Mark(Stamp(*mark[:3]), mark[3], mark[4]) for name, mark in said.get("files", {}).items()}
    before = said.get("before")
    earlier = None if before is None else Before(before[0], before[1], _fold_from(before[2]))
    return Folder(said["floor"], _fold_from(said["old"]), files, said.get("closed"), earlier)


def _fold_to(one: Fold) -> list[Any]:
    return [one.files, f"{one.digest:x}", one.newest]


def _fold_from(said: list[Any]) -> Fold:
    return Fold(said[0], int(said[1], 16), said[2])
