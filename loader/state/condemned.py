"""What a clean has condemned: versions' directories and key index segments that are deleted, or about to be.

The list is stored before anything is deleted, so that a cleaner that sleeps past its lock's life and wakes up deletes
nothing that another run has named meanwhile: who wants to name such a thing looks here first.
"""

import json
from collections.abc import Iterable

from loader.state.layout import Layout
from loader.storage.files import Files, join


def condemned_locations(files: Files, layout: Layout) -> frozenset[str]:
    """Every place that was condemned, as long as anything on its list is still there."""
    try:
        names = [entry.name for entry in files.list(layout.condemned) if entry.name[:1].isdigit()]
    except FileNotFoundError:
        return frozenset()
    return frozenset(place for name in names for place in json.loads(files.read(join(layout.condemned, name))))


def condemn(files: Files, layout: Layout, name: str, places: Iterable[str]) -> None:
    """Store a list under the lock, which is to be asked for once more before anything on it is deleted."""
    files.create(join(layout.condemned, f"{name}.json"), json.dumps(list(places)).encode())
