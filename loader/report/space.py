"""What a table's versions take on their file system, and what is left there."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from loader.state.layout import Layout
from loader.storage.files import Files, Room, join
from loader.storage.places import HOTSWAP_FOLDER, is_within, real_place

MOST_FILES = 200_000
"""Files looked at; a table with more is told as `at least`."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes. `grace`: of versions that are not live and not collected yet, a file with several names counted once,
    and not at all if a live version has it too. None where the file system does not tell. `whole`: all was looked at.
    `state_free`, `state_total`: of the state folder's file system, where that is another one than the table's.
    """

    free: int | None
    total: int | None
    grace: int | None
    whole: bool = True
    state_free: int | None = None
    state_total: int | None = None


def space_of(files: Files, layout: Layout, live: Iterable[str]) -> Space:
    """`live`: the locations of live versions. Reads directories only."""
    room, beside = files.room(layout.table), room_of_state(files, layout) or Room()
    if not files.can.cheap_walk:
        return Space(room.free, room.total, None, state_free=beside.free, state_total=beside.total)
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
    return Space(room.free, room.total, grace, looked < MOST_FILES, beside.free, beside.total)


def room_of_state(files: Files, layout: Layout) -> Room | None:
    """What is left where the state folder lies, or will lie; None: it is the table's own file system."""
    if is_within(real_place(layout.state), real_place(layout.table)):
        return None
    folder = layout.state
    while not files.exists(folder) and folder.partition("://")[2].count("/") > 1:
        folder = folder.rpartition("/")[0]
    beside, room = files.room(folder), files.room(layout.table)
    one = beside.total is not None and (beside.total, beside.total_names) == (room.total, room.total_names)
    return None if one or beside == room else beside
