"""Which file system a location lies on: its scheme chooses."""

from loader.basics.errors import ConfigError
from loader.storage.files import SYNCS_AT_ONCE, Files, LocalFiles
from partitioner.values import canonical_location

SCHEMES = ("file", "hdfs")
"""What locations of tables and state may begin with; a path without a scheme is local."""

OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "oss", "cosn"})
"""They can create an object only if its name is free, which is most of what is asked, but not all."""


def files_of(location: str, state: str | None = None) -> Files:
    """The files that a table's `location` is among, and its `state` folder. Nothing is asked of a server yet.

    Raises ConfigError: a scheme that cannot be used; two file systems.
    """
    if state is not None and _root(state) != _root(location):
        raise ConfigError(
            f"the state in {state} is not on the file system of the table in {location}",
            "Set `state` to a folder on the table's file system, or leave it out: it then lies below the table.",
        )
    scheme, root = _root(location)
    if scheme == "file":
        return LocalFiles(parallel_syncs=SYNCS_AT_ONCE)
    if scheme == "hdfs":
        from loader.storage.hdfs import HdfsFiles  # noqa: PLC0415 - only who needs it has its client

        return HdfsFiles(f"hdfs://{root}")
    raise ConfigError(f"{location} is on {unsupported(scheme)}")


def _root(location: str) -> tuple[str, str]:
    """Scheme and authority."""
    scheme, _, rest = canonical_location(location).partition("://")
    return scheme, rest.partition("/")[0]


def unsupported(scheme: str) -> str:
    """What a location with this scheme is on."""
    known = ", ".join(f"{name}:" for name in SCHEMES)
    why = " An object store has no folders, which placeholders and clean rely on." if scheme in OBJECT_STORES else ""
    return f"a file system that cannot be used ({scheme}:): {known} and paths can.{why}"
