"""State objects as values: the one way in which anything of a state folder is read, and how it is created.

An object is a regular file of a known name, not larger than its kind can be, whose JSON fits the types of the class
that it is read as. Anything else is `Damage`, told with the file's name; one that a newer hotswap has written is
`NewerFormat`. So no reader of state objects waits for a pipe, runs out of memory or takes a path for a name.
"""

import json
import re
from collections.abc import Hashable, Iterable
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import StringConstraints, TypeAdapter, ValidationError

from loader.basics.errors import Damage, NewerFormat
from loader.storage.files import Files, Unreadable
from partitioner.history.manifest import FORMAT, KNOWN_NEEDS

SMALL = 1 << 20
"""Most bytes of an object that does not grow with the table."""
LARGE = 1 << 30
"""Most bytes of one that does: a million files take a third of it."""
HEAD_BYTES = 4096
"""So many bytes tell an object's format, which stands first in it; a small object is told whole."""
MOST_TOLD = 3

LocationText = Annotated[str, StringConstraints(pattern="^(?:[a-z][a-z0-9]*:)?/")]
HexText = Annotated[str, StringConstraints(pattern="^(?:[0-9a-f]{2})*$")]

T = TypeVar("T")

_FORMAT = re.compile(rb'"format"\s*:\s*([0-9]{1,9})')
"""A data file's own format is a word, and a quote inside of a text is escaped: a number stands for the object's."""

RESTORE = (
    "Stop the loader and put the object back from a backup of the state folder; docs/operate.md, Damage, says what else"
    " can be done."
)


def read_object(files: Files, path: str, kind: type[T], hint: str = RESTORE, most: int = SMALL) -> T:
    """The object in `path` as a `kind`. Raises FileNotFoundError, Damage, NewerFormat."""
    return parse_object(path, read_bytes(files, path, hint, most), kind, hint)


def parse_object(path: str, data: str | bytes, kind: type[T], hint: str = RESTORE) -> T:
    """`data`: what stands in `path`. Raises Damage, NewerFormat."""
    data = data.encode() if isinstance(data, str) else data
    check_format(path, data)
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_json(data, strict=True)
    except ValidationError as error:
        raise damaged(path, _told(error), hint) from None
    return value


def read_bytes(files: Files, path: str, hint: str = RESTORE, most: int = LARGE) -> bytes:
    """Of a regular file that is not too large. Raises FileNotFoundError, Damage."""
    size_of(files, path, hint, most)
    try:
        return files.read(path)
    except Unreadable as error:
        raise damaged(path, str(error.strerror), hint) from None


def size_of(files: Files, path: str, hint: str = RESTORE, most: int = LARGE) -> int:
    """Bytes of a regular file that is not too large. Raises FileNotFoundError, Damage."""
    try:
        size = files.size(path)
    except Unreadable as error:
        raise damaged(path, str(error.strerror), hint) from None
    if size > most:
        raise damaged(path, f"is {size:,} bytes long, and no such object is longer than {most:,}", hint)
    return size


def create_object(files: Files, path: str, plain: Any) -> bool:
    """Store JSON once, durably. False: the name is taken."""
    try:
        files.create(path, json.dumps(plain, separators=(",", ":")).encode())
    except FileExistsError:
        return False
    return True


def check_format(path: str, data: bytes) -> None:
    """`data`: the object, or how it begins. Raises NewerFormat."""
    if data.lstrip()[:1] != b"{":
        return
    found = max(map(int, _FORMAT.findall(data)), default=0)
    if found > FORMAT:
        raise NewerFormat(
            f"{path} was written by a newer hotswap: format {found}; this one knows up to {FORMAT}: upgrade",
            "Upgrade hotswap here. Nothing was written or deleted.",
        )


def check_needs(path: str, needs: Iterable[str]) -> None:
    """`needs`: what the object says that a reader must know. Raises NewerFormat."""
    if unknown := sorted(set(needs) - KNOWN_NEEDS):
        raise NewerFormat(
            f"{path} was written by a newer hotswap, and needs what this one does not know: upgrade"
            f" ({', '.join(unknown)})",
            "Upgrade hotswap here. Nothing was written or deleted.",
        )


def damaged(path: str, what: str, hint: str = RESTORE) -> Damage:
    """The error for an object that is there and cannot be used."""
    return Damage(f"state object {path} {what}", hint)


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def _told(error: ValidationError) -> str:
    """The first things that are wrong with it, without its content, which may be somebody's data."""
    problems = [_problem(item["loc"], item["msg"]) for item in error.errors(include_url=False, include_input=False)]
    more = f"; and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
    return f"is not readable: {'; '.join(problems[:MOST_TOLD])}{more}"


def _problem(place: tuple[int | str, ...], what: str) -> str:
    where = ".".join(map(str, place))
    return f"{where}: {what}" if where else what
