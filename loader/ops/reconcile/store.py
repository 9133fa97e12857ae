"""What a comparison keeps in the state folder, create-once: that it began, each piece that is done, how it ended."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from loader.ops.reconcile.values import Begun, Done, Drift, DriftKind, Piece, Range
from loader.state.deleting import delete_object
from loader.state.layout import Layout
from loader.state.names import names, number_of
from loader.state.objects import LARGE, HexText, create_object, read_object
from loader.storage.files import Files, join

T = TypeVar("T")

_BEGIN_ANEW = "Move it out of the state folder: the comparison begins anew."


@dataclass(frozen=True, slots=True)
class _Begun:
    number: int
    begun_ms: int
    digest: str
    ranges: tuple[tuple[HexText, HexText], ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    upto: HexText | None
    read_ms: int
    hbase_rows: int
    hive_rows: int
    rejected: int
    drift: tuple[tuple[HexText, DriftKind, str], ...]
    open: tuple[tuple[HexText, DriftKind, str], ...]


@dataclass(frozen=True, slots=True)
class _Wants:
    deletes: int


class Store:
    """Comparisons are numbered: N.

    `N.begun.json`, `N.RRRRRR.PPPPPP.json` (piece P of range R), `N.wants.json` (a yes), `N.done.json`.
    """

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files, self._layout = files, layout

    def unfinished(self) -> Begun | None:
        """The newest comparison, if it has not ended."""
        names = self._names()
        begun = sorted(name for name in names if name.endswith(".begun.json"))
        if not begun or begun[-1].replace(".begun.", ".done.") in names:
            return None
        return _begun(self._read(begun[-1], _Begun))

    def last(self) -> Done | None:
        """The newest one that has ended."""
        done = sorted(name for name in self._names() if name.endswith(".done.json"))
        if not done:
            return None
        return self._read(done[-1], Done)

    def begin(self, begun_ms: int, digest: str, ranges: tuple[Range, ...]) -> Begun:
        number = max(map(number_of, self._names()), default=0) + 1
        while True:
            begun = Begun(number, begun_ms, digest, ranges)
            plain = {**asdict(begun), "ranges": [[one.start.hex(), one.stop.hex()] for one in ranges]}
            if self._create(f"{number:010d}.begun.json", plain):
                return begun
            number += 1

    def put(self, begun: Begun, at: int, number: int, piece: Piece) -> Piece:
        """The piece as stored; if another process has stored it already, theirs."""
        plain = {
            **asdict(piece),
            "upto": None if piece.upto is None else piece.upto.hex(),
            "drift": [[drift.key.hex(), drift.kind.value, drift.partition] for drift in piece.drift],
            "open": [[drift.key.hex(), drift.kind.value, drift.partition] for drift in piece.open],
        }
        name = self._piece(begun, at, number)
        return piece if self._create(name, plain) else _piece_of(self._read(name, _Piece))

    def pieces(self, begun: Begun, at: int) -> Iterator[Piece]:
        """What is stored of range `at`, in order."""
        names, number = self._names(), 0
        while (name := self._piece(begun, at, number)) in names:
            yield _piece_of(self._read(name, _Piece))
            number += 1

    def reached(self, begun: Begun) -> int:
        """How many ranges lie behind the last stored piece; the one that it is in may be done, too."""
        places = [int(name.split(".")[1]) for name in self._names() if _is_piece_of(name, begun)]
        return max(places, default=0)

    def wait_for_a_yes(self, begun: Begun, deletes: int) -> None:
        """The repair would delete so many rows, and nobody has agreed to it yet."""
        self._create(f"{begun.number:010d}.wants.json", {"deletes": deletes})

    def unconfirmed(self, begun: Begun) -> int | None:
        """How many deletes want a yes; None: none, or the comparison is not that far."""
        name = f"{begun.number:010d}.wants.json"
        return self._read(name, _Wants).deletes if name in self._names() else None

    def finish(self, done: Done) -> None:
        """Store the end, and delete the pieces of this one and of all before it."""
        plain = {**asdict(done)}
        self._create(f"{done.number:010d}.done.json", plain)
        for name in self._names():
            if number_of(name) < done.number or _is_part_of(name, done):
                with suppress(FileNotFoundError):
                    delete_object(self._files, self._layout, self._path(name))

    def _piece(self, begun: Begun, at: int, number: int) -> str:
        return f"{begun.number:010d}.{at:06d}.{number:06d}.json"

    def _names(self) -> frozenset[str]:
        return frozenset(names(self._files, self._layout, "reconciles"))

    def _path(self, name: str) -> str:
        return join(self._layout.reconciles, name)

    def _read(self, name: str, kind: type[T]) -> T:
        return read_object(self._files, self._path(name), kind, _BEGIN_ANEW, LARGE)

    def _create(self, name: str, plain: dict[str, Any]) -> bool:
        return create_object(self._files, self._path(name), plain)


def _is_part_of(name: str, done: Done) -> bool:
    return _is_piece_of(name, done) or name == f"{done.number:010d}.wants.json"


def _is_piece_of(name: str, comparison: Begun | Done) -> bool:
    number, _, rest = name.partition(".")
    return int(number) == comparison.number and rest[:1].isdigit()


def _begun(stored: _Begun) -> Begun:
    ranges = tuple(Range(bytes.fromhex(start), bytes.fromhex(stop)) for start, stop in stored.ranges)
    return Begun(stored.number, stored.begun_ms, stored.digest, ranges)


def _piece_of(stored: _Piece) -> Piece:
    upto = stored.upto
    return Piece(
        None if upto is None else bytes.fromhex(upto),
        stored.read_ms,
        stored.hbase_rows,
        stored.hive_rows,
        stored.rejected,
        _drifts(stored.drift),
        _drifts(stored.open),
    )


def _drifts(stored: tuple[tuple[str, DriftKind, str], ...]) -> tuple[Drift, ...]:
    return tuple(Drift(bytes.fromhex(key), kind, partition) for key, kind, partition in stored)
