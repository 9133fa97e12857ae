"""What a table's versions take on their file system, and what is left there."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loader.state.layout import HOTSWAP_FOLDER, Layout
from loader.storage.files import Files, join, local_path
from partitioner.values import scheme_of

MOST_FILES = 200_000
"""Files looked at; a table with more is told as `at least`."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes. `grace`: of versions that are not live and not collected yet, a file with several names counted once,
    and not at all if a live version has it too. None where the file system does not tell. `whole`: all was looked at.
    """

    free: int | None
    total: int | None
    grace: int | None
    whole: bool = True


def space_of(files: Files, layout: Layout, live: Iterable[str]) -> Space:
    """`live`: the locations of live versions. Reads directories only."""
    if scheme_of(layout.table) != "file":
        return Space(files.free_bytes(layout.table), None, None)
    place = local_path(layout.table)
    told = os.statvfs(place)
    kept = {node for location in live for node, _ in _nodes(local_path(location))}
    seen: set[tuple[int, int]] = set()
    grace = looked = 0
    for node, size in _nodes(Path(join(str(place), HOTSWAP_FOLDER, "versions"))):
        looked += 1
        if node not in kept and node not in seen:
            seen.add(node)
            grace += size
        if looked >= MOST_FILES:
            break
    return Space(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize, grace, looked < MOST_FILES)


def _nodes(folder: Path) -> Iterator[tuple[tuple[int, int], int]]:
    """Each file below a folder as (what it is, its size). What is deleted meanwhile is left out."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _nodes(Path(entry.path))
            else:
                told = entry.stat(follow_symlinks=False)
                yield (told.st_dev, told.st_ino), told.st_size
        except FileNotFoundError:
            continue
