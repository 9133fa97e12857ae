"""Text that must be JSON."""

import json
import re

LEVELS = 500
"""Objects and arrays within each other. Python's parser ends at a depth that varies with its caller's, never below."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def json_text(text: str) -> str:
    """The text itself. ValueError if it is no JSON, or nested deeper than LEVELS."""
    if text.count("[") + text.count("{") > LEVELS and _deeper(text):
        raise ValueError(f"nested deeper than {LEVELS} levels")
    _DECODER.decode(text)
    return text


def _deeper(text: str) -> bool:
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > LEVELS:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False
