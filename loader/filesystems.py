"""Which file system a location lies on: its scheme chooses."""

from loader.errors import ConfigError
from loader.files import Files, LocalFiles
from partitioner.values import canonical_location

SCHEMES = ("file", "hdfs")
"""What locations of tables and state may begin with; a path without a scheme is local."""


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
        return LocalFiles()
    if scheme == "hdfs":
        from loader.files_hdfs import HdfsFiles  # noqa: PLC0415 - only who needs it has its client

        return HdfsFiles(f"hdfs://{root}")
    raise ConfigError(f"{location} is on {unsupported(scheme)}")


def _root(location: str) -> tuple[str, str]:
    """Scheme and authority."""
    scheme, _, rest = canonical_location(location).partition("://")
    return scheme, rest.partition("/")[0]


def unsupported(scheme: str) -> str:
    """What a location with this scheme is on."""
    return f"a file system that cannot be used ({scheme}:): {', '.join(f'{name}:' for name in SCHEMES)} and paths can"
