"""State objects: create-once JSON below the state folder. None is ever rewritten."""

import errno
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from loader.basics.errors import Conflict
from loader.state.deleting import delete_object
from loader.state.layout import Layout
from loader.state.names import listed, number_of
from loader.state.objects import LARGE, RESTORE, SMALL, check_needs, create_object, damaged, read_object
from loader.state.positions import Positions, Usable, any_position
from loader.state.rereads import still_there
from loader.storage.choose import files_of
from loader.storage.files import Files, join
from partitioner.history.checkpoint import Checkpoint, StoredCheckpoint, StoredHistory, checkpoint_from, checkpoint_to
from partitioner.history.folding import folded_attempt
from partitioner.history.manifest import (
    Ending,
    Intent,
    Manifest,
    StoredManifest,
    Verdict,
    manifest_from,
    to_plain,
)
from partitioner.history.position import Position
from partitioner.history.table_state import Attempt, TableState, after, fold, unsettled

log = logging.getLogger(__name__)

T = TypeVar("T")
Stored = TypeVar("Stored", bound=StoredCheckpoint)

_LOG_COUNTS = "Stop the loader and move it out of the state folder: the log tells all that it does."
_HINTS = {
    "checkpoints": _LOG_COUNTS,
    "folded": RESTORE,
}


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
        self._strays: set[str] = set()

    def records(self) -> Records:
        """Read what is new since the last call."""
        for _ in range(FOLDED_MEANWHILE):
            try:
                return self._records()
            except FileNotFoundError:  # folded while it was being read
                self._take_folded(self._last)
        with _told_missing(self._layout.folded):
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
        with _told_missing(self._layout.folded):
            return self._latest()

    def _latest(self) -> Standing:
        found = {number_of(name): (kind, name) for kind in ("folded", "checkpoints") for name in self._names(kind)}
        start = checkpoint_from(self._checkpoint(*found[max(found)], StoredCheckpoint)) if found else NOTHING
        tail = tuple(self._after(start.attempt_batch, frozenset(self._names("log"))))
        state, committed = start.state, start.committed_ms
        for attempt in tail:
            if attempt.committed and attempt.manifest and attempt.ending:
                state, committed = after(state, attempt.manifest), attempt.ending.concluded_ms
        return Standing(tail, state, committed, start.quarantined)

    def settled_since_checkpoint(self) -> int:
        """Settled attempts, without a gap, that no checkpoint has folded yet."""
        stored = self._names("checkpoints")
        folded = number_of(stored[-1]) if stored else 0
        self.records()
        return sum(attempt.intent.batch > folded for attempt in self._settled)

    def store_checkpoint(self, quarantined: Sequence[str]) -> None:
        """Fold everything that is settled. Older checkpoints go; the history stays."""
        last = self._settled[-1].intent.batch
        times = [attempt.ending.concluded_ms for attempt in self._settled if attempt.committed and attempt.ending]
        older = self._names("checkpoints")
        answered = still_there(self._files, self._layout, self._state.answered)
        state = replace(self._state, answered=answered)
        folded = Checkpoint(last, times[-1] if times else None, state, tuple(quarantined))
        if create_object(self._files, self._layout.checkpoint(last), checkpoint_to(folded)):
            for name in older:
                self._delete("checkpoints", name)

    def _remember(self, attempt: Attempt) -> None:
        self._settled.append(attempt)
        if attempt.committed:
            if attempt.manifest is None:
                path = self._layout.manifest(attempt.intent.batch)
                raise damaged(path, f"is missing, and batch {attempt.intent.batch} is recorded as committed")
            self._state = after(self._state, attempt.manifest)

    def fold(self, last: Attempt, quarantined: Mapping[str, Mapping[str, Any]]) -> int:
        """Store all history up to `last` as one object, then delete what it is made of. How many attempts went.

        Under the table's lock. A crash in between leaves attempts that nobody reads; the next fold deletes them.
        """
        number, committed = last.intent.batch, last.ending.concluded_ms if last.ending else 0
        older = self._names("folded")
        state = fold(self._settled, up_to=number)
        plain = checkpoint_to(Checkpoint(number, committed, state, tuple(sorted(quarantined))))
        more = {"attempt": last.intent.attempt, "rows": dict(quarantined)}
        create_object(self._files, self._layout.folded_to(number), plain | more)
        for name in older:
            if number_of(name) < number:
                self._delete("folded", name)
        self._settled, self._state = [], TableState()
        return self.sweep()

    def sweep(self) -> int:
        """Delete the attempts that are folded. How many there were."""
        stored = self._folded()
        last = stored.attempt_batch if stored else 0
        gone = [name for name in self._names("log") if number_of(name) <= last]
        for name in gone:
            self._delete("log", name)
        return len({number_of(name) for name in gone})

    def _unread(self) -> Iterator[Attempt]:
        """Attempts that are not remembered yet, in order of their numbers."""
        names = frozenset(self._names("log"))
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
        stored = self._folded()
        if stored is None or stored.attempt_batch <= last:
            return
        found = checkpoint_from(stored)
        number, when = found.attempt_batch, found.committed_ms or 0
        rows = {key: row.plain() for key, row in stored.rows.items()}
        self._settled = [folded_attempt(number, stored.attempt, when, found.state, rows)]
        self._state = found.state

    def _after(self, last: int, names: frozenset[str]) -> Iterator[Attempt]:
        """Attempts with numbers above `last`, in order, without a gap. `names`: of the log's objects."""
        for batch in _numbers(names):
            if batch > last + 1:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._layout.intent(last + 1))
            if batch > last:
                yield self._attempt(batch, names)
                last = batch

    def _attempt(self, batch: int, names: frozenset[str]) -> Attempt:
        manifest = self._optional(self._layout.manifest(batch), StoredManifest, names, LARGE)
        ending = self._optional(self._layout.outcome(batch), Ending, names)
        check_needs(self._layout.manifest(batch), manifest.needs if manifest else ())
        path = self._layout.intent(batch)
        intent = read_object(self._files, path, Intent)
        if intent.batch != batch:
            raise damaged(path, f"is that of batch {intent.batch}")
        self._check_same(intent, self._layout.manifest(batch), manifest)
        self._check_same(intent, self._layout.outcome(batch), ending)
        return Attempt(intent, manifest_from(manifest) if manifest else None, ending)

    def _check_same(self, intent: Intent, path: str, part: Manifest | Ending | None) -> None:
        if part is not None and part.attempt != intent.attempt:
            raise damaged(path, f"is that of attempt {part.attempt}, not of {intent.attempt}")

    def _optional(self, path: str, kind: type[T], names: frozenset[str], most: int = SMALL) -> T | None:
        return read_object(self._files, path, kind, RESTORE, most) if path.rpartition("/")[2] in names else None

    def _names(self, kind: str) -> list[str]:
        """Of the objects in one folder, sorted; strays are told of once."""
        found = listed(self._files, self._layout, kind)
        for name in found.strays:
            self._tell_of(join(self._layout.state, kind, name))
        return sorted(found.named)

    def _tell_of(self, stray: str) -> None:
        if stray not in self._strays:
            self._strays.add(stray)
            log.warning("%s is no state object of hotswap, and is ignored: move it out of the state folder", stray)

    def _folded(self) -> StoredHistory | None:
        """The newest folded history. A writer deletes older ones once a newer is there: then look again."""
        while found := self._names("folded"):
            with suppress(FileNotFoundError):
                return self._checkpoint("folded", found[-1], StoredHistory)
        return None

    def _checkpoint(self, kind: str, name: str, stored_as: type[Stored]) -> Stored:
        path = join(self._layout.state, kind, name)
        stored = read_object(self._files, path, stored_as, _HINTS[kind], LARGE)
        if stored.attempt_batch != number_of(name):
            raise damaged(path, f"is that of batch {stored.attempt_batch}", _HINTS[kind])
        return stored

    def _delete(self, kind: str, name: str) -> None:
        delete_object(self._files, self._layout, join(self._layout.state, kind, name))

    def claim_batch(self, intent: Intent) -> bool:
        """Claim the batch number by creating the intent; False if another loader has it."""
        return create_object(self._files, self._layout.intent(intent.batch), to_plain(intent))

    def record(self, manifest: Manifest) -> None:
        if not create_object(self._files, self._layout.manifest(manifest.batch), to_plain(manifest)):
            raise Conflict(f"batch {manifest.batch} has a manifest already", "Run `hotswap recover`.")

    def conclude(self, batch: int, ending: Ending) -> Ending:
        """Store the outcome, or return the one that somebody stored before."""
        path = self._layout.outcome(batch)
        return ending if create_object(self._files, path, to_plain(ending)) else read_object(self._files, path, Ending)

    def ending(self, batch: int) -> Ending | None:
        path = self._layout.outcome(batch)
        return read_object(self._files, path, Ending) if self._files.exists(path) else None

    def claim_epoch(self, run: str) -> int:
        """The next fence number; never given twice."""
        number = max(map(number_of, self._names("epochs")), default=0) + 1
        while not create_object(self._files, self._layout.epoch(number), {"run": run}):
            number += 1
        return number

    def store_position(self, position: Position) -> None:
        """Remember a reading in which nothing changed."""
        state = self.latest().state
        self._positions.store(position, state.batch, state.position)

    def position(self, usable: Usable = any_position) -> Position | None:
        """Where the source goes on from: the newest position, of a batch or of a quiet reading, that is `usable`."""
        return self._positions.newest(usable)

    def next_position_number(self) -> int:
        """Larger than any that a position of this table has."""
        return self._positions.next_number(self.records().state.position)

    def _past_positions(self) -> Iterator[Position]:
        for attempt in reversed(self.records().attempts):
            if attempt.committed and attempt.manifest and attempt.manifest.position:
                yield attempt.manifest.position


@contextmanager
def _told_missing(folded: str) -> Iterator[None]:
    """An object that is not there, however often the folder is read again, is missing."""
    try:
        yield
    except FileNotFoundError as error:
        what = f"is missing, and no history that was folded into {folded} stands for it"
        raise damaged(str(error.filename), what) from error


def _numbers(names: Iterable[str]) -> list[int]:
    return sorted(set(map(number_of, names)))


def position_of(state: str, usable: Usable = any_position) -> Position | None:
    """The newest usable position of the state folder `state`: where the next window starts."""
    return State(files_of(state), Layout(table="", state=state)).position(usable)


def committed_ms(attempt: Attempt) -> int | None:
    return attempt.ending.concluded_ms if attempt.ending and attempt.ending.verdict is Verdict.COMMITTED else None
