"""What the Hive table should hold, from a plain HBase scan: decoded by hand, with nothing of the loader's mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.thrift2.client import Thrift2

Image = tuple[Any, ...]
"""One row's values in the order of `Shape.names`; a map as sorted pairs, a timestamp in microseconds."""

NULL_PARTITION_TEXT = "__HIVE_DEFAULT_PARTITION__"
LONGEST_PARTITION_VALUE = 240  # bytes; tests use either far shorter or far longer ones


class Undecodable(Exception):
    """The row must be in quarantine."""


def text(value: bytes) -> str | None:
    if value == rb"\N":
        return None
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Undecodable("not UTF-8") from error


def long(value: bytes) -> int:
    if len(value) != 8:
        raise Undecodable(f"{len(value)} bytes for a long")
    return int.from_bytes(value, "big", signed=True)


def price(value: bytes) -> Decimal | None:
    spelled = text(value)
    if spelled is None:
        return None
    try:
        return Decimal(spelled).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except InvalidOperation as error:
        raise Undecodable("no number") from error


def moment(value: bytes) -> int | None:
    spelled = text(value)
    if spelled is None:
        return None
    try:
        seen = datetime.strptime(spelled, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    except ValueError as error:
        raise Undecodable("no time") from error
    return round((seen - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def partition_value(value: str | None) -> str | None:
    """Empty is null, as Hive reads it back."""
    if value and (value == NULL_PARTITION_TEXT or len(value.encode()) > LONGEST_PARTITION_VALUE):
        raise Undecodable("no partition can be named so")
    if value and (value.endswith(" ") or "\0" in value):
        raise Undecodable("not every metastore can store it, or tell it from others")
    return value or None


CELLS: Mapping[bytes, Callable[[bytes], Any]] = {b"title": text, b"clicks": long, b"price": price, b"seen": moment}
"""Cells of family d that both shapes have."""


def details(cells: Mapping[tuple[bytes, bytes], bytes]) -> list[Any]:
    """title, clicks, price, seen."""
    return [read(cells[b"d", name]) if (b"d", name) in cells else None for name, read in CELLS.items()]


def tags(cells: Mapping[tuple[bytes, bytes], bytes]) -> tuple[Any, ...]:
    """The whole family e as a map."""
    pairs = [(text(name), text(value)) for (family, name), value in cells.items() if family == b"e"]
    return tuple(sorted(pairs, key=repr))


def by_column(key: bytes, cells: Mapping[tuple[bytes, bytes], bytes]) -> Image:
    """Partitioned by the column d:campaign; the raw key is a binary column."""
    campaign = partition_value(text(cells.get((b"d", b"campaign"), b"")))
    return (key, *details(cells), campaign)


def by_key(key: bytes, cells: Mapping[tuple[bytes, bytes], bytes]) -> Image:
    """Partitioned by the first part of the key `campaign|ad`; family e is a map column."""
    campaign, delimiter, ad = key.partition(b"|")
    if not delimiter or rb"\N" in (campaign, ad):
        raise Undecodable("the key has no two parts")
    return (text(ad), *details(cells), tags(cells), partition_value(text(campaign)))


@dataclass(frozen=True)
class Shape:
    """A table of the oracle. `key_of`: an image's raw row key. `families`: those of which every cell is mapped."""

    name: str
    settings: str
    select: str
    image: Callable[[bytes, Mapping[tuple[bytes, bytes], bytes]], Image]
    key_of: Callable[[Image], bytes]
    mapped: frozenset[bytes]  # qualifiers of family d
    families: frozenset[bytes] = frozenset()

    def has_row(self, cells: Iterable[tuple[bytes, bytes]]) -> bool:
        """A row exists if it has a mapped cell."""
        return any(family in self.families or (family == b"d" and name in self.mapped) for family, name in cells)


COMMON = """\
    title: string
    clicks: bigint
    price: decimal(10,2)
    seen: timestamp
"""
SELECT = "title, clicks, price, unix_micros(seen)"

BY_COLUMN = Shape(
    name="by_column",
    settings=f"columns:\n    id: binary\n    campaign: string\n{COMMON}"
    'mapping: ":key,d:campaign,d:title,d:clicks#b,d:price,d:seen"\n'
    "partition_by: [campaign]",
    select=f"id, {SELECT}, campaign",
    image=by_column,
    key_of=lambda image: image[0],
    mapped=frozenset({b"campaign", *CELLS}),
)
BY_KEY = Shape(
    name="by_key",
    settings=f"columns:\n    campaign: string\n    ad: string\n{COMMON}    tags: map<string,string>\n"
    "mapping: {title: 'd:title', clicks: {cell: 'd:clicks', type: long_be}, price: 'd:price', seen: 'd:seen',"
    " tags: 'e:'}\n"
    "row_key: {columns: [campaign, ad], delimiter: '|'}\n"
    "partition_by: [campaign]",
    select=f"ad, {SELECT}, tags, campaign",
    image=by_key,
    key_of=lambda image: b"|".join([(image[-1] or "").encode(), image[0].encode()]),
    mapped=frozenset(CELLS),
    families=frozenset({b"e"}),
)


@dataclass(frozen=True)
class Truth:
    """HBase's rows now: images by raw key, and the keys that nobody can decode, each with why."""

    images: Mapping[bytes, Image]
    undecodable: Mapping[bytes, str]


def truth_of(client: Thrift2, table: str, shape: Shape) -> Truth:
    """A plain scan of the whole table: newest versions, no filter, no time range."""
    images: dict[bytes, Image] = {}
    undecodable: dict[bytes, str] = {}
    for rows in client.scan(table, Scan()):
        for row in rows:
            cells = {(cell.family, cell.qualifier): cell.value for cell in row.columnValues}
            if not shape.has_row(cells):
                continue
            try:
                images[row.row] = shape.image(row.row, cells)
            except Undecodable as error:
                undecodable[row.row] = str(error)
    return Truth(images, undecodable)


def hive_rows(spark: Any, table: str, shape: Shape) -> list[Image]:
    """Every row that a reader of the Hive table sees, duplicates included."""
    found: Sequence[Any] = spark.sql(f"SELECT {shape.select} FROM {table}").collect()
    return [tuple(_plain(value) for value in row) for row in found]


def _plain(value: Any) -> Any:
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, dict):
        return tuple(sorted(value.items(), key=repr))
    return value
