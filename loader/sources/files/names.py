"""What a file's name says of it, and names as the position and `:part` write them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from loader.sources.files.settings import HIDDEN, Complete
from loader.storage.files import Entry, Stamp


def text_of(name: str) -> str:
    """Text that no other name has: bytes that are no UTF-8 as `\\xNN`, a backslash doubled."""
    return name.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def label_of(path: str, stamp: Stamp) -> str:
    """Of one content: a name that is used again (`x.1` of a rotation) is another label."""
    return f"{path}#{stamp_digest(stamp, 4).hex()}"


def stamp_digest(stamp: Stamp, size: int) -> bytes:
    """So many bytes that tell one content of a file from others."""
    return blake2b(f"{stamp.size} {stamp.changed_ns} {stamp.node}".encode(), digest_size=size).digest()


@dataclass(frozen=True, slots=True)
class Named:
    """A file with bytes in it. `ready`: its name, and what lies beside it, say that it is complete."""

    name: str
    stamp: Stamp
    ready: bool

    @property
    def key(self) -> str:
        return text_of(self.name)


def files_of(entries: Iterable[Entry], rules: Complete) -> Iterator[Named]:
    """Those that are, or will be, data: not the hidden, not what only says that another is complete, none without a
    byte, of which nothing could be taken and which may be filled yet.
    """
    found = [entry for entry in entries if not entry.is_dir]
    names = {entry.name for entry in found}
    for entry in found:
        marks = rules.done is not None and entry.name.endswith(rules.done)
        if entry.name.startswith(HIDDEN) or marks or not entry.size or entry.stamp is None:
            continue
        yield Named(entry.name, entry.stamp, _ready(entry.name, names, rules))


def _ready(name: str, names: set[str], rules: Complete) -> bool:
    done = rules.done is None or name + rules.done in names
    success = rules.success is None or rules.success in names
    return done and success and not name.endswith(rules.in_use)
