"""What has decided the rows of a table, told by name: one create-once object for each definition it ever had.

    <state>/definitions/initial.json    what `init`, or the first run of a program that knows definitions, found
    <state>/definitions/<digest>.json   every definition, with its readable parts and what it followed

Manifests name a definition by its digest only. Which one the table has now the newest committed manifest says.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from loader.state.objects import create_object, read_object
from loader.state.open_table import Environment
from loader.storage.files import join
from partitioner.history.manifest import FORMAT, Definition
from partitioner.history.table_state import TableState

INITIAL = "initial"
NOTHING = "nothing"
FIRST_DECODER = 1
"""What decoded the rows of tables that never said which decoder did."""


@dataclass(frozen=True, slots=True)
class Described:
    """A definition with what it consists of: name → text, for people. `follows`: the digest that it may follow."""

    digest: str
    decoder: int
    parts: Mapping[str, str]
    follows: str = ""
    format: int = FORMAT

    @property
    def definition(self) -> Definition:
        return Definition(self.digest, self.decoder)


def current(env: Environment) -> Definition | None:
    """Of the rows that are live, or what the table was made for; None: of a table of before that has not said yet."""
    return definition_of(env, env.state.latest().state)


def definition_of(env: Environment, state: TableState) -> Definition | None:
    """Of the rows that were live in that state of the table, as `current`."""
    if state.definition is not None:
        return state.definition
    first = _read(env, INITIAL)
    return first.definition if first else None


def decoder_of(env: Environment, newest: int) -> int:
    """The decoder that the table's rows are read by. `newest`: for a table that has no row yet."""
    found = current(env)
    if found is not None:
        return found.decoder
    return FIRST_DECODER if env.state.latest().state.batch else newest


def parts_of(env: Environment, digest: str) -> Mapping[str, str] | None:
    """The readable parts of a definition; None: nobody stored them."""
    found = _read(env, digest)
    return found.parts if found else None


def may_follow(env: Environment, digest: str, after: Definition) -> bool:
    """Whether evolutions, one or more, have led from one definition to the other."""
    seen = set[str]()
    while digest and digest not in seen:
        seen.add(digest)
        found = _read(env, digest)
        digest = found.follows if found else ""
        if digest == after.digest:
            return True
    return False


def changes(before: Mapping[str, str] | None, wanted: Mapping[str, str]) -> list[str]:
    """Each part of a definition that is not as it was, in words."""
    if before is None:
        return ["how it was is not on record"]
    names = [name for name in {**before, **wanted} if before.get(name) != wanted.get(name)]
    return [f"{name}: {before.get(name) or NOTHING} → {wanted.get(name) or NOTHING}" for name in names]


def store(env: Environment, described: Described, initial: bool = False) -> None:
    """Remember a definition; `initial`: as the table's first, if it has none. Twice is harmless."""
    for name in (described.digest, *([INITIAL] if initial else ())):
        if not env.files.exists(_path(env, name)):
            create_object(env.files, _path(env, name), {"format": FORMAT, **asdict(described)})


def _read(env: Environment, name: str) -> Described | None:
    with suppress(FileNotFoundError):
        return read_object(env.files, _path(env, name), Described)
    return None


def _path(env: Environment, name: str) -> str:
    return join(env.layout.definitions, f"{name}.json")
