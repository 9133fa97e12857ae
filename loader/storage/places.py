"""Where a location really is: one spelling for one place, however it is written and whatever links lead to it."""

import os
import posixpath

from partitioner.values import canonical_location

HOTSWAP_FOLDER = "_hotswap"
"""Below a table's location: what is hotswap's own, and no reader's."""

_ALIASES = {"s3a": "s3", "s3n": "s3", "abfss": "abfs", "wasbs": "wasb"}
"""Schemes that name the same store."""
_PORTS = {"hdfs": "8020"}


def real_place(location: str) -> str:
    """`scheme://authority/path`: no `.`, `..` or doubled slash; of a local one no symbolic link either.

    Neither `abfs` and `abfss` nor a default port make a difference. What does not exist is taken as it is written.
    """
    scheme, _, rest = canonical_location(location).partition("://")
    authority, _, path = rest.partition("/")
    path = posixpath.normpath("/" + path.lstrip("/"))
    if scheme == "file":
        return f"file://{os.path.realpath(path)}"
    host, _, port = authority.lower().partition(":")
    known = port and port != _PORTS.get(scheme)
    return f"{_ALIASES.get(scheme, scheme)}://{host}{f':{port}' if known else ''}{path}"


def is_within(place: str, folder: str) -> bool:
    """Whether one real place is another, or lies below it."""
    return place == folder or place.startswith(folder.rstrip("/") + "/")


def is_below(place: str, folder: str) -> bool:
    """Whether it lies below it, and is not it."""
    return place != folder and is_within(place, folder)
