"""Rows of every column type, of the values at which engines part."""

import math
import struct
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loader.mapping.hive_types import HiveType, parse_hive_type

COLUMNS = {
    **{"s": "string", "u": "string", "v": "varchar(7)", "c": "char(5)", "e": "char(3)", "b": "binary"},
    **{"i1": "tinyint", "i2": "smallint", "i4": "int", "j4": "int", "i8": "bigint", "j8": "bigint"},
    **{"f": "float", "g": "float", "x": "double", "y": "double", "ok": "boolean", "no": "boolean"},
    **{"d0": "decimal(10,2)", "d1": "decimal(38,18)", "d2": "decimal(38,0)", "d3": "decimal(5,5)"},
    **{"d4": "decimal(18,6)", "d5": "decimal(1,0)", "day": "date", "eve": "date", "t": "timestamp", "w": "timestamp"},
}
TYPES: dict[str, HiveType] = {name: parse_hive_type(kind) for name, kind in COLUMNS.items()}

SPACES = "\u00a0\u1680\u2000\u2003\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\u0085\x1c\x1f\t\n\x0b\f\r"
TEXTS = (
    *("", " ", "  ", "a", "A", "ab", "aB ", " ab", "red", "abcde", "abcdef  ", "true", "12", "-1", "1.5", "2020-01-01"),
    *("\u00a0x", "x\u3000", " \t x \n", "\0", "a\0b", "%", "_", "a%b_c", "\\", "a\\b", "'", '"', "''", "\r\n", "a\nb"),
    *(
        "ß",
        "ẞ",
        "Straße",
        "İ",
        "ı",
        "i",
        "I",
        "ŉ",
        "ǰ",
        "ﬁ",
        "ﬃ",
        "ΐ",
        "ὖ",
        "ᾳ",
        "ΑΣ",
        "ΑΣ Σ",
        "Σ",
        "ΣΑΣ",
        "σς",
        "ǅ",
        "Ǆ",
    ),
    *(
        "e\u0301",
        "\u0301",
        "é",
        "A\u030a",
        "Å",
        "\u212b",
        "\u212a",
        "𐐀𐐨",
        "𝒜",
        "😀",
        "👩‍👩‍👧",
        "🇩🇪",
        "\U0010ffff",
        "\ufffd",
        "\ue000",
    ),
    *(
        "世界",
        "한",
        "한글",
        "שלום",
        "مرحبا",
        "ไทย",
        "\u202eabc",
        "a\u0345Σ",
        "Ა",
        "ა",
        "Ꭰ",
        "ꭰ",
        "ʼn",
        "\uffff",
        SPACES,
    ),
    *("a" * 300, "ß" * 1000, "x" * 20_000, "😀" * 50),
)
INTEGERS = (0, 1, -1, 2, -2, 3, 5, 7, 9, 10, 11, 100, -100)
REALS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 0.1, 0.3, 1.1, 1e-9, 123456.789, 2.675, 1.005, 99999.995, 1e10, 1e15),
    *(math.nan, math.inf, -math.inf, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 1e23),
    *(2.0**24 + 1, 2.0**31, -(2.0**31), 2.0**31 - 0.5, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e38, 9.9999999e37, 1e39),
    *(3.4028234663852886e38, 1e-45, 127.9, -128.9, 32767.5, 2147483647.0, 2147483648.0, 9.223372036854775e18),
)
DAYS = (
    *(date(1, 1, 1), date(1, 12, 31), date(999, 2, 28), date(1582, 10, 4), date(1582, 10, 10), date(1582, 10, 15)),
    *(
        date(1900, 2, 28),
        date(1969, 12, 31),
        date(1970, 1, 1),
        date(2000, 2, 29),
        date(2026, 1, 31),
        date(9999, 12, 31),
    ),
)
HOURS = (
    *(timedelta(), timedelta(microseconds=1), timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)),
    *(timedelta(hours=12, milliseconds=120), timedelta(hours=1, seconds=1), timedelta(hours=6, microseconds=100_000)),
)


def odd_rows(random: Random, count: int) -> pa.Table:
    """A tenth of the values are null. `id` counts."""
    columns = {name: [_value(kind, random) for _ in range(count)] for name, kind in TYPES.items()}
    arrays = {name: pa.array(values, TYPES[name].arrow) for name, values in columns.items()}
    return pa.table({**arrays, "id": pa.array(range(count), pa.int64())})


def write_rows(rows: pa.Table, path: Path) -> None:
    """As Spark reads it: timestamps are moments in UTC."""
    for name in rows.column_names:
        if pa.types.is_timestamp(rows[name].type):
            moments = rows[name].cast(pa.timestamp("us", "UTC"))
            rows = rows.set_column(rows.schema.get_field_index(name), name, moments)
    pq.write_table(rows, path)


def _value(kind: HiveType, random: Random) -> Any:
    return None if random.random() < 0.1 else _MAKERS.get(kind.name, _integer)(kind, random)


def _integer(kind: HiveType, random: Random) -> int:
    most = 2 ** (kind.arrow.bit_width - 1)
    return random.choice([*INTEGERS, most - 1, -most, random.randrange(-most, most), most // 2])


def _text(kind: HiveType, random: Random) -> str:
    text = random.choice(TEXTS) if random.random() < 0.8 else "".join(random.choices("abAB ıßΣ%_'\\\0😀", k=6))
    return text[: kind.length] if kind.length else text


def _real(kind: HiveType, random: Random) -> float:
    value = random.choice(REALS) if random.random() < 0.7 else random.uniform(-1000, 1000)
    return value if kind.name == "double" else _single(value)


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _decimal(kind: HiveType, random: Random) -> Decimal:
    digits, scale = kind.length or 10, kind.scale or 0
    most = 10**digits - 1
    one = 10**scale if digits > scale else 1
    number = random.choice(
        [0, 1, -1, most, -most, one, -one, 15 * one // 10, random.randint(-most, most), most // 10**5]
    )
    number = max(-most, min(most, number if random.random() < 0.8 else random.randint(-1000, 1000)))
    return Decimal((0 if number >= 0 else 1, tuple(map(int, str(abs(number)))), -scale))


_MAKERS: dict[str, Callable[[HiveType, Random], Any]] = {
    **dict.fromkeys(("string", "varchar", "char"), _text),
    **dict.fromkeys(("float", "double"), _real),
    "binary": lambda kind, random: random.choice([b"", b"a", b"\xff\0", b"ab", b"\x80"]),
    "boolean": lambda kind, random: random.random() < 0.5,
    "decimal": _decimal,
    "date": lambda kind, random: random.choice(DAYS),
    "timestamp": lambda kind, random: datetime.combine(random.choice(DAYS), datetime.min.time()) + random.choice(HOURS),
}
