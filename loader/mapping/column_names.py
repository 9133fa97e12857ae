"""Names that a column can have so that Hive, Spark and a metastore of any kind read it.

Hive parses the schema of a file from text, the column names in it unquoted; each of these characters in a Parquet
column's name fails its query or, with the comma, shows NULL. Names of HiveServer2's virtual columns hide the column.
Spark shows NULL for a backtick in an ORC column's name. All of it was tried on HiveServer2 4.0.1 and Spark
(tests/integration/test_column_names.py); a colon and a dot Hive refuses itself (HIVE-10120), which is why the loader's
own columns are named with a colon.
"""

import unicodedata

UNREADABLE = frozenset("(),.:;={}`")
"""Beside white space and control characters."""

VIRTUAL = frozenset(
    {
        *("row__id", "row__is__deleted", "input__file__name"),
        *("block__offset__inside__file", "row__offset__inside__block"),
    }
)
"""Hive's virtual columns of every table."""

LONGEST = 767
"""COLUMNS_V2.COLUMN_NAME, in characters."""
LONGEST_KEY = 128
"""PARTITION_KEYS.PKEY_NAME."""


def name_problem(name: str, longest: int = LONGEST) -> str | None:
    """Why no column can be called so, a sentence's end; None if one can. `name` is lower-case already."""
    if not name:
        return "is empty"
    if bad := [char for char in name if char in UNREADABLE or _unseen(char)]:
        return f"has {_spelled(bad[0])} in it, with which Hive or Spark cannot read the table"
    if name in VIRTUAL:
        return "is the name of one of Hive's virtual columns, which would hide it"
    if len(name) > longest:
        return f"has {len(name)} characters, and a metastore holds {longest}"
    return None


def _unseen(char: str) -> bool:
    """White space, control characters, and halves of a character."""
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cs")


def _spelled(char: str) -> str:
    return "white space" if char.isspace() else char if char.isprintable() else f"U+{ord(char):04X}"
