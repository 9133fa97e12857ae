"""The only way in which files of a table are deleted: what is not this table's stays, whoever named it.

A table's own are what really lies below `_hotswap` of its location, and below its state folder. Names come from state
objects and from Hive, which others may have written; so each path is looked at as it is on the disk: one that `..` or
a symbolic link leads out of there is refused.
"""

import errno
from collections.abc import Iterable
from contextlib import suppress

from loader.state.layout import Layout
from loader.storage.files import Files, join
from loader.storage.places import HOTSWAP_FOLDER, is_below, real_place
from partitioner.values import plain_name


class NotOurs(OSError):
    """What should have been deleted is not this table's; it was left alone."""


def is_ours(layout: Layout, path: str) -> bool:
    """Whether `path`, as it really is, lies below the table's `_hotswap` or its state folder."""
    home = f"{real_place(layout.table)}/{HOTSWAP_FOLDER}"
    place = _place(path)
    return is_below(place, home) or is_below(place, real_place(layout.state))


def is_version(layout: Layout, location: str, keys: int) -> bool:
    """Whether it is one version directory of this table, which has so many partition keys, and nothing above it."""
    versions = f"{real_place(layout.table)}/{HOTSWAP_FOLDER}/versions"
    place = _place(location)
    return is_below(place, versions) and place.removeprefix(versions).count("/") == keys + 1


def delete_tree(files: Files, layout: Layout, folder: str) -> None:
    """A folder below the table's `_hotswap` with all in it. Raises NotOurs, FileNotFoundError."""
    _check(layout, folder)
    files.delete_tree(folder)


def delete_object(files: Files, layout: Layout, path: str) -> None:
    """One file below the table's `_hotswap` or in its state folder. Raises NotOurs, FileNotFoundError."""
    _check(layout, path)
    files.delete_file(path)


def delete_adopted(files: Files, folder: str, names: Iterable[str]) -> None:
    """Of a folder that others wrote and `adopt` took over: these files, and nothing if a link stands in its place."""
    if _place(folder) != real_place(folder):
        raise NotOurs(errno.EINVAL, "a symbolic link stands where the adopted folder was", folder)
    for name in names:
        with suppress(FileNotFoundError):
            files.delete_file(join(folder, plain_name(name)))


def remove_empty(files: Files, layout: Layout, folder: str) -> None:
    """An empty folder below the table's location. Raises NotOurs, and OSError if anything is in it."""
    if not is_below(_place(folder), real_place(layout.table)):
        raise NotOurs(errno.EINVAL, f"is not below {layout.table}, so it is not removed", folder)
    files.remove_empty_dir(folder)


def remove_made(files: Files, folder: str) -> None:
    """A folder that the caller has just made itself, or the state folder, if nothing is in it."""
    with suppress(OSError):
        files.remove_empty_dir(folder)


def _check(layout: Layout, path: str) -> None:
    if not is_ours(layout, path):
        raise NotOurs(errno.EINVAL, f"is not below {layout.table}/{HOTSWAP_FOLDER}, so it is not deleted", path)


def _place(path: str) -> str:
    """Where it really is: of a link where the link is, not what it leads to."""
    folder, _, name = path.rstrip("/").rpartition("/")
    return f"{real_place(folder)}/{name}" if name not in ("", ".", "..") else real_place(path)
