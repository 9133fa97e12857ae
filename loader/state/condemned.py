"""What a clean has condemned: versions' directories and key index segments that are deleted, or about to be.

The list is stored before anything is deleted, so that a cleaner that sleeps past its lock's life and wakes up deletes
nothing that another run has named meanwhile: who wants to name such a thing looks here first.
"""

import json
from collections.abc import Iterable

from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import LARGE, LocationText, read_object
from loader.storage.files import Files, join


def condemned_locations(files: Files, layout: Layout) -> frozenset[str]:
    """Every place that was condemned, as long as anything on its list is still there."""
    paths = (join(layout.condemned, name) for name in names(files, layout, "condemned"))
    return frozenset(place for path in paths for place in condemned_in(files, path))


def condemned_in(files: Files, path: str) -> tuple[str, ...]:
    """What one list names. Raises FileNotFoundError, Damage."""
    return read_object(files, path, tuple[LocationText, ...], most=LARGE)


def condemn(files: Files, layout: Layout, name: str, places: Iterable[str]) -> None:
    """Store a list under the lock, which is to be asked for once more before anything on it is deleted."""
    files.create(join(layout.condemned, f"{name}.json"), json.dumps(list(places)).encode())
