"""The names that state objects have. Whatever else lies in a state folder is none of ours: ignored, and told of."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from loader.state.layout import Layout
from loader.state.objects import HEAD_BYTES, check_format
from loader.storage.files import Entry, Files, Unreadable, join

log = logging.getLogger(__name__)

_NUMBERED = r"([0-9]{10,})\.json"
_ATTEMPT = r"b[0-9]{10,}-[0-9]{13,}-[0-9A-Za-z_-]+"

NAMES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        folder: re.compile(pattern)
        for folder, pattern in {
            "log": r"([0-9]{10,})\.(intent|manifest|outcome)\.json",
            "checkpoints": _NUMBERED,
            "folded": _NUMBERED,
            "epochs": _NUMBERED,
            "evolutions": _NUMBERED,
            "positions": r"(?:n[0-9]{10,}-)?[0-9]{15,}\.json",
            "asked": r"[01]-([0-9]{15})-[0-9a-z]+-[0-9]{6}-([0-9]+)-([a-z]+)\.json",
            "reconciles": r"([0-9]{10,})\.(?:begun|done|wants|[0-9]{6}\.[0-9]{6})\.json",
            "definitions": r"(?:initial|[0-9a-f]{32})\.json",
            "debts": r"([0-9a-f]{16})(\.paid)?\.json",
            "sightings": r"[0-9]{15,}-[0-9]{15,}\.json",
            "condemned": r"[0-9]{15,}-[0-9A-Za-z_-]+\.json",
            "quarantine": _ATTEMPT + r"\.json",
            "changes": _ATTEMPT + r"\.arrow",
            "keys": _ATTEMPT + r"\.arrow",
            "index": r"(?:b[0-9]{10,}|bootstrap)-[0-9A-Za-z_-]+\.arrow",
        }.items()
    }
)
"""By the folder below the state folder that they lie in."""

OWN = frozenset({*NAMES, "claim.json", "reserve"})
"""What lies right in the state folder."""

NEWEST = 4
"""So many objects at the end of each folder are asked for their format: a newer program's come last."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds: `named` by its objects' names, and what is none of them."""

    named: Mapping[str, Entry]
    strays: tuple[str, ...]


def listed(files: Files, layout: Layout, kind: str) -> Found:
    """The folder `kind` of the state folder; nothing if there is none. What hides itself (`.x`) is nobody's object."""
    try:
        entries = [entry for entry in files.list(join(layout.state, kind)) if not entry.name.startswith(".")]
    except FileNotFoundError:
        return Found({}, ())
    pattern = NAMES[kind]
    named = {entry.name: entry for entry in entries if pattern.fullmatch(entry.name)}
    return Found(named, tuple(entry.name for entry in entries if entry.name not in named))


def names(files: Files, layout: Layout, kind: str) -> list[str]:
    """The names of the objects in one folder, sorted."""
    return sorted(listed(files, layout, kind).named)


def number_of(name: str) -> int:
    """Of a numbered object."""
    return int(name.partition(".")[0])


def strays(files: Files, layout: Layout) -> Iterator[str]:
    """Paths of everything in the state folder that no hotswap of this format has put there."""
    try:
        roots = [entry.name for entry in files.list(layout.state) if not entry.name.startswith(".")]
    except FileNotFoundError:
        return
    yield from (join(layout.state, name) for name in roots if name not in OWN)
    for kind in NAMES:
        yield from (join(layout.state, kind, name) for name in listed(files, layout, kind).strays)


def check_formats(files: Files, layout: Layout) -> None:
    """Before anything is written or deleted: raises NewerFormat if a newer hotswap has been here.

    Looks at how the newest objects of each folder begin, and all those whose names this program does not know.
    """
    for kind in NAMES:
        found = listed(files, layout, kind)
        for name in (*sorted(found.named)[-NEWEST:], *found.strays):
            _check_format(files, join(layout.state, kind, name))


def _check_format(files: Files, path: str) -> None:
    try:
        check_format(path, files.head(path, HEAD_BYTES))
    except (FileNotFoundError, Unreadable):  # it went meanwhile; whoever needs it says what it is
        return
