"""Directories that a clean has condemned: deleted, or about to be."""

import json

from loader.state.layout import Layout
from loader.storage.files import Files, join


def condemned_locations(files: Files, layout: Layout) -> frozenset[str]:
    """Every directory that was ever condemned: deleted, or about to be."""
    try:
        names = [entry.name for entry in files.list(layout.condemned) if entry.name[:1].isdigit()]
    except FileNotFoundError:
        return frozenset()
    return frozenset(place for name in names for place in json.loads(files.read(join(layout.condemned, name))))
