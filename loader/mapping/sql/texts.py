"""Functions of texts, by characters (code points), as Spark's UTF8String and ICU compute them.

A number, day or condition that a text is wanted for is spelled as Spark's cast spells it.
"""

import re
from collections.abc import Sequence

from loader.mapping.sql.casts import cast
from loader.mapping.sql.nodes import Node, Refused, Row, computed, literal, strict
from loader.mapping.sql.types import BOOLEAN, BOUNDS, INT, NULL, STRING


def text(what: str, part: Node) -> Node:
    """Raises Refused for what has no text of its own."""
    if part.type.name == "binary":
        raise Refused(f"{what} takes a text, not bytes", "Declare the column as string if its bytes are UTF-8.")
    return cast(part, STRING)


def concat(what: str, parts: Sequence[Node]) -> Node:
    """NULL if one is; all are evaluated."""
    functions = [text(what, part).of for part in parts]

    def of(row: Row) -> str | None:
        values = [function(row) for function in functions]
        return None if None in values else "".join(values)

    return computed(STRING, of, *parts)


def substring(part: Node, start: Node, length: Node | None) -> Node:
    """From character `start`: 1 and 0 are the first, -1 the last."""
    longest = literal(INT, BOUNDS["int"][1]) if length is None else length
    return strict(
        STRING, _cut, text("substring", part), _count("substring", start, "start"), _count("substring", longest)
    )


def left(part: Node, length: Node) -> Node:
    return strict(STRING, lambda value, count: value[: max(count, 0)], text("left", part), _count("left", length))


def right(part: Node, length: Node) -> Node:
    return strict(
        STRING, lambda value, count: value[-count:] if count > 0 else "", text("right", part), _count("right", length)
    )


def _cut(value: str, start: int, length: int) -> str:
    """`UTF8String.substringSQL`: what lies before the first character counts."""
    first = start - 1 if start > 0 else len(value) + start if start < 0 else 0
    until = min(first + length, BOUNDS["int"][1])
    return value[max(first, 0) : until] if until > 0 and until > first else ""


def _count(what: str, part: Node, name: str = "length") -> Node:
    if part.type.name in ("tinyint", "smallint", "int") or part.type == NULL:
        return cast(part, INT)
    raise Refused(f"{what}: the {name} must be a number of type int, not a {part.type}", "Cast it to int.")


def length(part: Node) -> Node:
    return strict(INT, len, text("length", part))


def upper(part: Node) -> Node:
    return strict(STRING, lambda value: value.translate(_TO_UPPER).upper(), text("upper", part))


def lower(part: Node) -> Node:
    return strict(STRING, lambda value: value.translate(_TO_LOWER).lower(), text("lower", part))


_NEWER = {
    **{0x0264: 0xA7CB, 0x019B: 0xA7DC, 0x1C8A: 0x1C89, 0xA7CD: 0xA7CC, 0xA7CF: 0xA7CE},
    **{0xA7D3: 0xA7D2, 0xA7D5: 0xA7D4, 0xA7DB: 0xA7DA},
    **{letter + 0x20: letter for letter in range(0x10D50, 0x10D66)},  # Garay
    **{letter + 0x1B: letter for letter in range(0x16EA0, 0x16EB9)},  # Beria Erfe
}
"""Small letters and their capitals of Unicode 15 to 17, which Spark 4 knows and an older Python does not."""
_TO_UPPER = _NEWER
_TO_LOWER = {capital: small for small, capital in _NEWER.items()}


def trim(part: Node, side: str) -> Node:
    """Of spaces, and of nothing else. `side`: BOTH, LEADING or TRAILING."""
    strip = {"BOTH": str.strip, "LEADING": str.lstrip, "TRAILING": str.rstrip}[side]
    return strict(STRING, lambda value: strip(value, " "), text("trim", part))


def replace(part: Node, search: Node, by: Node) -> Node:
    """An empty `search` is found nowhere."""
    return strict(
        STRING,
        lambda value, old, new: value.replace(old, new) if old else value,
        *(text("replace", each) for each in (part, search, by)),
    )


def like(part: Node, pattern: str) -> Node:
    """`%` is any text, `_` any character. Takes time in proportion to the text, whatever the pattern."""
    first, *rest = [_piece(piece) for piece in pattern.split("%")]
    if not rest:
        return strict(BOOLEAN, lambda value: first.fullmatch(value) is not None, text("like", part))
    *middle, last = rest
    width = len(pattern.rpartition("%")[2])

    def matches(value: str) -> bool:
        found = first.match(value)
        for piece in middle:
            found = found and piece.search(value, found.end())
        end = len(value) - width
        return found is not None and found.end() <= end and last.match(value, end) is not None

    return strict(BOOLEAN, matches, text("like", part))


def _piece(piece: str) -> re.Pattern[str]:
    return re.compile("".join("." if char == "_" else re.escape(char) for char in piece), re.DOTALL)
