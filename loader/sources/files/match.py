"""Which of the files that stand there were taken already, under whatever name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loader.sources.files.names import Named
from loader.sources.files.taken import Mark, head_digest
from loader.storage.files import Stamp

Place = tuple[str, str]
"""A folder's key and a name in it, both as the position has them."""
Head = Callable[[Place, int], bytes | None]
"""The first bytes of a file; None: it is gone."""


@dataclass(slots=True)
class Match:
    """`taken`: what stands there and was taken, with its mark. `new`: what was not. `changed`: its name was taken, but
    the file that had it is not there any more, under no name.
    """

    taken: dict[Place, Mark] = field(default_factory=dict)
    new: list[Place] = field(default_factory=list)
    changed: list[Place] = field(default_factory=list)


def match(there: Mapping[Place, Named], marks: Mapping[Place, Mark], head: Head) -> Match:
    """A file that has a number was taken if any with that number, size and time was. One without, on HDFS say, if one
    with its size, time and first bytes was, that stands there no more, and for each such only one.
    """
    found = Match({place: marks[place] for place, file in there.items() if _same(marks.get(place), file)})
    by_stamp: dict[Stamp, list[Place]] = {}
    for place, mark in marks.items():
        if mark.stamp.node is not None or place not in found.taken:
            by_stamp.setdefault(mark.stamp, []).append(place)
    left = sorted(place for place in there if place not in found.taken)
    elsewhere: set[Place] = set()
    for place in left:
        was = _moved(place, by_stamp.get(there[place].stamp, []), marks, head)
        if was is not None:
            found.taken[place] = marks[was]
            elsewhere.add(was)
    for place in left:
        if place not in found.taken:
            (found.changed if place in marks and place not in elsewhere else found.new).append(place)
    return found


def _same(mark: Mark | None, file: Named) -> bool:
    return mark is not None and mark.stamp == file.stamp


def _moved(place: Place, was: list[Place], marks: Mapping[Place, Mark], head: Head) -> Place | None:
    for one in was:
        mark = marks[one]
        if mark.stamp.node is not None:
            return one
        start = head(place, mark.sample)
        if start is not None and head_digest(start) == mark.head:
            was.remove(one)
            return one
    return None


def grown(stamp: Stamp, start: bytes, marks: Mapping[int, Mark]) -> bool:
    """`marks`, by a file's number. It was taken, and got another name and more bytes. The number alone says little: a
    new file gets it once the old one is gone.
    """
    mark = None if stamp.node is None else marks.get(stamp.node)
    return mark is not None and mark.stamp.size <= stamp.size and head_digest(start[: mark.sample]) == mark.head
