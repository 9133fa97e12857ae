"""Keys that somebody asked the next batch to read again: never images, so that nothing newer is overwritten.

Each ask is a create-once object whose name tells what it is. It is open until a *committed* manifest names it as
answered: a key that was asked for is never lost, and a batch that is replayed answers nothing twice. Reconcile,
`quarantine retry`, adopt and bootstrap ask; a batch takes the oldest, urgent ones first.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from loader.state.deleting import delete_object
from loader.state.layout import Layout
from loader.state.names import NAMES, names
from loader.state.objects import LARGE, HexText, create_object, read_object
from loader.storage.files import Files, join

if TYPE_CHECKING:  # `status` counts what is open without pyarrow
    import pyarrow as pa

KEYS_AN_ASK = 10_000
KEYS_A_BATCH = 50_000
"""What one batch takes besides the dirty keys of its window; the rest waits for the next ones."""

_ASK_ANEW = (
    "Stop the loader and move it out of the state folder; then run `hotswap reconcile TABLE --repair`: its keys are not"
    " known any more."
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An ask as it is stored; its keys in hex."""

    reason: str
    confirmed: bool
    keys: tuple[HexText, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """One object as its name tells it."""

    name: str
    reason: str
    keys: int
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and why. `reason`: one lower-case word. `confirmed`: a person has agreed to the deletes among them.

    `clock` in ms; `run` is the id of the loader run or command: letters and digits.
    """

    reason: str
    run: str
    clock: Callable[[], int]
    urgent: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The keys of some asks (binary, unique); of those in `confirmed` deletes need no confirmation any more."""

    keys: "pa.Array"
    confirmed: "pa.Array"


def ask(files: Files, layout: Layout, keys: Iterable[bytes], asker: Asker) -> tuple[str, ...]:
    """Store the keys durably; the names of the new asks. Asking twice costs work and changes nothing."""
    return tuple(_store(files, layout, piece, asker) for piece in _pieces(keys))


def open_asks(files: Files, layout: Layout, answered: Collection[str]) -> tuple[Ask, ...]:
    """What waits, in the order in which it is taken. `answered`: names in committed manifests."""
    return tuple(_parsed(name) for name in names(files, layout, "asked") if name not in answered)


def of_one_batch(asks: Sequence[Ask], most: int = KEYS_A_BATCH) -> tuple[Ask, ...]:
    """The asks that the next batch takes: at least one, and no more than `most` keys beyond it."""
    taken: list[Ask] = []
    for found in asks:
        if taken and sum(known.keys for known in taken) + found.keys > most:
            break
        taken.append(found)
    return tuple(taken)


def load(files: Files, layout: Layout, asks: Iterable[Ask]) -> Asked:
    """Raises Damage for an object that cannot be read."""
    import pyarrow as pa  # noqa: PLC0415

    keys: set[bytes] = set()
    confirmed: set[bytes] = set()
    for found in asks:
        stored = read_object(files, join(layout.asked, found.name), Stored, _ASK_ANEW, LARGE)
        these = {bytes.fromhex(key) for key in stored.keys}
        keys |= these
        confirmed |= these if stored.confirmed else set()
    return Asked(pa.array(sorted(keys), pa.binary()), pa.array(sorted(confirmed), pa.binary()))


def forget(files: Files, layout: Layout, answered: Collection[str]) -> None:
    """Delete what committed manifests have answered. Under the table's lock; a crash in between costs nothing."""
    for name in frozenset(names(files, layout, "asked")).intersection(answered):
        delete_object(files, layout, join(layout.asked, name))


def still_there(files: Files, layout: Layout, answered: Collection[str]) -> tuple[str, ...]:
    """The answered names that have to be remembered: a name is never used again once its object is gone."""
    return tuple(sorted(frozenset(names(files, layout, "asked")).intersection(answered)))


def _pieces(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while piece := list(islice(rest, KEYS_AN_ASK)):
        yield piece


def _store(files: Files, layout: Layout, keys: Sequence[bytes], asker: Asker) -> str:
    now = asker.clock()
    plain = {"reason": asker.reason, "confirmed": asker.confirmed, "keys": [key.hex() for key in keys]}
    piece = 0
    while True:
        name = f"{int(not asker.urgent)}-{now:015d}-{asker.run}-{piece:06d}-{len(keys)}-{asker.reason}.json"
        if create_object(files, join(layout.asked, name), plain):
            return name
        piece += 1


def _parsed(name: str) -> Ask:
    match = NAMES["asked"].fullmatch(name)
    assert match is not None  # the listing has left out what is not
    return Ask(name, match[3], int(match[2]), int(match[1]))
