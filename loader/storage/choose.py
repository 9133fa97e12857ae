"""Which file system a location lies on: its scheme chooses."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from loader.basics.errors import ConfigError
from loader.storage.files import Files
from partitioner.values import canonical_location

OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "oss", "cosn"})
"""They can create an object only if its name is free, which is most of what is asked, but not all."""


def _local(authority: str) -> Files:
    from loader.storage.local import SYNCS_AT_ONCE, LocalFiles  # noqa: PLC0415 - as below

    return LocalFiles(parallel_syncs=SYNCS_AT_ONCE)


def _hdfs(authority: str) -> Files:
    from loader.storage.hdfs import HdfsFiles  # noqa: PLC0415 - who does not use it does not load it

    return HdfsFiles(f"hdfs://{authority}")


OPENERS: Mapping[str, Callable[[str], Files]] = MappingProxyType({"file": _local, "hdfs": _hdfs})
"""By the scheme of a table's location; each is given the location's authority. A path without a scheme is local."""


def files_of(location: str, state: str | None = None) -> Files:
    """The files that a table's `location` is among, and its `state` folder. Nothing is asked of a server yet.

    Raises ConfigError: a scheme that cannot be used; two file systems.
    """
    if state is not None and _root(state) != _root(location):
        raise ConfigError(
            f"the state in {state} is not on the file system of the table in {location}",
            "Set `state` to a folder on the table's file system, or leave it out: it then lies below the table.",
        )
    why = refused(location)
    if why is not None:
        raise ConfigError(f"{location} {why}")
    scheme, authority = _root(location)
    return OPENERS[scheme](authority)


def refused(location: str) -> str | None:
    """Why no table can lie there, as the rest of a sentence that begins with the location; None: one can."""
    scheme, _ = _root(location)
    if scheme in OPENERS:
        return None
    known = ", ".join(f"{name}:" for name in OPENERS)
    why = " An object store has no folders, which placeholders and clean rely on." if scheme in OBJECT_STORES else ""
    return f"is on a file system that cannot be used ({scheme}:): {known} and paths can.{why}"


def _root(location: str) -> tuple[str, str]:
    """Scheme and authority."""
    scheme, _, rest = canonical_location(location).partition("://")
    return scheme, rest.partition("/")[0]
