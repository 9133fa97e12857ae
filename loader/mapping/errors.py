"""What is wrong with a mapping, with the key of the configuration that says it."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from loader.basics.errors import ConfigError
from loader.config.document import KeyPath, nearest


class MappingError(ConfigError):
    """The mapping cannot be used. `path`: the setting below the table's, for example `("mapping", "title")`."""

    def __init__(self, message: str, hint: str = "", path: KeyPath = ("mapping",)) -> None:
        super().__init__(message, hint)
        self.path = path


def uneven_hint(columns: Sequence[str], entries: Sequence[str]) -> str:
    """Which columns or entries seem to be too many, told by their names, and how they meet as they stand."""
    names = [entry.rpartition(":")[2].lower() or entry for entry in entries]
    alike = SequenceMatcher(None, list(columns), names, autojunk=False).get_matching_blocks()
    met_columns = {block.a + step for block in alike for step in range(block.size)}
    met_entries = {block.b + step for block in alike for step in range(block.size)}
    alone = [name for place, name in enumerate(columns) if place not in met_columns and place > 0]
    spare = [entry for place, entry in enumerate(entries) if place not in met_entries and place > 0]
    few = len(columns) - len(entries)
    guess = ""
    if few > 0 and len(alone) == few:
        guess = f"Without an entry seems to be: {', '.join(alone)}. "
    elif few < 0 and len(spare) == -few:
        guess = f"Without a column seems to be: {', '.join(spare)}. "
    pairs = (f"{name} {entry}" for name, entry in zip_longest(columns, entries, fillvalue="?"))
    return f"{guess}They meet in order: {', '.join(pairs)}."


def did_you_mean(word: str, words: list[str]) -> str:
    """A hint that names the nearest right word, or all of them."""
    near = nearest(word, words)
    return f"Did you mean {near}?" if near else f"Use one of: {', '.join(words)}."
