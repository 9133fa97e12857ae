"""What is wrong with a mapping, with the key of the configuration that says it."""

from loader.basics.errors import ConfigError
from loader.config.document import KeyPath, nearest


class MappingError(ConfigError):
    """The mapping cannot be used. `path`: the setting below the table's, for example `("mapping", "title")`."""

    def __init__(self, message: str, hint: str = "", path: KeyPath = ("mapping",)) -> None:
        super().__init__(message, hint)
        self.path = path


def did_you_mean(word: str, words: list[str]) -> str:
    """A hint that names the nearest right word, or all of them."""
    near = nearest(word, words)
    return f"Did you mean {near}?" if near else f"Use one of: {', '.join(words)}."
