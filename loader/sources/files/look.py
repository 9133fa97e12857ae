"""What stands in a folder and in those below it that are open, and what came into closed ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from loader.sources.files.names import Named, files_of, text_of
from loader.sources.files.settings import HIDDEN, Complete
from loader.sources.files.taken import Folder, Taken, fold
from loader.storage.files import Entry, Files, Stamp, join


@dataclass(frozen=True, slots=True)
class Seen:
    """An open folder. `path` and names as the storage has them, `key` as the position has it."""

    path: str
    key: str
    changed_ns: int
    files: tuple[Named, ...]
    below: tuple[str, ...]
    """Keys of the folders in it."""


@dataclass(slots=True)
class Look:
    """One walk. `seen`, in order; keys of closed folders that are still there; sentences about what came too late."""

    files: Files
    rules: Complete
    taken: Taken
    seen: list[Seen] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def walk(self, path: str, key: str, changed_ns: int) -> None:
        known = self.taken.folders.get(key, Folder())
        if known.closed_ns is not None:
            self.closed.add(key)
            if known.closed_ns != changed_ns and known.old.misses(fold(self._all(path))):
                self.told.append(late(path, known.old.files))
            return
        try:
            entries = self.files.list(path)
        except FileNotFoundError:
            return
        folders = [entry for entry in entries if entry.is_dir and not entry.name.startswith(HIDDEN)]
        below = [(join(key, text_of(one.name)) if key else text_of(one.name), one) for one in folders]
        self.seen.append(Seen(path, key, changed_ns, tuple(files_of(entries, self.rules)), tuple(k for k, _ in below)))
        for inner, entry in below:
            self._below(known, join(path, entry.name), inner, entry)

    def _below(self, known: Folder, path: str, key: str, entry: Entry) -> None:
        before, changed_ns = known.before, entry.stamp.changed_ns if entry.stamp else 0
        if before is None or key in self.taken.folders or text_of(entry.name) > before.name:
            self.walk(path, key, changed_ns)
            return
        self.closed.add(key)
        if changed_ns > before.changed_ns and any(self._all(path)):
            self.told.append(late(path, None))

    def _all(self, path: str) -> Iterator[tuple[str, Stamp]]:
        """Names and stamps of all complete files below it."""
        try:
            entries = self.files.list(path)
        except FileNotFoundError:
            return
        yield from ((file.name, file.stamp) for file in files_of(entries, self.rules) if file.ready)
        for entry in entries:
            if entry.is_dir and not entry.name.startswith(HIDDEN):
                yield from self._all(join(path, entry.name))


def late(path: str, taken: int | None) -> str:
    """About a folder, or the old files of one."""
    had = "was closed" if taken is None else f"was closed after {taken:,} files were taken"
    return (
        f"{path}: {had}, and has files that came later (or, where many were closed, lost some). They are not taken:"
        " move them into a new folder, with a new time of change, if they are to be."
    )
