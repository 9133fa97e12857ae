"""A YAML file as plain values that still know their lines, with `${NAME}` filled in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from loader.basics.errors import EXAMPLE, ConfigError

KeyPath = tuple[str | int, ...]

MOST_BY_ALIAS = 20_000
"""Values that a file's aliases (`*name`) stand for, all together; a table has some fifty."""
DEEPEST = 40

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = re.compile(r"(password|secret|secret\.key|session\.token)$", re.IGNORECASE)
"""Keys whose text must not be read by who may read the configuration: metastore.password, and Spark's of that kind."""


@dataclass(frozen=True, slots=True)
class Document:
    """`data` holds plain dicts, lists and scalars; `lines` the line (from 1) of each key and list item."""

    file: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    filled: Mapping[str, str] = field(default_factory=dict, repr=False)  # text from the environment → `${NAME}`

    def place(self, path: KeyPath) -> str:
        """`file:line`, of the nearest enclosing key where the path itself is not in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.file}:{self.lines[path[:length]]}"
        return f"{self.file}:1"

    def real(self, path: KeyPath) -> KeyPath:
        """`path` without the steps that are not in the file; its last step stays even where it is missing there."""
        kept: KeyPath = ()
        for step in path:
            if (*kept, step) in self.lines:
                kept = (*kept, step)
        return kept

    def concealed(self, text: str) -> str:
        """`text` with everything that came from the environment written as `${NAME}` again."""
        for value, name in self.filled.items():
            text = text.replace(value, name)
        return text


def read_document(path: str | Path, environment: Mapping[str, str] | None = None) -> Document:
    """Parse a YAML file. ConfigError names the line of whatever is wrong with it."""
    file = str(path)
    try:
        text = Path(path).read_text("utf-8")
        _check_size(text, file)
        tree = YAML(typ="rt").load(text)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration file {file}",
            f"Name one with --config or $HOTSWAP_CONFIG; {EXAMPLE} explains every setting.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    except YAMLError as error:
        raise ConfigError(f"{_place_of(error, file)}: not valid YAML: {_problem(error)}") from error
    except ValueError as error:  # a number or a date that Python cannot have
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{file}:1: expected the keys metastore, hbase and tables",
            f"See {EXAMPLE}.",
        )
    reader = _Reader(file, os.environ if environment is None else environment)
    return Document(file, reader.plain(tree, ()), reader.lines, reader.filled)


def _check_size(text: str, file: str) -> None:
    """Aliases let ten lines stand for billions of values: counts what they stand for, without making it."""
    count, by_alias, sizes, open_ = 0, 0, dict[str, int](), list[tuple[str, int]]()
    for event in YAML(typ="rt").parse(text):
        line, anchor = event.start_mark.line + 1, str(getattr(event, "anchor", None) or "")
        if isinstance(event, CollectionEndEvent):
            name, before = open_.pop()
            sizes |= {name: count - before} if name else {}
        elif isinstance(event, AliasEvent):
            if anchor in [name for name, _ in open_]:
                raise ConfigError(f"{file}:{line}: *{anchor} stands inside of what it stands for", "Write it out.")
            by_alias += sizes.get(anchor, 0)
            count += sizes.get(anchor, 0)
        elif isinstance(event, CollectionStartEvent):
            open_.append((anchor, count))
            count += 1
        elif isinstance(event, ScalarEvent):
            sizes |= {anchor: 1} if anchor else {}
            count += 1
        if by_alias > MOST_BY_ALIAS:
            raise ConfigError(f"{file}:{line}: its aliases stand for more than {MOST_BY_ALIAS:,} values", "Use fewer.")
        if len(open_) > DEEPEST:
            raise ConfigError(f"{file}:{line}: more than {DEEPEST} deep", "See conf/hotswap.example.yaml.")


def nearest(word: str, words: list[str]) -> str:
    """The word most like `word`, or an empty string."""
    return next(iter(get_close_matches(word, words, 1, 0.6)), "")


class _Reader:
    """Walks ruamel's tree once: plain values out, lines and fillings noted on the way."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self._file, self._environment = file, environment
        self.lines: dict[KeyPath, int] = {}
        self.filled: dict[str, str] = {}

    def plain(self, node: Any, path: KeyPath) -> Any:
        if isinstance(node, dict):
            return {self._key(node, key, path): self.plain(value, (*path, str(key))) for key, value in node.items()}
        if isinstance(node, list):
            return [self._item(node, index, path) for index in range(len(node))]
        if isinstance(node, str):
            return self._fill(str(node), path)
        if isinstance(node, bool) or node is None:
            return node
        return int(node) if isinstance(node, int) else str(node)  # `0.6` stays text: no setting is a bare fraction

    def _key(self, node: Any, key: Any, path: KeyPath) -> str:
        position = node.lc.data.get(key) if node.lc.data else None  # a key merged in by `<<` has no place here
        if position:
            self.lines[(*path, str(key))] = position[0] + 1
        else:
            self.lines[(*path, str(key))] = self.lines.get(path, 1)
        return str(key)

    def _item(self, node: Any, index: int, path: KeyPath) -> Any:
        position = node.lc.data.get(index) if node.lc.data else None
        self.lines[(*path, index)] = position[0] + 1 if position else self.lines.get(path, 1)
        return self.plain(node[index], (*path, index))

    def _fill(self, text: str, path: KeyPath) -> str:
        def value_of(match: re.Match[str]) -> str:
            value = self._environment.get(match[1])
            if value is None:
                place = f"{self._file}:{self.lines.get(path, 1)}: {dotted(path)}"
                raise ConfigError(f"{place}: the environment has no variable {match[1]}", f"Set {match[1]}.")
            if value:
                self.filled[value] = match[0]
            return value

        filled = _VARIABLE.sub(value_of, text)
        if text and filled == text and not text.startswith("file:") and _SECRET.search(str(path[-1])):
            place = f"{self._file}:{self.lines.get(path, 1)}: {dotted(path)}"
            raise ConfigError(
                f"{place}: a secret stands in the configuration itself",
                "Write ${NAME}, which takes it from the environment, or file:/path, from the first line of a file.",
            )
        return filled


def dotted(path: KeyPath) -> str:
    """A key path as people write it. A table's name has a dot of its own, which nobody mistakes."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _place_of(error: YAMLError, file: str) -> str:
    mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    return f"{file}:{mark.line + 1}" if mark else file


def _problem(error: YAMLError) -> str:
    problem = error.problem if isinstance(error, MarkedYAMLError) and error.problem else str(error)
    return " ".join(problem.partition(" with value ")[0].split())  # the value may be a secret
