"""Tables that would lie in one place, by configuration: each location and each state folder is one table's alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from loader.storage.places import HOTSWAP_FOLDER, is_within, real_place

OWN_FOLDERS = ("versions", "temporary", "bootstrap", "doctor")
"""Of `_hotswap`: what lies there is deleted as a whole, sooner or later."""


class Placed(Protocol):
    """What a table's settings say of its places."""

    @property
    def location(self) -> str | None: ...
    @property
    def state(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where one table lies."""

    location: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Clash:
    """`key` of `table` is, holds or lies inside of a place of another one."""

    table: str
    key: str
    message: str


def clashes(tables: Mapping[str, Placed]) -> Iterator[Clash]:
    """Places that two tables share, or one of which holds the other; however they are written, and through links."""
    owners: dict[str, tuple[str, str, str]] = {}
    for place, table, key, written in _places(tables):
        if (found := owners.get(place)) and found[0] != table:
            yield Clash(table, key, f"{written} is the {found[1]} of {found[0]}, too")
        owners.setdefault(place, (table, key, written))
    for place, (table, key, written) in owners.items():
        for above in _above(place):
            if (found := owners.get(above)) and found[0] != table:
                yield Clash(table, key, f"{written} lies inside of the {found[1]} of {found[0]}, {found[2]}")


def state_problem(location: str, state: str) -> str | None:
    """What is wrong with a table's state folder below its own location."""
    outer, inner = real_place(location), real_place(state)
    if not is_within(inner, outer):
        return None
    below = inner.removeprefix(outer).lstrip("/").split("/")
    if not below[0].startswith(("_", ".")):
        return "lies inside the table's location, where readers would take it for data: put it elsewhere"
    if below[0] == HOTSWAP_FOLDER and len(below) > 1 and below[1] in OWN_FOLDERS:
        return (
            f"lies in a folder that is deleted as a whole: put it elsewhere, or leave it out ({HOTSWAP_FOLDER}/state)"
        )
    return None


def _places(tables: Mapping[str, Placed]) -> Iterator[tuple[str, str, str, str]]:
    """The real place, whose it is, and how it is written."""
    for name, table in tables.items():
        for key, written in (("location", table.location), ("state", table.state)):
            if written is not None:
                yield real_place(written), name, key, written


def _above(place: str) -> Iterator[str]:
    folder = place.rpartition("/")[0]
    while folder.partition("://")[2].partition("/")[2]:
        yield folder
        folder = folder.rpartition("/")[0]
