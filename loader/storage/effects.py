"""The one seam for effects: every file, state and metastore effect passes a numbered point.

Production hands the plain objects through. A crash test wraps them, counts the points of a batch, and then dies
before or after each.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, BinaryIO, Protocol, cast

from loader.storage.files import Files
from metastore.api import Metastore

NEW_FILE, COMMIT, DISCARD = "new_file", "commit", "discard"
"""A file is begun; it gets its name; what was written of it goes."""

FILE_EFFECTS = frozenset({"create", "link", "make_dirs", "sync", "delete_file", "delete_tree", "remove_empty_dir"})
FILE_READS = frozenset(
    {
        "can",
        "parallel",
        "parallel_syncs",
        "read",
        "head",
        "size",
        "stamp",
        "open_input",
        "open_mapped",
        "exists",
        "list",
        "room",
        "about",
        "walk",
    }
)
METASTORE_EFFECTS = frozenset(
    {
        "create_database",
        "create_table",
        "alter_table_parameters",
        "add_columns",
        "drop_table",
        "add_partitions",
        "alter_partitions",
        "set_column_statistics",
        "drop_partition",
        "drop_partitions",
        "lock",
        "check_lock",
        "heartbeat",
        "unlock",
    }
)
METASTORE_READS = frozenset(
    {
        "server",
        "setting",
        "database_exists",
        "table",
        "partition_names",
        "partitions",
        "all_partitions",
        "column_statistics",
        "locks",
        "close",
    }
)


class Tap(Protocol):
    """Told of every effect, in order."""

    def before(self, effect: str) -> None: ...

    def after(self, effect: str) -> None: ...


def tapped_files(files: Files, tap: Tap) -> Files:
    return cast(Files, _TappedFiles(files, FILE_EFFECTS, tap))


def tapped_metastore(metastore: Metastore, tap: Tap) -> Metastore:
    return cast(Metastore, _Tapped(metastore, METASTORE_EFFECTS, tap))


@contextmanager
def _around(tap: Tap, name: str) -> Iterator[None]:
    tap.before(name)
    try:
        yield
    finally:  # one that failed may have done something
        tap.after(name)


class _Tapped:
    """Everything `inner` does, with a point before and after each of `effects`."""

    def __init__(self, inner: Any, effects: frozenset[str], tap: Tap) -> None:
        self._inner, self._effects, self._tap = inner, effects, tap

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)
        return self._point(name, member) if name in self._effects else member

    def _point(self, name: str, member: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*arguments: Any, **named: Any) -> Any:
            with _around(self._tap, name):
                return member(*arguments, **named)

        return effect


class _TappedFiles(_Tapped):
    def new_file(self, temporary: str, final: str) -> AbstractContextManager[BinaryIO]:
        return _TappedNewFile(self._inner.new_file(temporary, final), self._tap)


class _TappedNewFile:
    """A file that is begun at one point, and committed or discarded at another."""

    def __init__(self, inner: AbstractContextManager[BinaryIO], tap: Tap) -> None:
        self._inner, self._tap = inner, tap

    def __enter__(self) -> BinaryIO:
        with _around(self._tap, NEW_FILE):
            return self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with _around(self._tap, COMMIT if kind is None else DISCARD):
            return self._inner.__exit__(kind, error, trace)
