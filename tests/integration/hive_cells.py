"""Some hundred cells a type: what people write, what is nearly that, and what a seeded hand makes of both."""

import random
from collections.abc import Iterator

from tests.unit.mapping.odd_cells import EDGES

SEED = 7
MUTATIONS = 250
LONGEST = 200

_INTEGERS = (
    *(
        b"12",
        b"-7",
        b"+7",
        b"12.0",
        b"12.7",
        b"-0.9",
        b".5",
        b"5.",
        b"12.x",
        b"--1",
        b" 12",
        b"12 ",
        b"+.1",
        b"-",
        b"+.",
    ),
    *(b"0" * 40 + b"1", b"1" * 40, b"true", b"NULL", b"1e3", b"1,000", b"127", b"128", b"-128", b"-129", b"127.9"),
    *(b"32767", b"32768", b"-32769", b"2147483647", b"2147483648", b"-2147483649", b"9223372036854775807.9"),
)
_FLOATS = (
    *(b"12", b"1.5", b"-1.5e10", b"1e400", b"NaN", b"-NaN", b"+NaN", b"Infinity", b"-Infinity", b"inf", b"5d", b"5F"),
    *(b" 1 ", b"\t1\n", b"0x1p3", b"0x1.8p1", b"1.", b".5", b"1e", b"1e+5", b"1_0", b"null", b"-0.0", b"4.9e-324"),
    *(
        b"2e-324",
        b"1f ",
        b"1dd",
        b"+5",
        b"1\x00",
        b"NaN ",
        b"3.4028236e38",
        b"3.4028235677973366e38",
        b"1e39",
        b"7e-46",
    ),
)
_DECIMALS = (
    *(b"12", b"1.005", b"-1.005", b"1.015", b"99999999.99", b"99999999.994", b"99999999.995", b"100000000", b"1e3"),
    *(
        b"1E-3",
        b"1e+3",
        b".5",
        b".5e1",
        b"5.",
        b"+5",
        b" 5 ",
        b"5\t",
        b"5\n",
        b"1_0",
        b"NaN",
        b"-0",
        b"0.001",
        b"1e100",
    ),
    *(b"1e-99", b"1e-100", b"0e100", b"1E0005", b"1" * 60, b"0." + b"1" * 60, b"1 2", b"5d", b"0x1", b"1.2.3", b"."),
    *(b"9" * 28, b"9" * 29, b"9" * 28 + b".99999999994", b"9" * 28 + b".99999999995", b"1" * 40 + b"e-38", b"1,000"),
    *(b"0.00" + b"4" + b"9" * 44, b"1e5.0", b"1e", b"1e "),
)
_DATES = (
    *(b"2026-02-28", b"2026-2-8", b"2026-02-30", b"2026-13-01", b"2024-02-29", b"2023-02-29", b"0001-01-01"),
    *(b"9999-12-31", b"10000-01-01", b" 2026-02-28 ", b"2026-02-28 10:11:12", b"2026-02-28T10:11:12", b"2026-02-28x"),
    *(
        b"20260228",
        b"2026/02/28",
        b"2026-02",
        b"26-02-28",
        b"1582-10-10",
        b"2026-02-28\n",
        b"+2026-02-28",
        b"2026-00-10",
    ),
    *(
        b"2026-01-00",
        b"2026-01-32",
        b"02026-01-01",
        b"2026-001-01",
        b"1970-01-01",
        b"1900-02-29",
        b"2026-02-28 24:00:00",
    ),
)
_TIMES = (
    *(b"2026-02-28 10:11:12", b"2026-02-28 1:2:3", b"2026-2-8 1:2:3", b"2026-02-28", b"2026-2-8", b"2026-02-28 10:11"),
    *(
        b"2026-02-28 10",
        b"2026-02-28T10:11:12",
        b"2026-02-28 10:11:12.5",
        b"2026-02-28 10:11:12.123456",
        b"1767268800000",
    ),
    *(b"2026-02-28 10:11:12.123456789", b"2026-02-28 10:11:12.1234567891", b"2026-02-28 10:11:12.", b"1767268800.5"),
    *(b"2026-02-28 24:00:00", b"2026-02-28 23:59:60", b"2026-02-30 10:00:00", b" 2026-02-28 10:11:12 ", b"null"),
    *(b"2026-02-28 10:11:12Z", b"2026-02-28 10:11:12 UTC", b"2026-02-28 10:11:12+01:00", b"0000-01-01 00:00:00"),
    *(b"9999-12-31 23:59:59.999999999", b"10000-01-01 00:00:00", b"-0001-01-01 00:00:00", b"1582-10-10 00:00:00"),
    *(b"2026-02-28T1:2:3", b"2026-02-28T10:11", b"2026-02-28t10:11:12.", b"2026-2-8T10:11:12", b"2026-02-28T10"),
    *(b"2026-02-28  10:11:12", b"2026-02-28 10:11:12.123 ", b"2026-02-28\t10:11:12", b"2026-02-28 10:11:12,5"),
)
_BOOLEANS = (
    *(
        b"true",
        b"TRUE",
        b"tRuE",
        b"false",
        b"FALSE",
        b"1",
        b"0",
        b"t",
        b"f",
        b"yes",
        b" true",
        b"true ",
        b"trueX",
        b"T",
    ),
)
_TEXTS = (
    *(b"a", b"abc", b"abcd", b"ab ", b"ab  ", b" ab", "äöüß".encode(), "a€𝄞b".encode(), b"   ", b"    ", b"\xff\xfe"),
    *(b"ab\xff", b"\x00", b"a\nb", "e\u0301\u0301x".encode()),
)

WRITTEN: dict[str, tuple[bytes, ...]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), _INTEGERS),
    **dict.fromkeys(("float", "double"), _FLOATS),
    **dict.fromkeys(("decimal(10,2)", "decimal(38,10)"), _DECIMALS),
    "date": _DATES,
    "timestamp": _TIMES,
    "boolean": _BOOLEANS,
    **dict.fromkeys(("string", "varchar(3)", "char(3)"), _TEXTS),
}
BINARY = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")


def text_cells(kind: str) -> list[bytes]:
    """Cells for a column of text; the same at every call."""
    hand = random.Random(SEED)
    short = [cell for cell in (*WRITTEN[kind], *EDGES) if len(cell) < LONGEST]
    made = [_mutated(hand.choice(WRITTEN[kind]), hand) for _ in range(MUTATIONS)]
    return list(dict.fromkeys([*short, *made]))


def binary_cells() -> list[bytes]:
    """Cells of no byte to nine."""
    hand = random.Random(SEED)
    return list(dict.fromkeys([b"\\N", *(_few(hand, size) for size in range(10) for _ in range(30))]))


def _few(hand: random.Random, size: int) -> bytes:
    return bytes(hand.choice((0, 1, 0x7F, 0x80, 0xFF, 0xF8, hand.randrange(256))) for _ in range(size))


def _mutated(cell: bytes, hand: random.Random) -> bytes:
    return bytes(_with_changes(list(cell), hand))


def _with_changes(cell: list[int], hand: random.Random) -> Iterator[int]:
    for _ in range(hand.randint(1, 2)):
        place, new = hand.randint(0, len(cell)), hand.choice(b"0123456789+-. eEdDfFtT:/xZ_\t\0,")
        cell[place : place + hand.randint(0, 1)] = [new] * hand.randint(0, 1)
    yield from cell
