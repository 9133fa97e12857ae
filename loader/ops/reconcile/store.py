"""What a comparison keeps in the state folder, create-once: that it began, each piece that is done, how it ended."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from loader.basics.errors import Damage
from loader.ops.reconcile.values import Begun, Done, Drift, Kind, Piece, Range
from loader.state.layout import Layout
from loader.storage.files import Files, join


class Store:
    """Comparisons are numbered: N.

    `N.begun.json`, `N.RRRRRR.PPPPPP.json` (piece P of range R), `N.wants.json` (a yes), `N.done.json`.
    """

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files, self._folder = files, layout.reconciles

    def unfinished(self) -> Begun | None:
        """The newest comparison, if it has not ended."""
        names = self._names()
        begun = sorted(name for name in names if name.endswith(".begun.json"))
        if not begun or begun[-1].replace(".begun.", ".done.") in names:
            return None
        return _begun(self._read(begun[-1]))

    def last(self) -> Done | None:
        """The newest one that has ended."""
        done = sorted(name for name in self._names() if name.endswith(".done.json"))
        if not done:
            return None
        plain = self._read(done[-1])
        return Done(**{**plain, "asks": tuple(plain["asks"]), "columns": tuple(plain["columns"])})

    def begin(self, begun_ms: int, digest: str, ranges: tuple[Range, ...]) -> Begun:
        numbers = [int(name.partition(".")[0]) for name in self._names()]
        number = max(numbers, default=0) + 1
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
        return piece if self._create(name, plain) else _piece_of(self._read(name))

    def pieces(self, begun: Begun, at: int) -> Iterator[Piece]:
        """What is stored of range `at`, in order."""
        names, number = self._names(), 0
        while (name := self._piece(begun, at, number)) in names:
            yield _piece_of(self._read(name))
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
        return int(self._read(name)["deletes"]) if name in self._names() else None

    def finish(self, done: Done) -> None:
        """Store the end, and delete the pieces of this one and of all before it."""
        plain = {**asdict(done)}
        self._create(f"{done.number:010d}.done.json", plain)
        for name in self._names():
            if int(name.partition(".")[0]) < done.number or _is_part_of(name, done):
                with suppress(FileNotFoundError):
                    self._files.delete_file(join(self._folder, name))

    def _piece(self, begun: Begun, at: int, number: int) -> str:
        return f"{begun.number:010d}.{at:06d}.{number:06d}.json"

    def _names(self) -> frozenset[str]:
        try:
            return frozenset(entry.name for entry in self._files.list(self._folder) if entry.name[:1].isdigit())
        except FileNotFoundError:
            return frozenset()

    def _read(self, name: str) -> dict[str, Any]:
        path = join(self._folder, name)
        try:
            plain: dict[str, Any] = json.loads(self._files.read(path))
        except ValueError as error:
            raise Damage(
                f"state object {path} is not readable: {error}", "Delete it: the comparison begins anew."
            ) from error
        return plain

    def _create(self, name: str, plain: dict[str, Any]) -> bool:
        try:
            self._files.create(join(self._folder, name), json.dumps(plain, separators=(",", ":")).encode())
        except FileExistsError:
            return False
        return True


def _is_part_of(name: str, done: Done) -> bool:
    return _is_piece_of(name, done) or name == f"{done.number:010d}.wants.json"


def _is_piece_of(name: str, comparison: Begun | Done) -> bool:
    number, _, rest = name.partition(".")
    return int(number) == comparison.number and rest[:1].isdigit()


def _begun(plain: dict[str, Any]) -> Begun:
    ranges = tuple(Range(bytes.fromhex(start), bytes.fromhex(stop)) for start, stop in plain["ranges"])
    return Begun(plain["number"], plain["begun_ms"], plain["digest"], ranges)


def _piece_of(plain: dict[str, Any]) -> Piece:
    upto = plain["upto"]
    return Piece(
        None if upto is None else bytes.fromhex(upto),
        plain["read_ms"],
        plain["hbase_rows"],
        plain["hive_rows"],
        plain["rejected"],
        _drifts(plain["drift"]),
        _drifts(plain["open"]),
    )


def _drifts(plain: list[list[str]]) -> tuple[Drift, ...]:
    return tuple(Drift(bytes.fromhex(key), Kind(kind), partition) for key, kind, partition in plain)
