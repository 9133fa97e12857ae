"""The one seam for effects: every file, state and metastore effect passes a numbered point.

Production hands the plain objects through. A crash test wraps them, counts the points of a batch, and then dies
before or after each.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

from loader.storage.files import Files
from metastore.api import Metastore

FILE_EFFECTS = frozenset(
    {"create", "open_output", "publish", "link", "make_dirs", "sync", "delete_file", "delete_tree", "remove_empty_dir"}
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
        "drop_partition",
        "drop_partitions",
        "lock",
        "heartbeat",
        "unlock",
    }
)


class Tap(Protocol):
    """Told of every effect, in order."""

    def before(self, effect: str) -> None: ...

    def after(self, effect: str) -> None: ...


def tapped_files(files: Files, tap: Tap) -> Files:
    return cast(Files, _Tapped(files, FILE_EFFECTS, tap))


def tapped_metastore(metastore: Metastore, tap: Tap) -> Metastore:
    return cast(Metastore, _Tapped(metastore, METASTORE_EFFECTS, tap))


class _Tapped:
    """Everything `inner` does, with a point before and after each of `effects`."""

    def __init__(self, inner: object, effects: frozenset[str], tap: Tap) -> None:
        self._inner, self._effects, self._tap = inner, effects, tap

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)
        return self._point(name, member) if name in self._effects else member

    def _point(self, name: str, member: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*arguments: Any, **named: Any) -> Any:
            self._tap.before(name)
            try:
                return member(*arguments, **named)
            finally:  # one that failed may have done something
                self._tap.after(name)

        return effect
