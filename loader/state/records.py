"""State objects: create-once JSON below the state folder. None is ever rewritten."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from loader.basics.errors import Conflict, Damage
from loader.state.layout import Layout
from loader.state.positions import Positions, Usable, any_position
from loader.state.rereads import still_there
from loader.storage.choose import files_of
from loader.storage.files import Files, join
from partitioner.history.checkpoint import Checkpoint, checkpoint_from, checkpoint_to
from partitioner.history.folding import folded_attempt
from partitioner.history.manifest import (
    Ending,
    Intent,
    Manifest,
    Verdict,
    ending_from,
    intent_from,
    manifest_from,
    to_plain,
)
from partitioner.history.position import Position
from partitioner.history.table_state import Attempt, TableState, after, fold, unsettled


@dataclass(frozen=True, slots=True)
class Records:
    """All attempts in order, and what the committed ones add up to."""

    attempts: tuple[Attempt, ...]
    state: TableState

    @property
    def unsettled(self) -> tuple[Attempt, ...]:
        return unsettled(self.attempts)

    @property
    def next_batch(self) -> int:
        return self.attempts[-1].intent.batch + 1 if self.attempts else 1

    def attempt(self, batch: int) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.intent.batch == batch), None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a table stands. `attempts`: only those after the newest checkpoint.

    `quarantined`: keys (hex) that were in quarantine at that checkpoint.
    """

    attempts: tuple[Attempt, ...]
    state: TableState
    committed_ms: int | None
    quarantined: tuple[str, ...]


FOLDED_MEANWHILE = 3
"""So often history is read again that was folded while it was being read."""

NOTHING = Checkpoint(0, None, TableState(), ())


class State:
    """The state folder of one table. Settled attempts are read once and remembered: none of them changes again."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files, self._layout = files, layout
        self._settled: list[Attempt] = []
        self._state = TableState()
        self._positions = Positions(files, layout, lambda: self.latest().state.position, self._past_positions)

    def records(self) -> Records:
        """Read what is new since the last call."""
        for _ in range(FOLDED_MEANWHILE):
            try:
                return self._records()
            except FileNotFoundError:  # folded while it was being read
                self._take_folded(self._last)
        return self._records()

    def _records(self) -> Records:
        tail: list[Attempt] = []
        for attempt in self._unread():
            if attempt.ending is not None and not tail:
                self._remember(attempt)
            else:
                tail.append(attempt)
        state = self._state
        for attempt in tail:
            if attempt.committed and attempt.manifest:
                state = after(state, attempt.manifest)
        return Records((*self._settled, *tail), state)

    def latest(self) -> Standing:
        """How things stand, by the newest checkpoint and what came after it: does not grow with the history."""
        for _ in range(FOLDED_MEANWHILE):
            with suppress(FileNotFoundError):
                return self._latest()
        return self._latest()

    def _latest(self) -> Standing:
        folders = (self._layout.folded, self._layout.checkpoints)
        found = {_number(name): join(folder, name) for folder in folders for name in self._numbered(folder)}
        start = checkpoint_from(self._read(found[max(found)])) if found else NOTHING
        tail = tuple(self._after(start.attempt_batch, self._names(self._layout.log)))
        state, committed = start.state, start.committed_ms
        for attempt in tail:
            if attempt.committed and attempt.manifest and attempt.ending:
                state, committed = after(state, attempt.manifest), attempt.ending.concluded_ms
        return Standing(tail, state, committed, start.quarantined)

    def settled_since_checkpoint(self) -> int:
        """Settled attempts, without a gap, that no checkpoint has folded yet."""
        names = self._numbered(self._layout.checkpoints)
        folded = int(names[-1].partition(".")[0]) if names else 0
        self.records()
        return sum(attempt.intent.batch > folded for attempt in self._settled)

    def store_checkpoint(self, quarantined: Sequence[str]) -> None:
        """Fold everything that is settled. Older checkpoints go; the history stays."""
        last = self._settled[-1].intent.batch
        times = [attempt.ending.concluded_ms for attempt in self._settled if attempt.committed and attempt.ending]
        older = self._numbered(self._layout.checkpoints)
        answered = still_there(self._files, self._layout, self._state.answered)
        state = replace(self._state, answered=answered)
        folded = Checkpoint(last, times[-1] if times else None, state, tuple(quarantined))
        if self._create(self._layout.checkpoint(last), checkpoint_to(folded)):
            for name in older:
                self._files.delete_file(join(self._layout.checkpoints, name))

    def _remember(self, attempt: Attempt) -> None:
        self._settled.append(attempt)
        if attempt.committed:
            if attempt.manifest is None:
                raise Damage(
                    f"batch {attempt.intent.batch} is recorded as committed, but its manifest is missing",
                    f"Restore {self._layout.manifest(attempt.intent.batch)} from a backup of the state folder.",
                )
            self._state = after(self._state, attempt.manifest)

    def fold(self, last: Attempt, quarantined: Mapping[str, Mapping[str, Any]]) -> int:
        """Store all history up to `last` as one object, then delete what it is made of. How many attempts went.

        Under the table's lock. A crash in between leaves attempts that nobody reads; the next fold deletes them.
        """
        number, committed = last.intent.batch, last.ending.concluded_ms if last.ending else 0
        older = self._numbered(self._layout.folded)
        state = fold(self._settled, up_to=number)
        plain = checkpoint_to(Checkpoint(number, committed, state, tuple(sorted(quarantined))))
        more = {"attempt": last.intent.attempt, "rows": dict(quarantined)}
        self._create(self._layout.folded_to(number), plain | more)
        for name in older:
            if int(name.partition(".")[0]) < number:
                self._files.delete_file(join(self._layout.folded, name))
        self._settled, self._state = [], TableState()
        return self.sweep()

    def sweep(self) -> int:
        """Delete the attempts that are folded. How many there were."""
        plain = self._newest(self._layout.folded)
        last = plain["attempt_batch"] if plain else 0
        names = sorted(name for name in self._names(self._layout.log) if name[:1].isdigit() and _number(name) <= last)
        for name in names:
            self._files.delete_file(join(self._layout.log, name))
        return len({_number(name) for name in names})

    def _unread(self) -> Iterator[Attempt]:
        """Attempts that are not remembered yet, in order of their numbers."""
        names = self._names(self._layout.log)
        last = self._last
        unread = [number for number in _numbers(names) if number > last]
        if unread != list(range(last + 1, last + 1 + len(unread))):
            self._take_folded(last)
        return self._after(self._last, names)

    @property
    def _last(self) -> int:
        return self._settled[-1].intent.batch if self._settled else 0

    def _take_folded(self, last: int) -> None:
        """The log does not go on where this reader left it: it may have been folded meanwhile."""
        plain = self._newest(self._layout.folded)
        if plain is None or plain["attempt_batch"] <= last:
            return
        found = checkpoint_from(plain)
        self._settled = [
            folded_attempt(found.attempt_batch, plain["attempt"], found.committed_ms or 0, found.state, plain["rows"])
        ]
        self._state = found.state

    def _after(self, last: int, names: frozenset[str]) -> Iterator[Attempt]:
        """Attempts with numbers above `last`, in order. `names`: of the log's objects."""
        for batch in _numbers(names):
            if batch > last:
                yield self._attempt(batch, names)

    def _attempt(self, batch: int, names: frozenset[str]) -> Attempt:
        manifest = self._optional(self._layout.manifest(batch), names)
        ending = self._optional(self._layout.outcome(batch), names)
        return Attempt(
            intent_from(self._read(self._layout.intent(batch))),
            manifest_from(manifest) if manifest else None,
            ending_from(ending) if ending else None,
        )

    def _optional(self, path: str, names: frozenset[str]) -> dict[str, Any] | None:
        return self._read(path) if path.rpartition("/")[2] in names else None

    def _names(self, folder: str) -> frozenset[str]:
        try:
            return frozenset(entry.name for entry in self._files.list(folder))
        except FileNotFoundError:
            return frozenset()

    def _numbered(self, folder: str) -> list[str]:
        """Names that begin with a number, in its order."""
        return sorted(name for name in self._names(folder) if name[:1].isdigit())

    def _newest(self, folder: str) -> dict[str, Any] | None:
        """The object with the highest number. A writer deletes older ones once a newer is there: then look again."""
        while names := self._numbered(folder):
            with suppress(FileNotFoundError):
                return self._read(join(folder, names[-1]))
        return None

    def _read(self, path: str) -> dict[str, Any]:
        try:
            plain: dict[str, Any] = json.loads(self._files.read(path))
        except ValueError as error:
            raise Damage(f"state object {path} is not readable: {error}", "Restore it from a backup.") from error
        return plain

    def claim_batch(self, intent: Intent) -> bool:
        """Claim the batch number by creating the intent; False if another loader has it."""
        return self._create(self._layout.intent(intent.batch), to_plain(intent))

    def record(self, manifest: Manifest) -> None:
        if not self._create(self._layout.manifest(manifest.batch), to_plain(manifest)):
            raise Conflict(f"batch {manifest.batch} has a manifest already", "Run `hotswap recover`.")

    def conclude(self, batch: int, ending: Ending) -> Ending:
        """Store the outcome, or return the one that somebody stored before."""
        path = self._layout.outcome(batch)
        return ending if self._create(path, to_plain(ending)) else ending_from(self._read(path))

    def ending(self, batch: int) -> Ending | None:
        path = self._layout.outcome(batch)
        return ending_from(self._read(path)) if self._files.exists(path) else None

    def claim_epoch(self, run: str) -> int:
        """The next fence number; never given twice."""
        names = self._names(self._layout.epochs)
        number = max((int(name.partition(".")[0]) for name in names if name[:1].isdigit()), default=0) + 1
        while not self._create(self._layout.epoch(number), {"run": run}):
            number += 1
        return number

    def store_position(self, position: Position) -> None:
        """Remember a reading in which nothing changed."""
        self._positions.store(position, self.latest().state.batch)

    def position(self, usable: Usable = any_position) -> Position | None:
        """Where the source goes on from: the newest position, of a batch or of a quiet reading, that is `usable`."""
        return self._positions.newest(usable)

    def next_position_number(self) -> int:
        """Larger than any that a position of this table has."""
        return self._positions.next_number()

    def _past_positions(self) -> Iterator[Position]:
        for attempt in reversed(self.records().attempts):
            if attempt.committed and attempt.manifest and attempt.manifest.position:
                yield attempt.manifest.position

    def _create(self, path: str, plain: dict[str, Any]) -> bool:
        try:
            self._files.create(path, json.dumps(plain, separators=(",", ":")).encode())
        except FileExistsError:
            return False
        return True


def _numbers(names: Iterable[str]) -> list[int]:
    return sorted({_number(name) for name in names if name[:1].isdigit()})


def _number(name: str) -> int:
    """Of a numbered object, by its name."""
    return int(name.partition(".")[0])


def position_of(state: str, usable: Usable = any_position) -> Position | None:
    """The newest usable position of the state folder `state`: where the next window starts."""
    return State(files_of(state), Layout(table="", state=state)).position(usable)


def committed_ms(attempt: Attempt) -> int | None:
    return attempt.ending.concluded_ms if attempt.ending and attempt.ending.verdict is Verdict.COMMITTED else None
