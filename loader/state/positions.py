"""Position objects: where a source that has nothing new was read up to. Create-once; the newest few stay.

<state>/positions/n<batch>-<number>.json   format 2: the batch that it follows, and its sequence number
<state>/positions/<end>.json               format 1: named by what it says; read, and never written any more
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from loader.state.deleting import delete_object
from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import LARGE, create_object, read_object
from loader.storage.files import Files, join
from partitioner.history.manifest import FORMAT
from partitioner.history.position import Order, Position, Span, position_to

KEPT = 8
"""Position objects that stay: one that proves to be wrong leaves an earlier one to go on from."""
LISTED_AGAIN = 3
"""So often the objects are listed again that another loader replaced meanwhile."""

Usable = Callable[[Position], bool]


def any_position(position: Position) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Positions:
    """Of one table: its objects, between the position of the last committed manifest and those before it.

    `committed`: that of the newest committed manifest. `past`: of the whole history, newest first; costs reading it.
    """

    files: Files
    layout: Layout
    committed: Callable[[], Position | None]
    past: Callable[[], Iterable[Position]]

    def newest(self, usable: Usable = any_position) -> Position | None:
        """The newest position that is `usable`; None: the table was never loaded, or there is none to go on from."""
        for _ in range(LISTED_AGAIN):
            with suppress(FileNotFoundError):
                return self._newest(usable)
        return self._newest(usable)

    def _newest(self, usable: Usable) -> Position | None:
        return next((position for position in self._all() if usable(position)), None)

    def _all(self) -> Iterator[Position]:
        """Newest first. An object of format 1 counts for what it says, until format 2 has written anything."""
        committed, objects = self.committed(), self._objects()
        newer = [name for order, name in objects if committed is None or order > committed.order]
        yield from map(self._read, newer)
        yield from self._of_format_1(committed)
        if committed is not None:
            yield committed
        yield from (self._read(name) for _, name in objects[len(newer) :])
        yield from self.past()

    def _of_format_1(self, committed: Position | None) -> Iterator[Position]:
        names = [name for name in self._names() if not name.startswith("n")]
        if names and (committed is None or committed.number == 0):
            found = self._read(names[-1])
            if committed is None or found.read_ms > committed.read_ms:
                yield found

    def next_number(self, committed: Position | None) -> int:
        """Larger than any that a position of this table has. `committed`: that of the newest committed manifest."""
        numbers = [number for (_, number), _ in self._objects()]
        return max([committed.number if committed else 0, *numbers]) + 1

    def store(self, position: Position, batch: int, committed: Position | None) -> None:
        """Remember a reading in which nothing changed; `batch` is the last committed one."""
        numbered = replace(position, number=self.next_number(committed), batch=batch)
        older = sorted(self._names(), key=lambda name: (name.startswith("n"), name))
        content = {"format": FORMAT, **(position_to(numbered) or {})}
        if not create_object(self.files, self._path(name_of(numbered.order)), content):
            return  # another loader was quicker: its reading is as good
        for name in older[: 1 - KEPT]:
            delete_object(self.files, self.layout, self._path(name))

    def _objects(self) -> list[tuple[Order, str]]:
        """Of format 2, newest first."""
        return sorted(((_order(name), name) for name in self._names() if name.startswith("n")), reverse=True)

    def _names(self) -> list[str]:
        return names(self.files, self.layout, "positions")

    def _path(self, name: str) -> str:
        return join(self.layout.positions, name)

    def _read(self, name: str) -> Position:
        found: Position | Span = read_object(self.files, self._path(name), _STORED, _MOVE_AWAY, LARGE)
        return found.position() if isinstance(found, Span) else found


_STORED: Any = Position | Span
_MOVE_AWAY = "Stop the loader and move it out of the state folder: the next window begins at the position before it."


def name_of(order: Order) -> str:
    return "n{:010d}-{:015d}.json".format(*order)


def _order(name: str) -> Order:
    batch, _, number = name.removeprefix("n").removesuffix(".json").partition("-")
    return int(batch), int(number)
