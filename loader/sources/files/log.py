"""A folder that fills with files, as a log: each complete file once, in order of folder and name."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from loader.basics.errors import SourceError
from loader.sources.api import LeftOut, LogGap, Part, Stretch
from loader.sources.files.look import Look, Seen, late
from loader.sources.files.match import Place, grown, match
from loader.sources.files.names import Named, label_of
from loader.sources.files.part import FilePart, read_part
from loader.sources.files.sample import SAMPLE, estimate, first_line
from loader.sources.files.settings import FilesSource
from loader.sources.files.taken import Folder, Mark, Taken, fold, head_digest, taken_from, taken_to, with_few_closed
from loader.storage.files import Files, Stamp, Unreadable, join
from partitioner.history.position import Position
from partitioner.values import canonical_location

Milliseconds = Callable[[], int]
MS = 1_000_000


def system_ms() -> int:
    return time.time_ns() // MS


@dataclass(slots=True)
class _Poll:
    """One look at everything, and what came of it."""

    now_ms: int
    taken: Taken
    seen: list[Seen]
    closed: set[str]
    there: dict[Place, Named]
    """Files that are not among the old ones of their folder."""
    marks: dict[Place, Mark]
    paths: dict[str, str]
    still: set[str]
    """Keys of folders to whose old files nothing was added."""

    def path(self, place: Place) -> str:
        return join(self.paths[place[0]], self.there[place].name)


class FilesLog:
    """Implements `Log` and `LeavesOut`. Pickles, for `read` in another process, if its clock does."""

    def __init__(self, files: Files, source: FilesSource, now_ms: Milliseconds = system_ms) -> None:
        self._files, self._source, self._now_ms = files, source, now_ms
        self._folder = canonical_location(source.folder)
        self._bad: dict[str, tuple[Stamp, str]] = {}
        self._since: dict[str, tuple[Stamp, int]] = {}
        self._told: list[str] = []

    @property
    def name(self) -> str:
        return f"files:{self._folder}"

    def told(self) -> tuple[str, ...]:
        return tuple(self._told)

    def leave_out(self, error: LeftOut) -> None:
        if error.bad and isinstance(error.part, FilePart):
            self._bad[error.part.path] = (error.part.stamp, error.message)

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        assert isinstance(part, FilePart)
        try:
            yield from read_part(self._files, part, self._source.lines)
        except LeftOut as error:
            self.leave_out(error)
            raise

    def close(self) -> None:
        """Nothing is open between calls."""

    def poll(self, since: Position | None, most: int) -> Stretch | None:
        """LogGap: a file was taken and is another now. A file may bring the events beyond `most` if it is the first."""
        taken = Taken() if since is None or since.value is None else taken_from(since.value)
        poll = self._look(taken)
        found = match(poll.there, poll.marks, lambda place, size: self._start(poll.path(place), size))
        if found.changed:
            raise _changed(poll, found.changed)
        waiting = {poll.path(place) for place in found.new}
        self._since = {path: seen for path, seen in self._since.items() if path in waiting}
        ready = [place for place in self._in_order(poll, found.new) if self._complete(poll, place)]
        chosen, header, more = self._choose(poll, ready, most)
        if not chosen:
            return None
        marks = found.taken | {place: mark for place, (mark, _) in chosen.items()}
        gone = {place: mark for place, mark in poll.marks.items() if place not in poll.there and place not in marks}
        folded = self._fold(poll, marks, gone, [place for place in found.new if place not in chosen])
        read_ms = since.read_ms if since else 0
        value = taken_to(Taken(folded, header))
        low_ms = min((poll.there[p].stamp.changed_ns // MS for p in ready if p not in chosen), default=poll.now_ms)
        parts = tuple(part for _, part in chosen.values())
        position = Position(self.name, read_ms, poll.now_ms, min(low_ms, poll.now_ms), value)
        return Stretch(position, parts, sum(part.events for part in parts), more)

    # ---- looking

    def _look(self, taken: Taken) -> _Poll:
        look = Look(self._files, self._source.complete, taken)
        try:
            root = self._files.stamp(self._folder)
        except FileNotFoundError:
            raise SourceError(f"{self._folder}: there is no such folder", "Make it, or correct the source.") from None
        look.walk(self._folder, "", root.changed_ns)
        self._told = look.told
        there: dict[Place, Named] = {}
        still: set[str] = set()
        for seen in look.seen:
            if self._sort(seen, taken.folders.get(seen.key, Folder()), there):
                still.add(seen.key)
        marks = {(key, name): mark for key, one in taken.folders.items() for name, mark in one.files.items()}
        paths = {seen.key: seen.path for seen in look.seen}
        return _Poll(self._now_ms(), taken, look.seen, look.closed, there, marks, paths, still)

    def _sort(self, seen: Seen, known: Folder, there: dict[Place, Named]) -> bool:
        """Adds what is not old to `there`. False: something came among the old ones; it is told."""
        old = [file for file in seen.files if _is_old(file, known)]
        there |= {(seen.key, file.key): file for file in seen.files if not _is_old(file, known)}
        ready = fold((file.name, file.stamp) for file in old if file.ready)
        if known.old.misses(ready):
            self._told.append(late(seen.path, known.old.files))
            return False
        return True

    def _in_order(self, poll: _Poll, new: list[Place]) -> list[Place]:
        return sorted(new, key=lambda place: (poll.paths[place[0]].split("/"), poll.there[place].name))

    # ---- choosing

    def _complete(self, poll: _Poll, place: Place) -> bool:
        """Named as complete, seen quiet for long enough, and not known to be bad."""
        file, path = poll.there[place], poll.path(place)
        first, since = self._since.get(path, (file.stamp, poll.now_ms))
        if first != file.stamp or since > poll.now_ms:
            since = poll.now_ms
        self._since[path] = (file.stamp, since)
        bad = self._bad.get(path)
        if bad is not None and bad[0] == file.stamp:
            self._told.append(bad[1])
            return False
        if not file.ready and file.stamp.changed_ns <= self._closing(poll):
            self._told.append(f"{path}: is not complete, and has not changed for long. It is waited for")
        return file.ready and poll.now_ms - since >= self._source.complete.quiet_ms

    def _choose(
        self, poll: _Poll, ready: list[Place], most: int
    ) -> tuple[dict[Place, tuple[Mark, FilePart]], bytes | None, bool]:
        """The first of `ready`, with what is taken of them; the header; whether more are left."""
        header, events = poll.taken.header, 0
        chosen: dict[Place, tuple[Mark, FilePart]] = {}
        nodes = {mark.stamp.node: mark for mark in poll.marks.values() if mark.stamp.node is not None}
        for place in ready:
            path, stamp = poll.path(place), poll.there[place].stamp
            start = self._start(path, SAMPLE)
            if start is None:
                continue
            if grown(stamp, start, nodes):
                raise _changed(poll, [place])
            about = estimate(path, start, stamp.size)
            if chosen and events + about > most:
                return chosen, header, True
            if self._source.lines.header:
                line = first_line(path, start)
                if line is None or (header is not None and line != header):
                    self._told.append(f"{path}: does not begin with the header of the other files. It is not taken")
                    continue
                header = line
            label = label_of(join(place[0], place[1]) if place[0] else place[1], stamp)
            part = FilePart(path, label, stamp, about, header if self._source.lines.header else None)
            chosen[place] = (Mark(stamp, head_digest(start), len(start)), part)
            events += about
        return chosen, header, False

    def _start(self, path: str, size: int) -> bytes | None:
        try:
            return self._files.head(path, size)
        except FileNotFoundError:
            return None
        except (Unreadable, PermissionError) as error:
            self._told.append(f"{path}: {error.strerror}. It is not taken")
            return None

    # ---- remembering

    def _closing(self, poll: _Poll) -> int:
        return (poll.now_ms - self._source.closed_ms) * MS

    def _fold(
        self, poll: _Poll, marks: Mapping[Place, Mark], gone: Mapping[Place, Mark], waiting: list[Place]
    ) -> dict[str, Folder]:
        """What is remembered of each folder from now on."""
        old = self._closing(poll)
        folders = {key: one for key, one in poll.taken.folders.items() if key in poll.closed}
        in_folder: dict[str, dict[str, Mark]] = {}
        for (key, name), mark in (*marks.items(), *gone.items()):
            in_folder.setdefault(key, {})[name] = mark
        gone_from: dict[str, set[str]] = {}
        for key, name in gone:
            gone_from.setdefault(key, set()).add(name)
        pinned: dict[str, int] = {}
        for place in waiting:
            file = poll.there[place]
            if not file.name.endswith(self._source.complete.in_use) or file.stamp.changed_ns > old:
                pinned[place[0]] = min(pinned.get(place[0], file.stamp.changed_ns), file.stamp.changed_ns)
        listed = {seen.key: seen for seen in poll.seen}
        for key, files in in_folder.items():
            if key not in listed and (kept := {n: m for n, m in files.items() if m.stamp.changed_ns > old}):
                folders[key] = Folder(files=kept)
        for seen in sorted(poll.seen, key=lambda one: -one.path.count("/")):
            files = in_folder.get(seen.key, {})
            floor = min(old, pinned.get(seen.key, old + 1) - 1)
            one = self._folder_of(poll, seen, files, floor, gone_from.get(seen.key, set()))
            self._keep(poll, seen, one, seen.key in pinned, folders)
        return with_few_closed(folders)

    def _folder_of(self, poll: _Poll, seen: Seen, files: Mapping[str, Mark], floor: int, gone: set[str]) -> Folder:
        known = poll.taken.folders.get(seen.key, Folder())
        floor = max(known.floor_ns, floor)
        kept = {name: mark for name, mark in files.items() if mark.stamp.changed_ns > floor}
        ageing = fold((n, m.stamp) for n, m in files.items() if n not in kept and n not in gone)
        was = known.old
        if seen.key in poll.still:
            was = fold((file.name, file.stamp) for file in seen.files if _is_old(file, known) and file.ready)
        return replace(known, floor_ns=floor, old=was + ageing, files=kept)

    def _keep(self, poll: _Poll, seen: Seen, one: Folder, pinned: bool, folders: dict[str, Folder]) -> None:
        """Closed with all that is in it, or as it is, or, if nothing is known of it, not at all."""
        if seen.key in folders:  # `before` was put there by one of its folders
            one = replace(one, before=folders[seen.key].before)
        below = [folders.get(key) for key in seen.below]
        shut = all(inner is not None and inner.closed_ns is not None for inner in below)
        total = sum((inner.old for inner in below if inner), one.old)
        late_ones = seen.key not in poll.still or one.before is not None
        quiet = seen.changed_ns <= self._closing(poll) and not one.files and not pinned and not late_ones
        if seen.key and shut and quiet and total.files:
            for key in [key for key in folders if key.startswith(seen.key + "/")]:
                del folders[key]
            folders[seen.key] = Folder(one.floor_ns, total, closed_ns=seen.changed_ns)
        elif one.old.files or one.files or one.before:
            folders[seen.key] = one


def _is_old(file: Named, known: Folder) -> bool:
    return file.stamp.changed_ns <= known.floor_ns and file.key not in known.files


def _changed(poll: _Poll, places: list[Place]) -> LogGap:
    path, now = poll.path(places[0]), poll.there[places[0]].stamp
    further = f", and {len(places) - 1:,} more" if len(places) > 1 else ""
    return LogGap(
        f"{path}{further}: was taken, and is another or longer file now ({now.size:,} bytes)",
        "Nothing was published. Move it out of the folder; or, if all that is in it now is to be taken, copy it there"
        " under a new name and remove this one.",
    )
