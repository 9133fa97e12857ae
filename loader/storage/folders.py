"""Many new folders at once, each durable before anything is put into it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from loader.storage.files import Files
from loader.storage.parallel import each_durable


def make_all_dirs(files: Files, paths: Iterable[str]) -> None:
    """Each folder and all that lead to it, durable. Those that several have above them come first, level by level:
    of two threads one would find such a folder there and go on, while the other has not synced it yet.
    """
    wanted = list(paths)
    for level in () if files.can.durable_names else _shared(wanted):
        each_durable(files, files.make_dirs, level)
    each_durable(files, files.make_dirs, wanted)


def _shared(paths: list[str]) -> Iterator[list[str]]:
    """Folders above at least two of `paths`, from the lowest that is above all of them downwards, a level at a time."""
    above = Counter(folder for path in paths for folder in _parents(path))
    levels: dict[int, list[str]] = {}
    for folder, below in above.items():
        if below > 1:
            levels.setdefault(folder.count("/"), []).append(folder)
    deepest_of_all = max((level for level, found in levels.items() if above[found[0]] == len(paths)), default=0)
    for level in sorted(levels):
        if level >= deepest_of_all:
            yield sorted(levels[level])


def _parents(path: str) -> Iterator[str]:
    """`file:///a/b/c` → `file:///a/b`, `file:///a`."""
    root = len(path) - len(path.partition("://")[2].partition("/")[2]) if "://" in path else 1
    folder = path.rstrip("/").rpartition("/")[0]
    while len(folder) > root:
        yield folder
        folder = folder.rpartition("/")[0]
