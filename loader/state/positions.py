"""Position objects: where a source that has nothing new was read up to. Create-once; the newest few stay.

<state>/positions/n<batch>-<number>.json   format 2: the batch that it follows, and its sequence number
<state>/positions/<end>.json               format 1: named by what it says; read, and never written any more
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from loader.basics.errors import Damage
from loader.state.layout import Layout
from loader.storage.files import Files, join
from partitioner.history.manifest import FORMAT, checked
from partitioner.history.position import Order, Position, position_from, position_to

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
        names = sorted(name for name in self._names() if name[:1].isdigit())
        if names and (committed is None or committed.number == 0):
            found = self._read(names[-1])
            if committed is None or found.read_ms > committed.read_ms:
                yield found

    def next_number(self) -> int:
        """Larger than any that a position of this table has."""
        committed = self.committed()
        numbers = [number for (_, number), _ in self._objects()]
        return max([committed.number if committed else 0, *numbers]) + 1

    def store(self, position: Position, batch: int) -> None:
        """Remember a reading in which nothing changed; `batch` is the last committed one."""
        numbered = Position(
            position.source,
            position.since_ms,
            position.read_ms,
            position.low_ms,
            position.value,
            self.next_number(),
            batch,
        )
        older = sorted(self._names(), key=lambda name: (name.startswith("n"), name))
        path = join(self.layout.positions, name_of(numbered.order))
        content = {"format": FORMAT, **(position_to(numbered) or {})}
        try:
            self.files.create(path, json.dumps(content, separators=(",", ":")).encode())
        except FileExistsError:  # another loader was quicker: its reading is as good
            return
        for name in older[: 1 - KEPT]:
            self.files.delete_file(join(self.layout.positions, name))

    def _objects(self) -> list[tuple[Order, str]]:
        """Of format 2, newest first."""
        return sorted(((_order(name), name) for name in self._names() if name.startswith("n")), reverse=True)

    def _names(self) -> list[str]:
        try:
            return [entry.name for entry in self.files.list(self.layout.positions)]
        except FileNotFoundError:
            return []

    def _read(self, name: str) -> Position:
        path = join(self.layout.positions, name)
        try:
            found = position_from(checked(json.loads(self.files.read(path))))
        except (ValueError, TypeError, KeyError) as error:
            raise Damage(f"state object {path} is not readable: {error}", "Restore it from a backup.") from error
        if found is None:
            raise Damage(f"state object {path} is empty", "Restore it from a backup.")
        return found


def name_of(order: Order) -> str:
    return "n{:010d}-{:015d}.json".format(*order)


def _order(name: str) -> Order:
    batch, _, number = name.removeprefix("n").removesuffix(".json").partition("-")
    return int(batch), int(number)
