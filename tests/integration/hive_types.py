"""A table with a column of every type that the loader writes, and what HiveServer2 must show of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

SETTINGS = """\
columns:
    id: string
    b: boolean
    ti: tinyint
    si: smallint
    i: int
    l: bigint
    f: float
    d: double
    de: decimal(12,3)
    wide: decimal(38,10)
    s: string
    v: varchar(10)
    c: char(5)
    da: date
    ts: timestamp
    bi: binary
    m: map<string,bigint>
    day: date
mapping: ":key,d:b,d:ti,d:si,d:i,d:l,d:f,d:d,d:de,d:wide,d:s,d:v,d:c,d:da,d:ts,d:bi,m:,d:day"
partition_by: [day]
lag: 150ms
lock_wait: 1s"""

NAMES = ("b", "ti", "si", "i", "l", "f", "d", "de", "wide", "s", "v", "c", "da", "ts", "bi")
SELECT = f"id, {', '.join(NAMES)}, m, day"


@dataclass(frozen=True)
class Row:
    """`cells`: text of family d by qualifier. `tags`: family m. `shown`: SELECT's columns in order."""

    key: str
    cells: Mapping[str, bytes]
    tags: Mapping[str, int]
    shown: tuple[Any, ...]


def row(key: str, day: str, values: Mapping[str, tuple[str | bytes, Any]], tags: Mapping[str, int]) -> Row:
    """`values`: the text in HBase, and what HiveServer2 shows; a column without is NULL."""
    cells = {name: text if isinstance(text, bytes) else text.encode() for name, (text, _) in values.items()}
    shown = tuple(values[name][1] if name in values else None for name in NAMES)
    pairs = dict(sorted(tags.items()))
    return Row(key, {**cells, "day": day.encode()}, tags, (key, *shown, pairs, date.fromisoformat(day)))


ORDINARY = {
    "b": ("true", True),
    "ti": ("-7", -7),
    "si": ("300", 300),
    "i": ("70000", 70000),
    "l": ("5000000000", 5_000_000_000),
    "f": ("0.5", 0.5),
    "d": ("0.1", 0.1),
    "de": ("12.345", Decimal("12.345")),
    "wide": ("1234567890123456789.0123456789", Decimal("1234567890123456789.0123456789")),
    "s": ("Grüße 漢 🙂", "Grüße 漢 🙂"),
    "v": ("varied", "varied"),
    "c": ("abcde", "abcde"),
    "da": ("2026-02-28", date(2026, 2, 28)),
    "ts": ("2026-02-28 10:11:12.123456", datetime(2026, 2, 28, 10, 11, 12, 123456)),
    "bi": (b"\x00\xff\x80", b"\x00\xff\x80"),
}
EXTREME = {
    "b": ("false", False),
    "ti": ("-128", -128),
    "si": ("-32768", -32768),
    "i": ("2147483647", 2**31 - 1),
    "l": ("-9223372036854775808", -(2**63)),
    "f": ("-3.5", -3.5),
    "d": ("1e300", 1e300),
    "de": ("-999999999.999", Decimal("-999999999.999")),
    "wide": ("-9999999999999999999999999999.9999999999", Decimal("-9999999999999999999999999999.9999999999")),
    "s": ("", ""),
    "v": ("ünïcödé 10", "ünïcödé 10"),
    "c": ("é", "é    "),
    "da": ("1900-01-01", date(1900, 1, 1)),
    "ts": ("1969-12-31 23:59:59.999999", datetime(1969, 12, 31, 23, 59, 59, 999999)),
    "bi": (b"\xfe" * 40, b"\xfe" * 40),
}
NIGHT = {
    "ts": ("2026-03-08 02:30:00.000001", datetime(2026, 3, 8, 2, 30, 0, 1)),  # no such hour in New York
    "da": ("2400-02-29", date(2400, 2, 29)),
}
ROWS = (
    row("ordinary", "2026-01-01", ORDINARY, {"a": 1, "b": -2}),
    row("extreme", "2026-01-01", EXTREME, {"": 0}),
    row("empty", "2026-01-02", {"b": ORDINARY["b"]}, {}),
    row("night", "2026-01-02", NIGHT, {"z": 9}),
)


def for_orc(row: Row) -> Row:
    """Without a fraction of a second before 1970, which the loader quarantines there."""
    place = 1 + NAMES.index("ts")
    moment = row.shown[place]
    if moment is None or moment >= datetime(1970, 1, 1):
        return row
    whole = moment.replace(microsecond=0)
    shown = (*row.shown[:place], whole, *row.shown[place + 1 :])
    return Row(row.key, {**row.cells, "ts": str(whole).encode()}, row.tags, shown)


def as_shown(fetched: tuple[Any, ...]) -> tuple[Any, ...]:
    """A map comes as JSON."""
    *values, tags, day = fetched
    return (*values, json.loads(tags) if tags is not None else None, day)
