"""Where a cell is not decoded as Hive's HBase handler decodes it: each difference with its reason.

docs/sources.md shows this table; tests/integration/test_hive_decoding.py holds it against Hive's own classes, which
must differ there, and nowhere else. What Hive shows as NULL and we name with a reason is none.
"""

import re
from dataclasses import dataclass
from enum import Enum

HIVE_2, HIVE_4 = "2.3.10", "4.0.1"
BOTH = (HIVE_2, HIVE_4)


class Side(Enum):
    """Who has a value: Hive alone, we alone, or both, but not the same."""

    HIVE = "Hive"
    OURS = "ours"
    OTHER = "both"


@dataclass(frozen=True, slots=True)
class Difference:
    """`cells`: pattern of the cells concerned. `example`: one of them; `hive` and `here` say what becomes of it."""

    kinds: tuple[str, ...]
    versions: tuple[str, ...]
    side: Side
    cells: bytes
    what: str
    example: bytes
    hive: str
    here: str
    why: str
    binary: bool = False

    def concerns(self, kind: str, binary: bool, version: str, side: Side, cell: bytes) -> bool:
        alike = kind.partition("(")[0] in self.kinds and version in self.versions
        return alike and (binary, side) == (self.binary, self.side) and bool(re.fullmatch(self.cells, cell, re.DOTALL))

    def row(self) -> str:
        """A line of the table in docs/sources.md."""
        kinds = ", ".join(self.kinds) + (" with `#b`" if self.binary else "")
        versions = "" if self.versions == BOTH else f" ({', '.join(self.versions)})"
        return f"| {kinds} | {self.what} | {self.hive}{versions} | {self.here} | {self.why} |"


TEXTS = ("string", "varchar", "char")
FLOATS = ("float", "double")
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")
BLANK = rb"[\x00-\x20]*"
DAY = rb"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"

DIFFERENCES = (
    Difference(
        FLOATS,
        BOTH,
        Side.HIVE,
        BLANK + rb"[+-]?0[xX].*",
        "`0x1p3`, Java's hexadecimal form",
        b"0x1p3",
        "8.0",
        "quarantine",
        "what looks like it is a key, or a mistake",
    ),
    Difference(
        FLOATS,
        BOTH,
        Side.OURS,
        rb"NaN[\x00-\x20]",
        "`NaN` and one blank",
        b"NaN ",
        "NULL, but not of two blanks, nor of one before it",
        "NaN",
        "blanks around a number mean nothing",
    ),
    Difference(
        ("decimal",),
        BOTH,
        Side.OTHER,
        rb".*[0-9]{38,}.*",
        "more than 38 digits, as in `0.00499…9`",
        b"0.0049999999999999999999999999999999999999999999",
        "0.01 for a scale of 2",
        "0.00",
        "Hive rounds to 38 digits and then to the scale, so twice",
    ),
    Difference(
        ("decimal",),
        BOTH,
        Side.OURS,
        rb".*[0-9.]{39,}[eE].*",
        "more than 38 digits and an exponent",
        b"1" * 40 + b"e-38",
        "NULL",
        "its value, rounded",
        "it is a number that the type holds",
    ),
    Difference(
        ("decimal",),
        (HIVE_2,),
        Side.OURS,
        rb"[ \t\v\f].*|.*[ \t\v\f]|[+-]?\.[0-9]+[eE].*",
        "blanks around it; `.5e1`",
        b" 5 ",
        "NULL",
        "its value",
        "as Hive 4",
    ),
    Difference(
        ("decimal",),
        (HIVE_4,),
        Side.HIVE,
        rb".*[0-9.][eE][+-]?[ \t\v\f]+",
        "an `e` without an exponent, and a blank: `1e `",
        b"1e ",
        "1; NULL without the blank",
        "quarantine",
        "it is no number",
    ),
    Difference(
        ("date", "timestamp"),
        (HIVE_4,),
        Side.HIVE,
        BLANK + rb"([0-9]{1,3}-|0000-|[+-]|[0-9]{5,}-).*",
        "years of fewer or more than four digits, negative ones, and 0000",
        b"26-02-28",
        "the year 26",
        "quarantine",
        "a short year is a mistake, and not the first century; beyond 1 to 9999 readers disagree",
    ),
    Difference(
        ("date",),
        (HIVE_4,),
        Side.HIVE,
        BLANK + rb"(?!0000)" + DAY + rb".+",
        "a date and, right behind it, anything but a time of day: `2026-02-28x`, `2026-02-2x8`",
        b"2026-02-28x",
        "2026-02-28, and for the other 2026-02-02",
        "quarantine",
        "Hive ignores what it cannot read; half of a date is another date",
    ),
    Difference(
        ("date", "timestamp"),
        (HIVE_2,),
        Side.HIVE,
        rb".*",
        "days and times that there are not: `2026-02-30`, `25:00:00`; odd years",
        b"2026-02-30",
        "2026-03-02: it counts on",
        "quarantine",
        "as Hive 4",
    ),
    Difference(
        ("date",),
        (HIVE_2,),
        Side.OURS,
        BLANK + DAY + rb"([ T][0-9:.]*Z?)?" + BLANK,
        "blanks around a date, or a time of day behind it",
        b"2026-02-28 10:11:12",
        "NULL",
        "the date",
        "as Hive 4",
    ),
    Difference(
        ("date", "timestamp"),
        (HIVE_2,),
        Side.OTHER,
        rb".*1582-10-.*",
        "5 to 14 October 1582",
        b"1582-10-10",
        "ten days later: in its calendar they do not exist",
        "as written",
        "as Hive 4",
    ),
    Difference(
        ("timestamp",),
        BOTH,
        Side.OURS,
        BLANK + DAY + BLANK,
        "a date without a time of day",
        b"2026-02-28",
        "NULL",
        "its midnight",
        "so does Hive's own CAST, and nothing is lost",
    ),
    Difference(
        ("timestamp",),
        (HIVE_2,),
        Side.OURS,
        BLANK + DAY + rb"[Tt].*",
        "a `T` between date and time",
        b"2026-02-28T10:11:12",
        "NULL",
        "the time",
        "as Hive 4",
    ),
    Difference(
        ("timestamp",),
        BOTH,
        Side.OTHER,
        rb".*\.[0-9]{7,9}" + BLANK,
        "7 to 9 digits of a second",
        b"2026-02-28 10:11:12.123456789",
        "nanoseconds",
        "microseconds, the rest cut off",
        "a table's timestamps are microseconds, as Spark's are, which cuts off Hive's as well",
    ),
    Difference(
        TEXTS,
        BOTH,
        Side.HIVE,
        rb".*[\x80-\xff].*",
        "bytes that are no UTF-8",
        b"\xff\xfe",
        "`�` for each",
        "quarantine",
        "the bytes would be lost; map them as `binary`",
    ),
    Difference(
        NUMBERS,
        BOTH,
        Side.HIVE,
        rb".{2,}",
        "more bytes than the type has",
        b"\0" * 9,
        "the value of the first ones",
        "quarantine",
        "the first half of a long is no int",
        binary=True,
    ),
    Difference(
        ("smallint",),
        BOTH,
        Side.OURS,
        rb"\\N",
        "the two bytes `\\N`",
        b"\\N",
        "NULL",
        "23630",
        "they are a number like any other",
        binary=True,
    ),
)

OTHERS = (
    "| binary | what looks like Base64 | what it stands for | the bytes | nobody can tell one from the other |",
    "| binary | the two bytes `\\N` | NULL | the bytes | they are bytes like any other |",
    "| map | an empty cell | left out of the map | in the map, empty; quarantine where the items are no text |"
    " a qualifier without a value is often a mark |",
    "| map | an item that cannot be read | NULL | quarantine of the row | nothing is dropped in silence |",
)


def table() -> str:
    """As docs/sources.md has it."""
    head = "| type | cell | Hive | here | why |\n|-|-|-|-|-|\n"
    return head + "\n".join([*(difference.row() for difference in DIFFERENCES), *OTHERS]) + "\n"
