"""What a table's versions take on their file system, and what is left there."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from loader.state.layout import Layout
from loader.storage.files import Files, join
from loader.storage.places import HOTSWAP_FOLDER

MOST_FILES = 200_000
"""Files looked at; a table with more is told as `at least`."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes. `grace`: of versions that are not live and not collected yet, a file with several names counted once,
    and not at all if a live version has it too. None where the file system does not tell. `whole`: all was looked at.
    """

    free: int | None
    total: int | None
    grace: int | None
    whole: bool = True


def space_of(files: Files, layout: Layout, live: Iterable[str]) -> Space:
    """`live`: the locations of live versions. Reads directories only."""
    room = files.room(layout.table)
    if not files.can.cheap_walk:
        return Space(room.free, room.total, None)
    kept = {found.node for location in live for found in files.walk(location)}
    seen: set[Hashable] = set()
    grace = looked = 0
    for found in files.walk(join(layout.table, HOTSWAP_FOLDER, "versions")):
        looked += 1
        if found.node not in kept and found.node not in seen:
            seen.add(found.node)
            grace += found.size
        if looked >= MOST_FILES:
            break
    return Space(room.free, room.total, grace, looked < MOST_FILES)
